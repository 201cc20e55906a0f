//! Sessions that were ended before they expired.

use jiff::Timestamp;
use mysql_async::Row;
use rotator_core::store::StoreError;

use crate::{connection::Session, error::Fault, rows};

/// Remembers an ended session until its token would have expired.
pub(crate) async fn revoke(tx: &mut Session, session: &str, expires_at: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO revoked_sessions (session, expires_at) VALUES (?, ?)
         ON DUPLICATE KEY UPDATE expires_at = greatest(expires_at, VALUES(expires_at))",
        (session, expires_at.as_millisecond()),
    )
    .await?;
    Ok(())
}

/// The ended sessions whose tokens have not expired.
pub(crate) async fn revoked(tx: &mut Session, now: Timestamp) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT session FROM revoked_sessions WHERE expires_at > ?";
    let rows = tx.rows(sql, (now.as_millisecond(),)).await?;
    Ok(rows.iter().map(|row| rows::get(row, "session")).collect::<Result<_, _>>()?)
}

/// Every ended session, with the time at which its token would have expired.
pub(crate) async fn all(tx: &mut Session) -> Result<Vec<(String, Timestamp)>, Fault> {
    let found = tx.rows("SELECT session, expires_at FROM revoked_sessions ORDER BY session", ()).await?;
    let read = |row: &Row| Ok((rows::get(row, "session")?, rows::time(rows::get(row, "expires_at")?)));
    found.iter().map(read).collect()
}

/// Forgets the sessions whose tokens have expired.
pub(crate) async fn forget_expired(tx: &mut Session, now: Timestamp) -> Result<(), Fault> {
    tx.execute("DELETE FROM revoked_sessions WHERE expires_at <= ?", (now.as_millisecond(),)).await.map(drop)
}
