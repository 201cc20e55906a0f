//! Numbered steps from an empty file to the current schema: forward only, each applied once and then never changed.
//!
//! To change the schema, add the next file to `migrations/` and a line below.

use jiff::Timestamp;
use rotator_core::store::migrations::{self, Migration, Progress, left_to_take};
use rusqlite::Transaction;

use crate::error::Fault;

/// The steps of the config database.
pub(crate) const CONFIG: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../migrations/config/0001_init.sql") },
    Migration { version: 2, sql: include_str!("../migrations/config/0002_key_rests.sql") },
    Migration { version: 3, sql: include_str!("../migrations/config/0003_key_groups.sql") },
    Migration { version: 4, sql: include_str!("../migrations/config/0004_revision.sql") },
    Migration { version: 5, sql: include_str!("../migrations/config/0005_proxy_keys.sql") },
    Migration { version: 6, sql: include_str!("../migrations/config/0006_key_resets.sql") },
];
/// The steps of the request log.
pub(crate) const REQUESTS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../migrations/requests/0001_init.sql") },
    Migration { version: 2, sql: include_str!("../migrations/requests/0002_trace.sql") },
    Migration { version: 3, sql: include_str!("../migrations/requests/0003_error_samples.sql") },
    Migration { version: 4, sql: include_str!("../migrations/requests/0004_usage.sql") },
    Migration { version: 5, sql: include_str!("../migrations/requests/0005_cost.sql") },
    Migration { version: 6, sql: include_str!("../migrations/requests/0006_usage_estimated.sql") },
    Migration { version: 7, sql: include_str!("../migrations/requests/0007_tallies.sql") },
    Migration { version: 8, sql: include_str!("../migrations/requests/0008_untyped.sql") },
];

/// The table that says which steps a file has taken. Its presence tells our files from others'.
pub(crate) const LEDGER: &str = "rotator_migrations";

/// Takes every step that the file has not taken. The caller's transaction is the lock around the whole run.
pub(crate) fn run(tx: &Transaction<'_>, steps: &[Migration], now: Timestamp) -> Result<Progress, Fault> {
    let (progress, left) = left_to_take(steps, &taken(tx)?)?;
    for step in left {
        tx.execute_batch(step.sql)?;
        tx.execute(
            "INSERT INTO rotator_migrations (version, checksum, applied_at) VALUES (?1, ?2, ?3)",
            (step.version, step.checksum(), now.as_millisecond()),
        )?;
    }
    Ok(progress)
}

/// Whether the file has taken every step. Changes nothing.
pub(crate) fn must_be_current(tx: &Transaction<'_>, steps: &[Migration]) -> Result<(), Fault> {
    Ok(migrations::must_be_current(steps, &ledger(tx)?)?)
}

fn taken(tx: &Transaction<'_>) -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS rotator_migrations (
             version    INTEGER PRIMARY KEY,
             checksum   BLOB NOT NULL, -- SHA-256 of the step's text
             applied_at INTEGER NOT NULL
         ) STRICT",
    )?;
    ledger(tx)
}

fn ledger(tx: &Transaction<'_>) -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
    tx.prepare("SELECT version, checksum FROM rotator_migrations ORDER BY version")?
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn records_of_an_earlier_version_are_kept_value_by_value() {
        let mut log = Connection::open_in_memory().unwrap();
        let tx = log.transaction().unwrap();
        run(&tx, &REQUESTS[..7], Timestamp::UNIX_EPOCH).unwrap();
        let columns = "id, request_id, started_at, config_id, key_id, proxy_key, method, path, status, outcome, attempts, \
                       duration_us, first_byte_us, bytes_in, bytes_out, client, trace, model, tokens_input, \
                       tokens_cached_read, tokens_cache_write, tokens_output, tokens_reasoning, cost, usage_estimated";
        let values = "7, 'r', 1, 2, 3, 4, 'GET', '/', 200, 0, 1, 5, NULL, 6, 7, x'7f000001', '{}', 'm', 8, 9, 10, 11, 12, 13, 1";
        tx.execute_batch(&format!("INSERT INTO requests ({columns}) VALUES ({values})")).unwrap();
        let row = |tx: &Transaction<'_>| -> String {
            let quoted: Vec<_> = columns.split(", ").map(|name| format!("quote({name})")).collect();
            let sql = format!("SELECT concat_ws(', ', {}) FROM requests", quoted.join(", "));
            tx.query_one(&sql, (), |row| row.get(0)).unwrap()
        };
        let before = row(&tx);

        run(&tx, REQUESTS, Timestamp::UNIX_EPOCH).unwrap();

        assert_eq!(row(&tx), before);
        assert_eq!(before, values.replace("x'7f000001'", "X'7F000001'"));
    }
}
