//! Keys that clients show to us.

use jiff::Timestamp;
use mysql_async::Row;
use rotator_core::{
    access::sha256_of,
    model::{ProxyKey, ProxyKeyId, ProxyKeySpec},
    secret::Secret,
    store::{AuditAction, Change, StoreError, StoredProxyKey},
    vault::Vault,
};

use crate::{
    audit,
    connection::Session,
    error::{self, Fault},
    rows::{self, get},
    transfer::unless_there,
};

/// The index that admits a key once.
const DIGEST_INDEX: &str = "proxy_keys_digest";

/// All that make sense, in the order in which they were made.
pub(crate) async fn all(tx: &mut Session, vault: &Vault) -> Result<Vec<ProxyKey>, StoreError> {
    Ok(stored(tx).await?.into_iter().filter_map(|key| rows::readable(key.check(vault))).collect())
}

/// All of them; an error when one makes no sense.
pub(crate) async fn whole(tx: &mut Session, vault: &Vault) -> Result<Vec<ProxyKey>, StoreError> {
    stored(tx).await?.into_iter().map(|key| key.check(vault)).collect()
}

async fn stored(tx: &mut Session) -> Result<Vec<StoredProxyKey>, Fault> {
    tx.rows("SELECT * FROM proxy_keys ORDER BY id", ()).await?.iter().map(read).collect()
}

/// Takes one over from another store, unless it is there.
pub(crate) async fn import(tx: &mut Session, vault: &Vault, key: &ProxyKey) -> Result<(), StoreError> {
    let terms = StoredProxyKey::terms_of(&key.spec)?;
    let vouched = vault.vouch_for_proxy_key(key.id, &key.digest, &terms);
    let columns = ["id", "digest", "masked", "terms", "vouched", "last_used_at", "created_at"];
    let values = (
        key.id.0,
        key.digest,
        &key.masked,
        terms,
        vouched,
        key.last_used_at.map(Timestamp::as_millisecond),
        key.created_at.as_millisecond(),
    );
    tx.execute(&unless_there("proxy_keys", &columns, 1), values).await?;
    Ok(())
}

fn read(row: &Row) -> Result<StoredProxyKey, Fault> {
    Ok(StoredProxyKey {
        id: ProxyKeyId(get(row, "id")?),
        digest: get(row, "digest")?,
        terms: get(row, "terms")?,
        vouched: get::<Option<_>>(row, "vouched")?.unwrap_or_default(),
        masked: get(row, "masked")?,
        last_used_at: get(row, "last_used_at")?,
        created_at: get(row, "created_at")?,
    })
}

/// Adds one.
pub(crate) async fn insert(
    tx: &mut Session,
    vault: &Vault,
    key: &Secret,
    spec: &ProxyKeySpec,
    by: &Change,
) -> Result<ProxyKey, StoreError> {
    tx.execute(
        "INSERT INTO proxy_keys (digest, masked, terms, created_at) VALUES (?, ?, '', ?)",
        (sha256_of(key), key.masked(), by.at.as_millisecond()),
    )
    .await
    .map_err(taken)?;
    let id = ProxyKeyId(tx.last_id());
    let key = put_terms(tx, vault, id, spec).await?;
    audit::note(tx, &AuditAction::ProxyKeyCreated(id, spec.name.clone()), by).await?;
    Ok(key)
}

/// Replaces what an admin wrote.
pub(crate) async fn replace(
    tx: &mut Session,
    vault: &Vault,
    id: ProxyKeyId,
    spec: &ProxyKeySpec,
    by: &Change,
) -> Result<ProxyKey, StoreError> {
    let key = put_terms(tx, vault, id, spec).await?;
    audit::note(tx, &AuditAction::ProxyKeyUpdated(id, spec.name.clone()), by).await?;
    Ok(key)
}

async fn put_terms(
    tx: &mut Session,
    vault: &Vault,
    id: ProxyKeyId,
    spec: &ProxyKeySpec,
) -> Result<ProxyKey, StoreError> {
    let row = tx.row("SELECT * FROM proxy_keys WHERE id = ? FOR UPDATE", (id.0,)).await?;
    let row = row.ok_or(StoreError::NotFound)?;
    let digest: [u8; 32] = get(&row, "digest")?;
    let terms = StoredProxyKey::terms_of(spec)?;
    let vouched = vault.vouch_for_proxy_key(id, &digest, &terms);
    let sql = "UPDATE proxy_keys SET terms = ?, vouched = ? WHERE id = ?";
    tx.execute(sql, (&terms, vouched, id.0)).await?;
    StoredProxyKey { terms, vouched: vouched.into(), ..read(&row)? }.check(vault)
}

fn taken(fault: Fault) -> StoreError {
    if error::is_taken(&fault, DIGEST_INDEX) {
        StoreError::Conflict { field: "key_value" }
    } else {
        fault.into()
    }
}

/// Deletes one.
pub(crate) async fn delete(tx: &mut Session, id: ProxyKeyId, by: &Change) -> Result<(), StoreError> {
    if tx.execute("DELETE FROM proxy_keys WHERE id = ?", (id.0,)).await? == 0 {
        return Err(StoreError::NotFound);
    }
    Ok(audit::note(tx, &AuditAction::ProxyKeyDeleted(id), by).await?)
}

/// Notes when they were last shown.
pub(crate) async fn note_uses(tx: &mut Session, uses: &[(ProxyKeyId, Timestamp)]) -> Result<(), StoreError> {
    let sql = "UPDATE proxy_keys SET last_used_at = greatest(coalesce(last_used_at, 0), ?) WHERE id = ?";
    for (id, at) in uses {
        tx.execute(sql, (at.as_millisecond(), id.0)).await?;
    }
    Ok(())
}
