//! Tables of another program's file.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, types::ValueRef};

use crate::error::{Error, Fault};

/// Those of these tables that a file has: their rows with the columns as text, those that are null left out. Blocks, and
/// changes nothing.
pub fn read_foreign(
    path: &Path,
    tables: &[&str],
) -> Result<BTreeMap<String, Vec<BTreeMap<String, String>>>, Error> {
    read(path, tables).map_err(|error| Fault::from(error).at(path))
}

fn read(path: &Path, tables: &[&str]) -> rusqlite::Result<BTreeMap<String, Vec<BTreeMap<String, String>>>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    let tx = conn.transaction()?;
    let mut found = BTreeMap::new();
    for table in tables {
        let is_there = tx
            .query_one("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1", [table], |_| Ok(()))
            .optional()?;
        if is_there.is_some() {
            let rows = tx
                .prepare(&format!("SELECT * FROM \"{table}\""))?
                .query_map((), text)?
                .collect::<Result<_, _>>()?;
            found.insert((*table).to_owned(), rows);
        }
    }
    Ok(found)
}

fn text(row: &Row<'_>) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut columns = BTreeMap::new();
    for (index, name) in row.as_ref().column_names().enumerate() {
        let value = match row.get_ref(index)? {
            ValueRef::Null => continue,
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        columns.insert(name.to_owned(), value);
    }
    Ok(columns)
}
