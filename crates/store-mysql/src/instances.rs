//! The instances that live, and which of them leads. Time is the server's, so that no instance's clock matters.

use std::time::Duration;

use mysql_async::Row;
use rotator_core::store::{Instance, LiveInstance, StoreError, Term};

use crate::{
    connection::Session,
    error::Fault,
    rows::{self, count, get},
};

/// The server's time in milliseconds since 1970.
const NOW: &str = "(timestampdiff(MICROSECOND, '1970-01-01', utc_timestamp(3)) DIV 1000)";

/// An instance lives for so long, and leads for so long if nobody else does.
pub(crate) async fn beat(
    tx: &mut Session,
    instance: &Instance,
    ttl: Duration,
) -> Result<Option<Term>, StoreError> {
    let (id, about) = (&instance.id, serde_json::to_string(instance).map_err(|_| Fault::Value)?);
    let ttl = i64::try_from(ttl.as_millis()).map_err(|_| Fault::Value)?;
    let sql = format!(
        "INSERT INTO instances (id, about, ends_at) VALUES (?, ?, {NOW} + ?)
         ON DUPLICATE KEY UPDATE about = VALUES(about), ends_at = VALUES(ends_at)"
    );
    tx.execute(&sql, (id, about, ttl)).await?;
    // Both servers assign from left to right: the term looks at the instance that was.
    let sql = format!(
        "UPDATE leadership SET term = term + (instance <> ?), instance = ?, ends_at = {NOW} + ?
         WHERE instance = ? OR ends_at <= {NOW}"
    );
    if tx.execute(&sql, (id, id, ttl, id)).await? == 0 {
        return Ok(None);
    }
    tx.execute(&format!("DELETE FROM instances WHERE ends_at <= {NOW}"), ()).await?;
    let term: i64 = rows::only(tx.row("SELECT term FROM leadership", ()).await?.as_ref())?;
    Ok(Some(Term(count(term))))
}

/// Whether nobody has begun to lead since this term began, and nobody does before the transaction ends.
pub(crate) async fn is_current(tx: &mut Session, term: Term) -> Result<bool, Fault> {
    let sql = "SELECT term FROM leadership LOCK IN SHARE MODE";
    let current: i64 = rows::only(tx.row(sql, ()).await?.as_ref())?;
    Ok(count(current) == term.0)
}

/// An instance lives and leads no more.
pub(crate) async fn leave(tx: &mut Session, id: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM instances WHERE id = ?", (id,)).await?;
    tx.execute("UPDATE leadership SET ends_at = 0 WHERE instance = ?", (id,)).await?;
    Ok(())
}

/// Those that live.
pub(crate) async fn list(tx: &mut Session) -> Result<Vec<LiveInstance>, StoreError> {
    let sql = format!(
        "SELECT i.about, l.term FROM instances i
         LEFT JOIN leadership l ON l.instance = i.id AND l.ends_at > {NOW}
         WHERE i.ends_at > {NOW} ORDER BY i.id"
    );
    let found = tx.rows(&sql, ()).await?;
    Ok(found.iter().map(read).filter_map(Result::transpose).collect::<Result<_, _>>()?)
}

/// `None` for one of another version that tells of itself in another way.
fn read(row: &Row) -> Result<Option<LiveInstance>, Fault> {
    let term = get::<Option<i64>>(row, "term")?.map(|term| Term(count(term)));
    let about: String = get(row, "about")?;
    Ok(serde_json::from_str(&about).ok().map(|instance| LiveInstance { instance, term }))
}
