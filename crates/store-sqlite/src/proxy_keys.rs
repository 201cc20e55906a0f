//! Keys that clients show to us.

use jiff::Timestamp;
use rotator_core::{
    access::sha256_of,
    model::{ProxyKey, ProxyKeyId, ProxyKeySpec},
    secret::Secret,
    store::{AuditAction, Change, StoreError, StoredProxyKey},
    vault::Vault,
};
use rusqlite::{OptionalExtension, Row, Transaction};

use crate::{audit, error, rows};

/// All that make sense, in the order in which they were made.
pub(crate) fn all(tx: &Transaction<'_>, vault: &Vault) -> Result<Vec<ProxyKey>, StoreError> {
    Ok(stored(tx)?.into_iter().filter_map(|key| rows::readable(key.check(vault))).collect())
}

/// All of them; an error when one makes no sense.
pub(crate) fn whole(tx: &Transaction<'_>, vault: &Vault) -> Result<Vec<ProxyKey>, StoreError> {
    stored(tx)?.into_iter().map(|key| key.check(vault)).collect()
}

fn stored(tx: &Transaction<'_>) -> Result<Vec<StoredProxyKey>, StoreError> {
    tx.prepare_cached("SELECT * FROM proxy_keys ORDER BY id")
        .and_then(|mut select| select.query_map((), read)?.collect())
        .map_err(error::store)
}

/// Takes one over from another store, unless it is there.
pub(crate) fn import(tx: &Transaction<'_>, vault: &Vault, key: &ProxyKey) -> Result<(), StoreError> {
    let terms = StoredProxyKey::terms_of(&key.spec)?;
    let vouched = vault.vouch_for_proxy_key(key.id, &key.digest, &terms);
    tx.execute(
        "INSERT INTO proxy_keys (id, digest, masked, terms, vouched, last_used_at, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
        (
            key.id.0,
            key.digest,
            &key.masked,
            terms,
            vouched,
            key.last_used_at.map(Timestamp::as_millisecond),
            key.created_at.as_millisecond(),
        ),
    )
    .map(drop)
    .map_err(error::store)
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredProxyKey> {
    Ok(StoredProxyKey {
        id: ProxyKeyId(row.get("id")?),
        digest: row.get("digest")?,
        terms: row.get("terms")?,
        vouched: row.get::<_, Option<_>>("vouched")?.unwrap_or_default(),
        masked: row.get("masked")?,
        last_used_at: row.get("last_used_at")?,
        created_at: row.get("created_at")?,
    })
}

/// Adds one.
pub(crate) fn insert(
    tx: &Transaction<'_>,
    vault: &Vault,
    key: &Secret,
    spec: &ProxyKeySpec,
    by: &Change,
) -> Result<ProxyKey, StoreError> {
    tx.execute(
        "INSERT INTO proxy_keys (digest, masked, terms, created_at) VALUES (?1, ?2, '', ?3)",
        (sha256_of(key), key.masked(), by.at.as_millisecond()),
    )
    .map_err(taken)?;
    let id = ProxyKeyId(tx.last_insert_rowid());
    let key = put_terms(tx, vault, id, spec)?;
    audit::note(tx, &AuditAction::ProxyKeyCreated(id, spec.name.clone()), by)?;
    Ok(key)
}

/// Replaces what an admin wrote.
pub(crate) fn replace(
    tx: &Transaction<'_>,
    vault: &Vault,
    id: ProxyKeyId,
    spec: &ProxyKeySpec,
    by: &Change,
) -> Result<ProxyKey, StoreError> {
    let key = put_terms(tx, vault, id, spec)?;
    audit::note(tx, &AuditAction::ProxyKeyUpdated(id, spec.name.clone()), by)?;
    Ok(key)
}

fn put_terms(
    tx: &Transaction<'_>,
    vault: &Vault,
    id: ProxyKeyId,
    spec: &ProxyKeySpec,
) -> Result<ProxyKey, StoreError> {
    let digest: Option<[u8; 32]> = tx
        .query_one("SELECT digest FROM proxy_keys WHERE id = ?1", [id.0], |row| row.get(0))
        .optional()
        .map_err(error::store)?;
    let digest = digest.ok_or(StoreError::NotFound)?;
    let terms = StoredProxyKey::terms_of(spec)?;
    let vouched = vault.vouch_for_proxy_key(id, &digest, &terms);
    tx.execute("UPDATE proxy_keys SET terms = ?2, vouched = ?3 WHERE id = ?1", (id.0, terms, vouched))
        .and_then(|_| tx.query_one("SELECT * FROM proxy_keys WHERE id = ?1", [id.0], read))
        .map_err(error::store)?
        .check(vault)
}

fn taken(error: rusqlite::Error) -> StoreError {
    if error::is_taken(&error) { StoreError::Conflict { field: "key_value" } } else { error::store(error) }
}

/// Deletes one.
pub(crate) fn delete(tx: &Transaction<'_>, id: ProxyKeyId, by: &Change) -> Result<(), StoreError> {
    match tx.execute("DELETE FROM proxy_keys WHERE id = ?1", [id.0]).map_err(error::store)? {
        0 => Err(StoreError::NotFound),
        _ => audit::note(tx, &AuditAction::ProxyKeyDeleted(id), by),
    }
}

/// Notes when they were last shown.
pub(crate) fn note_uses(tx: &Transaction<'_>, uses: &[(ProxyKeyId, Timestamp)]) -> Result<(), StoreError> {
    let sql = "UPDATE proxy_keys SET last_used_at = max(coalesce(last_used_at, 0), ?2) WHERE id = ?1";
    let mut update = tx.prepare_cached(sql).map_err(error::store)?;
    for (id, at) in uses {
        update.execute((id.0, at.as_millisecond())).map_err(error::store)?;
    }
    Ok(())
}
