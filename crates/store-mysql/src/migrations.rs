//! Numbered steps from an empty database to the current schema: forward only, each applied once and then never changed.
//!
//! To change the schema, add the next file to `migrations/` and a line below. MySQL cannot take a table's change back,
//! so a run that was cut short leaves a step half done: every statement of a step may be run twice. One that makes or
//! drops what is already made or dropped is taken for done.

use jiff::Timestamp;
use rotator_core::store::migrations::{self, Migration, Progress, left_to_take};

use crate::{
    connection::Session,
    error::{Fault, code},
    rows::get,
};

/// The steps.
pub(crate) const ALL: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../migrations/0001_init.sql") },
    Migration { version: 2, sql: include_str!("../migrations/0002_revision.sql") },
    Migration { version: 3, sql: include_str!("../migrations/0003_instances.sql") },
    Migration { version: 4, sql: include_str!("../migrations/0004_proxy_keys.sql") },
    Migration { version: 5, sql: include_str!("../migrations/0005_tallies.sql") },
    Migration { version: 6, sql: include_str!("../migrations/0006_key_resets.sql") },
];

/// The table that says which steps a database has taken. Its presence tells our tables from others'.
pub(crate) const LEDGER: &str = "rotator_migrations";

/// Takes every step that the database has not taken. The caller keeps others out.
pub(crate) async fn run(conn: &mut Session, steps: &[Migration], now: Timestamp) -> Result<Progress, Fault> {
    let (progress, left) = left_to_take(steps, &taken(conn).await?)?;
    for step in left {
        take(conn, step).await?;
        conn.execute(
            "INSERT INTO rotator_migrations (version, checksum, applied_at) VALUES (?, ?, ?)",
            (step.version, step.checksum(), now.as_millisecond()),
        )
        .await?;
    }
    Ok(progress)
}

/// Whether the database has taken every step. Changes nothing.
pub(crate) async fn must_be_current(conn: &mut Session, steps: &[Migration]) -> Result<(), Fault> {
    Ok(migrations::must_be_current(steps, &ledger(conn).await?)?)
}

async fn take(conn: &mut Session, step: &Migration) -> Result<(), Fault> {
    for statement in step.sql.split(";\n").filter(|statement| !statement.trim().is_empty()) {
        match conn.run(statement).await {
            Err(fault) if fault.code().is_some_and(is_done_already) => {}
            result => result?,
        }
    }
    Ok(())
}

fn is_done_already(number: u16) -> bool {
    matches!(number, code::TABLE_EXISTS | code::DUPLICATE_COLUMN | code::DUPLICATE_INDEX | code::CANNOT_DROP)
}

async fn taken(conn: &mut Session) -> Result<Vec<(i64, Vec<u8>)>, Fault> {
    conn.run(
        "CREATE TABLE IF NOT EXISTS rotator_migrations (
             version    BIGINT NOT NULL PRIMARY KEY,
             checksum   VARBINARY(32) NOT NULL, -- SHA-256 of the step's text
             applied_at BIGINT NOT NULL
         ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin",
    )
    .await?;
    ledger(conn).await
}

async fn ledger(conn: &mut Session) -> Result<Vec<(i64, Vec<u8>)>, Fault> {
    let rows = conn.rows("SELECT version, checksum FROM rotator_migrations ORDER BY version", ()).await?;
    rows.iter().map(|row| Ok((get(row, "version")?, get(row, "checksum")?))).collect()
}
