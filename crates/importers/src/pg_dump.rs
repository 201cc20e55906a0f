//! The rows of a plain `pg_dump`: its `COPY` blocks.

use crate::{Error, Record, Tables};

const EXPECTED: &str = "a plain dump of pg_dump, with COPY and not with INSERT or in a binary format";

/// The tables of a dump among these. A schema before a name is passed over.
pub fn tables(dump: &str, names: &[&str]) -> Result<Tables, Error> {
    let mut tables = Tables::new();
    let mut lines = dump.lines();
    while let Some(line) = lines.next() {
        let Some((table, columns)) = heading(line) else { continue };
        let mut rows = Vec::new();
        loop {
            match lines.next() {
                None => return Err(Error::CutShort { table }),
                Some("\\.") => break,
                Some(line) => rows.push(record(&columns, line)),
            }
        }
        if names.contains(&table.as_str()) {
            tables.insert(table, rows);
        }
    }
    if tables.is_empty() { Err(Error::NotThat { expected: EXPECTED }) } else { Ok(tables) }
}

/// `COPY public.groups (id, "name") FROM stdin;`
fn heading(line: &str) -> Option<(String, Vec<String>)> {
    let rest = line.strip_prefix("COPY ")?.strip_suffix(" FROM stdin;")?;
    let (table, columns) = rest.strip_suffix(')')?.split_once(" (")?;
    let table = table.rsplit('.').next()?.trim_matches('"').to_owned();
    Some((table, columns.split(", ").map(|column| column.trim_matches('"').to_owned()).collect()))
}

fn record(columns: &[String], line: &str) -> Record {
    let values = line.split('\t');
    columns.iter().zip(values).filter_map(|(column, value)| Some((column.clone(), text(value)?))).collect()
}

/// A value as COPY writes it; `None` for null.
fn text(value: &str) -> Option<String> {
    if value == "\\N" {
        return None;
    }
    let mut text = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        text.push(match c {
            '\\' => match rest.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('v') => '\u{b}',
                Some(other) => other,
                None => '\\',
            },
            c => c,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "-- PostgreSQL database dump\n\nCOPY public.\"groups\" (id, name, notes) FROM stdin;\n\
                        1\tone\\\\two\t\\N\n2\ttab\\there\\nline\t\n\\.\n\nCOPY public.other (id) FROM stdin;\n9\n\\.\n";

    #[test]
    fn rows_are_read_with_their_escapes_and_nulls() {
        let tables = tables(DUMP, &["groups", "api_keys"]).unwrap();

        let rows = &tables["groups"];
        assert_eq!((rows[0]["name"].as_str(), rows[0].get("notes")), ("one\\two", None));
        assert_eq!((rows[1]["name"].as_str(), rows[1]["notes"].as_str()), ("tab\there\nline", ""));
        assert_eq!(tables.len(), 1);
    }

    #[test]
    fn what_is_no_dump_or_half_of_one_is_told() {
        assert!(matches!(tables("INSERT INTO groups VALUES (1);", &["groups"]), Err(Error::NotThat { .. })));
        let half = DUMP.split("2\t").next().unwrap();
        assert_eq!(tables(half, &["groups"]).unwrap_err(), Error::CutShort { table: "groups".into() });
    }
}
