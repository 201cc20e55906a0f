//! The audit log.

use mysql_async::{Params, Row, Value, params};
use rotator_core::store::{AuditAction, AuditDetail, AuditEntry, Change, StoreError};

use crate::{
    connection::Session,
    error::Fault,
    rows::{self, get},
    transfer::unless_there,
};

/// Notes what is done, in the transaction that does it.
pub(crate) async fn note(tx: &mut Session, action: &AuditAction, by: &Change) -> Result<(), Fault> {
    let (name, object_id) = action.parts();
    tx.execute(
        "INSERT INTO audit_log (at, actor, address, action, object_id, detail, request_id)
         VALUES (:at, :actor, :address, :action, :object_id, :detail, :request_id)",
        params! {
            "at" => by.at.as_millisecond(), "actor" => &by.actor,
            "address" => by.address.map(|address| address.to_string()), "action" => name,
            "object_id" => object_id, "detail" => action.detail().to_string(), "request_id" => &by.request_id,
        },
    )
    .await
    .map(drop)
}

/// The latest entries, newest first.
pub(crate) async fn latest(tx: &mut Session, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
    let rows = tx.rows("SELECT * FROM audit_log ORDER BY id DESC LIMIT ?", (limit,)).await?;
    Ok(rows.iter().map(entry).collect::<Result<_, _>>()?)
}

/// Takes entries of another store under their own ids.
pub(crate) async fn import(tx: &mut Session, entries: &[(i64, AuditEntry)]) -> Result<(), Fault> {
    const COLUMNS: [&str; 8] =
        ["id", "at", "actor", "address", "action", "object_id", "detail", "request_id"];
    let mut values: Vec<Value> = Vec::with_capacity(entries.len() * COLUMNS.len());
    for (id, entry) in entries {
        values.extend([
            Value::from(*id),
            entry.at.as_millisecond().into(),
            entry.actor.as_str().into(),
            entry.address.map(|address| address.to_string()).into(),
            entry.action.as_str().into(),
            entry.object_id.into(),
            entry.detail.to_string().into(),
            entry.request_id.as_str().into(),
        ]);
    }
    if entries.is_empty() {
        return Ok(());
    }
    let sql = unless_there("audit_log", &COLUMNS, entries.len());
    tx.execute(&sql, Params::Positional(values)).await.map(drop)
}

pub(crate) fn entry(row: &Row) -> Result<AuditEntry, Fault> {
    Ok(AuditEntry {
        at: rows::time(get(row, "at")?),
        actor: get(row, "actor")?,
        address: get::<Option<String>>(row, "address")?.and_then(|address| address.parse().ok()),
        action: get(row, "action")?,
        object_id: get(row, "object_id")?,
        detail: AuditDetail::parse(&get::<String>(row, "detail")?),
        request_id: get(row, "request_id")?,
    })
}
