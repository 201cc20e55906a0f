//! Numbered steps from an empty file to the current schema: forward only, each applied once and then never changed.
//!
//! To change the schema, add the next file to `migrations/` and a line below.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use rusqlite::Transaction;

use crate::error::Fault;

/// One step.
pub(crate) struct Migration {
    version: i64,
    sql: &'static str,
}

/// The steps of the config database.
pub(crate) const CONFIG: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../migrations/config/0001_init.sql") },
    Migration { version: 2, sql: include_str!("../migrations/config/0002_key_rests.sql") },
    Migration { version: 3, sql: include_str!("../migrations/config/0003_key_groups.sql") },
];
/// The steps of the request log.
pub(crate) const REQUESTS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../migrations/requests/0001_init.sql") },
    Migration { version: 2, sql: include_str!("../migrations/requests/0002_trace.sql") },
    Migration { version: 3, sql: include_str!("../migrations/requests/0003_error_samples.sql") },
    Migration { version: 4, sql: include_str!("../migrations/requests/0004_usage.sql") },
];

/// The table that says which steps a file has taken. Its presence tells our files from others'.
pub(crate) const LEDGER: &str = "rotator_migrations";

/// What a run did: the version before and after; before the first run it is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// Takes every step that the file has not taken. The caller's transaction is the lock around the whole run.
pub(crate) fn run(tx: &Transaction<'_>, steps: &[Migration], now: Timestamp) -> Result<Progress, Fault> {
    let applied = applied(tx)?;
    let from = applied.last().map_or(0, |(version, _)| *version);
    let to = steps.last().map_or(0, |step| step.version);
    if from > to {
        return Err(Fault::Newer { found: from, known: to });
    }
    for step in steps {
        let checksum = digest(&SHA256, step.sql.as_bytes());
        match applied.iter().find(|(version, _)| *version == step.version) {
            Some((_, known)) if known == checksum.as_ref() => {}
            Some(_) => return Err(Fault::Changed { version: step.version }),
            None => {
                tx.execute_batch(step.sql)?;
                tx.execute(
                    "INSERT INTO rotator_migrations (version, checksum, applied_at) VALUES (?1, ?2, ?3)",
                    (step.version, checksum.as_ref(), now.as_millisecond()),
                )?;
            }
        }
    }
    Ok(Progress { from, to })
}

fn applied(tx: &Transaction<'_>) -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS rotator_migrations (
             version    INTEGER PRIMARY KEY,
             checksum   BLOB NOT NULL, -- SHA-256 of the step's text
             applied_at INTEGER NOT NULL
         ) STRICT",
    )?;
    tx.prepare("SELECT version, checksum FROM rotator_migrations ORDER BY version")?
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
