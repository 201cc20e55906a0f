//! The audit log.

use rotator_core::{
    store::{AuditAction, AuditDetail, AuditEntry, Change, StoreError},
    transfer::PIECE,
};
use rusqlite::{Row, Transaction};

use crate::{error, rows};

/// Notes what is done, in the transaction that does it.
pub(crate) fn note(tx: &Transaction<'_>, action: &AuditAction, by: &Change) -> Result<(), StoreError> {
    let (name, object_id) = action.parts();
    tx.prepare_cached(
        "INSERT INTO audit_log (at, actor, address, action, object_id, detail, request_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .and_then(|mut insert| {
        let address = by.address.map(|address| address.to_string());
        insert.execute((
            by.at.as_millisecond(),
            &by.actor,
            address,
            name,
            object_id,
            action.detail().to_string(),
            &by.request_id,
        ))
    })
    .map(drop)
    .map_err(error::store)
}

/// The latest entries, newest first.
pub(crate) fn latest(tx: &Transaction<'_>, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
    tx.prepare_cached("SELECT * FROM audit_log ORDER BY id DESC LIMIT ?1")
        .and_then(|mut select| select.query_map([limit], entry)?.collect())
        .map_err(error::store)
}

/// The entries after an id, as many as one piece of a transfer takes, each with its id.
pub(crate) fn after(tx: &Transaction<'_>, after: i64) -> Result<Vec<(i64, AuditEntry)>, StoreError> {
    tx.prepare_cached("SELECT * FROM audit_log WHERE id > ?1 ORDER BY id LIMIT ?2")
        .and_then(|mut select| {
            select.query_map((after, PIECE), |row| Ok((row.get("id")?, entry(row)?)))?.collect()
        })
        .map_err(error::store)
}

/// Takes an entry of another store under its own id.
pub(crate) fn import(tx: &Transaction<'_>, id: i64, entry: &AuditEntry) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO audit_log (id, at, actor, address, action, object_id, detail, request_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING",
    )
    .and_then(|mut insert| {
        insert.execute((
            id,
            entry.at.as_millisecond(),
            &entry.actor,
            entry.address.map(|address| address.to_string()),
            &entry.action,
            entry.object_id,
            entry.detail.to_string(),
            &entry.request_id,
        ))
    })
    .map(drop)
    .map_err(error::store)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        at: rows::time(row.get("at")?),
        actor: row.get("actor")?,
        address: row.get::<_, Option<String>>("address")?.and_then(|address| address.parse().ok()),
        action: row.get("action")?,
        object_id: row.get("object_id")?,
        detail: AuditDetail::parse(&row.get::<_, String>("detail")?),
        request_id: row.get("request_id")?,
    })
}
