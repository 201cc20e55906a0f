//! Sessions that were ended before they expired.

use jiff::Timestamp;
use rotator_core::store::StoreError;
use rusqlite::{Connection, Transaction};

use crate::{error, rows};

/// Remembers an ended session until its token would have expired.
pub(crate) fn revoke(tx: &Transaction<'_>, session: &str, expires_at: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO revoked_sessions (session, expires_at) VALUES (?1, ?2)
         ON CONFLICT (session) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)",
        (session, expires_at.as_millisecond()),
    )
    .map(drop)
    .map_err(error::store)
}

/// The ended sessions whose tokens have not expired.
pub(crate) fn revoked(tx: &Transaction<'_>, now: Timestamp) -> Result<Vec<String>, StoreError> {
    tx.prepare_cached("SELECT session FROM revoked_sessions WHERE expires_at > ?1")
        .and_then(|mut select| select.query_map([now.as_millisecond()], |row| row.get(0))?.collect())
        .map_err(error::store)
}

/// Every ended session, with the time at which its token would have expired.
pub(crate) fn all(tx: &Transaction<'_>) -> Result<Vec<(String, Timestamp)>, StoreError> {
    tx.prepare_cached("SELECT session, expires_at FROM revoked_sessions ORDER BY session")
        .and_then(|mut select| {
            select.query_map((), |row| Ok((row.get(0)?, rows::time(row.get(1)?))))?.collect()
        })
        .map_err(error::store)
}

/// Forgets the sessions whose tokens have expired.
pub(crate) fn forget_expired(conn: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    conn.execute("DELETE FROM revoked_sessions WHERE expires_at <= ?1", [now.as_millisecond()]).map(drop)
}
