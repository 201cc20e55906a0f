//! Takes over a database of the old project, in place: the same tables in GORM's layout, with the keys in plain text.
//!
//! Ids stay. Nothing is lost: a config that makes no sense today is switched off and mended as far as can be, with
//! its former fields in the audit log; a key that no header may carry, or whose config is gone, is kept out of
//! rotation. The report has a sentence for each. It all happens in one transaction.

mod configs;
mod keys;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use rotator_core::{store::Change, vault::Vault};
use rusqlite::{OptionalExtension, Row, Transaction, types::ValueRef};

use crate::{audit, backup, connection::open_reader, error::Fault, migrations, open::OpenOptions};

/// What was taken over from the old project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adoption {
    /// How many configs.
    pub configs: u64,
    /// How many keys, every one sealed now.
    pub keys: u64,
    /// How many keys their config had twice; of those, one is left.
    pub duplicates: u64,
    /// A sentence for every row that was not taken over as it was.
    pub notes: Vec<String>,
    /// The copy of the file as it was, if one was asked for. Its keys are in plain text.
    pub copy: Option<PathBuf>,
}

impl fmt::Display for Adoption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { configs, keys, duplicates, .. } = self;
        write!(
            f,
            "adopted {configs} configs and {keys} keys of the old project ({duplicates} duplicate keys merged)"
        )?;
        if let Some(copy) = &self.copy {
            write!(f, "; the former database, with its keys in plain text, is in {}", copy.display())?;
        }
        Ok(())
    }
}

/// Whether this is a database of the old project. It has its tables, and not our ledger.
pub(crate) fn is_old_project(tx: &Transaction<'_>) -> rusqlite::Result<bool> {
    tx.query_one(
        "SELECT NOT EXISTS (SELECT 1 FROM pragma_table_list WHERE name = ?1)
            AND (SELECT count(*) FROM pragma_table_info('proxy_configs')
                 WHERE name IN ('id', 'name', 'slug', 'config_type', 'is_active')) = 5
            AND (SELECT count(*) FROM pragma_table_info('api_keys')
                 WHERE name IN ('id', 'key_value', 'is_active', 'proxy_config_id')) = 4",
        [migrations::LEDGER],
        |row| row.get(0),
    )
}

/// Makes room for our tables of the same names.
pub(crate) fn set_aside(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch(
        "ALTER TABLE proxy_configs RENAME TO old_proxy_configs;
         ALTER TABLE api_keys RENAME TO old_api_keys;",
    )
}

/// Moves what was set aside into our tables.
pub(crate) fn adopt(tx: &Transaction<'_>, vault: &Vault, options: &OpenOptions) -> Result<Adoption, Fault> {
    let mut adoption = Adoption::default();
    let by = Change { at: options.now, actor: "upgrade".into(), address: None, request_id: String::new() };
    continue_ids(tx)?;
    let mut configs = configs::adopt(tx, vault, &by, &mut adoption)?;
    keys::adopt(tx, vault, &mut configs, &by, &mut adoption)?;
    tx.execute_batch("DROP TABLE old_api_keys; DROP TABLE old_proxy_configs;")?;
    audit::note(tx, "database.adopt", None, &adoption.to_string(), &by)?;
    if options.keep_upgrade_copy {
        adoption.copy = Some(copy(&options.path, options.now)?);
    }
    Ok(adoption)
}

/// Ids go on where the old tables stopped, also after rows that were deleted there.
fn continue_ids(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    for table in ["proxy_configs", "api_keys"] {
        let counted: Option<i64> = tx
            .query_one("SELECT seq FROM sqlite_sequence WHERE name = 'old_' || ?1", [table], |row| row.get(0))
            .optional()?;
        let used: Option<i64> =
            tx.query_one(&format!("SELECT max(id) FROM old_{table}"), (), |row| row.get(0))?;
        let last = counted.max(used).unwrap_or(0);
        tx.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", (table, last))?;
    }
    Ok(())
}

/// Copies the file as every other connection still sees it.
fn copy(path: &Path, now: Timestamp) -> Result<PathBuf, Fault> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let to = path.with_file_name(format!("{stem}.before-upgrade-{}.db", now.strftime("%Y%m%dT%H%M%SZ")));
    match backup::copy(&open_reader(path)?, &to) {
        Ok(()) => Ok(to),
        Err(source) => Err(Fault::Copy { to, source }),
    }
}

/// How Go's `time.Time` describes itself.
const GO_TIME: &str = "%Y-%m-%d %H:%M:%S%.f %z";

/// A row of an old table. What the columns hold is what GORM, an older version of it, or a hand put there.
struct OldRow<'a>(&'a Row<'a>);

impl OldRow<'_> {
    /// The number in an integer column.
    fn number(&self, column: &str) -> rusqlite::Result<i64> {
        self.0.get(column)
    }

    /// The text in a column; `None` when the column is not there, null or empty.
    fn text(&self, column: &str) -> Option<String> {
        let text = match self.0.get_ref(column).ok()? {
            ValueRef::Null => return None,
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// A boolean, however it was written. Null is false, as the old project read it.
    fn flag(&self, column: &str) -> bool {
        self.text(column)
            .is_some_and(|text| matches!(text.to_ascii_lowercase().as_str(), "1" | "1.0" | "true" | "t"))
    }

    /// A time, however it was written; without an offset it is UTC.
    fn time(&self, column: &str) -> Option<Timestamp> {
        let text = self.text(column)?;
        // Go writes `2024-05-01 12:00:00.5+08:00`, or `2024-05-01 12:00:00.5 +0800 CST m=+1.5`.
        let words: Vec<&str> = text.split_whitespace().collect();
        let with_offset = Timestamp::strptime(GO_TIME, words[..words.len().min(3)].join(" "));
        let without_offset = || words[..words.len().min(2)].join(" ").parse::<DateTime>().ok();
        let in_utc = || Some(without_offset()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
        text.parse().or(with_offset).ok().or_else(in_utc)
    }
}
