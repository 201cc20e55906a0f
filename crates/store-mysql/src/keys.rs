//! API keys; which of them are meant, in `condition`.

mod condition;

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use mysql_async::{Params, Value};
use rotator_core::{
    model::{ApiKey, ConfigId, KeyId, QuotaGroup, Weight},
    secret::Secret,
    store::{
        AddedKeys, AuditAction, Change, KeyFilter, KeyPatch, KeyQuery, KeySet, KeyUsage, NewKey, Page,
        StoreError,
    },
    vault::{Row as SealedRow, Vault},
};

use self::condition::Condition;
pub(crate) use self::condition::list_of;
use crate::{
    audit, configs,
    connection::Session,
    error::Fault,
    rows::{self, get},
};

const MATCHES: &str =
    "(:search IS NULL OR locate(lower(:search), lower(note)) > 0 OR fingerprint = :fingerprint)";
/// How many keys one statement reads or deletes, so that none takes long.
const PIECE: usize = 5_000;
/// How many keys one statement writes or looks for.
pub(crate) const BATCH: usize = 200;

/// A page of a config's keys, in the order they were added.
pub(crate) async fn list(
    tx: &mut Session,
    vault: &Vault,
    config: ConfigId,
    query: &KeyQuery,
) -> Result<Page<ApiKey>, StoreError> {
    configs::require(tx, config).await?;
    let Condition { sql, mut values } = Condition::of(config, &query.filter);
    let fingerprint = query.search.as_ref().and_then(|text| Secret::parse(text).ok());
    let fingerprint = fingerprint.map(|secret| vault.fingerprint(&secret, config));
    values.push(("search", query.search.as_deref().into()));
    values.push(("fingerprint", fingerprint.into()));
    let total: i64 = rows::only(
        tx.row(
            &format!("SELECT count(*) FROM api_keys WHERE {sql} AND {MATCHES}"),
            Params::from(values.clone()),
        )
        .await?
        .as_ref(),
    )?;
    let page =
        format!("SELECT * FROM api_keys WHERE {sql} AND {MATCHES} AND id > :after ORDER BY id LIMIT :limit");
    let limit = query.page.limit as usize;
    values.push(("after", query.page.after.unwrap_or(0).into()));
    values.push(("limit", (i64::from(query.page.limit) + 1).into()));
    let mut found = tx.rows(&page, Params::from(values)).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let items: Vec<ApiKey> = found.iter().map(|row| rows::key(row, vault)).collect::<Result<_, _>>()?;
    let next = items.last().map(|key| key.id.0).filter(|_| more);
    Ok(Page { items, next, total: rows::count(total) })
}

/// The ids of some of a config's keys, ascending.
pub(crate) async fn ids(
    tx: &mut Session,
    config: ConfigId,
    filter: &KeyFilter,
) -> Result<Vec<KeyId>, StoreError> {
    configs::require(tx, config).await?;
    Ok(ids_of(tx, &Condition::of(config, filter)).await?)
}

async fn ids_of(tx: &mut Session, condition: &Condition) -> Result<Vec<KeyId>, Fault> {
    let sql = format!("SELECT id FROM api_keys WHERE {} ORDER BY id", condition.sql);
    let found = tx.rows(&sql, Params::from(condition.values.clone())).await?;
    found.iter().map(|row| get(row, "id").map(KeyId)).collect()
}

/// One key.
pub(crate) async fn get_one(
    tx: &mut Session,
    vault: &Vault,
    id: KeyId,
) -> Result<Option<ApiKey>, StoreError> {
    let row = tx.row("SELECT * FROM api_keys WHERE id = ?", (id.0,)).await?;
    Ok(row.map(|row| rows::key(&row, vault)).transpose()?)
}

/// Every key of one config.
pub(crate) async fn of(tx: &mut Session, vault: &Vault, config: ConfigId) -> Result<Vec<ApiKey>, StoreError> {
    Ok(read(tx, vault, &format!("proxy_config_id = {config}")).await?)
}

/// Every key, by config.
pub(crate) async fn all(
    tx: &mut Session,
    vault: &Vault,
) -> Result<HashMap<ConfigId, Vec<ApiKey>>, StoreError> {
    let mut pools: HashMap<ConfigId, Vec<ApiKey>> = HashMap::new();
    for key in read(tx, vault, "true").await? {
        pools.entry(key.config_id).or_default().push(key);
    }
    Ok(pools)
}

/// The keys of which a condition holds, read piece by piece.
async fn read(tx: &mut Session, vault: &Vault, condition: &str) -> Result<Vec<ApiKey>, Fault> {
    let sql = format!("SELECT * FROM api_keys WHERE {condition} AND id > ? ORDER BY id LIMIT {PIECE}");
    let mut keys: Vec<ApiKey> = Vec::new();
    loop {
        let last = keys.last().map_or(0, |key| key.id.0);
        let piece = tx.rows(&sql, (last,)).await?;
        for row in &piece {
            keys.push(rows::key(row, vault)?);
        }
        if piece.len() < PIECE {
            return Ok(keys);
        }
    }
}

/// How many of these keys a config has already.
pub(crate) async fn count_known(
    tx: &mut Session,
    vault: &Vault,
    config: ConfigId,
    keys: &[Secret],
) -> Result<u64, StoreError> {
    configs::require(tx, config).await?;
    let fingerprints: Vec<[u8; 32]> = keys.iter().map(|key| vault.fingerprint(key, config)).collect();
    let known = known(tx, config, &fingerprints).await?;
    Ok(fingerprints.iter().filter(|digest| known.contains(*digest)).count() as u64)
}

/// Adds keys.
pub(crate) async fn add(
    tx: &mut Session,
    vault: &Vault,
    config: ConfigId,
    keys: &[NewKey],
    by: &Change,
) -> Result<AddedKeys, StoreError> {
    configs::lock(tx, config).await?;
    let fingerprints: Vec<[u8; 32]> = keys.iter().map(|key| vault.fingerprint(&key.secret, config)).collect();
    let mut known = known(tx, config, &fingerprints).await?;
    let new: Vec<&NewKey> = keys
        .iter()
        .zip(fingerprints)
        .filter(|(_, digest)| known.insert(*digest))
        .map(|(key, _)| key)
        .collect();
    let first = next_ids(tx, new.len()).await?;
    let ids: Vec<KeyId> = (first.0..).map(KeyId).take(new.len()).collect();
    let rows: Vec<_> = ids.iter().map(|key| SealedRow { config, key: *key }).zip(new).collect();
    insert(tx, vault, &rows, by.at).await?;
    let added = AddedKeys { duplicates: (keys.len() - ids.len()) as u64, ids };
    let action = AuditAction::KeysAdded { config, added: added.ids.len(), duplicates: added.duplicates };
    audit::note(tx, &action, by).await?;
    Ok(added)
}

/// Those of these fingerprints that a config has.
async fn known(
    tx: &mut Session,
    config: ConfigId,
    fingerprints: &[[u8; 32]],
) -> Result<HashSet<[u8; 32]>, Fault> {
    let mut known = HashSet::new();
    for batch in fingerprints.chunks(BATCH) {
        let sql = format!(
            "SELECT fingerprint FROM api_keys WHERE proxy_config_id = ? AND fingerprint IN ({})",
            vec!["?"; batch.len()].join(", ")
        );
        let values = std::iter::once(config.0.into()).chain(batch.iter().map(Value::from));
        for row in tx.rows(&sql, Params::Positional(values.collect())).await? {
            known.insert(get(&row, "fingerprint")?);
        }
    }
    Ok(known)
}

/// The first of so many ids that follow every id ever given. Nobody else is given any until the end of the transaction.
async fn next_ids(tx: &mut Session, count: usize) -> Result<KeyId, Fault> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    if count > 0 {
        let sql = "UPDATE last_ids SET id = last_insert_id(id + ?) WHERE name = 'api_keys'";
        tx.execute(sql, (count,)).await?;
    }
    Ok(KeyId(tx.last_id() - count + 1))
}

/// The last id that was given to a key.
pub(crate) async fn last_id(tx: &mut Session) -> Result<i64, Fault> {
    rows::only(tx.row("SELECT id FROM last_ids WHERE name = 'api_keys'", ()).await?.as_ref())
}

/// Has the ids of keys go on after one, if they are not further already.
pub(crate) async fn go_on_after(tx: &mut Session, id: i64) -> Result<(), Fault> {
    let sql = "UPDATE last_ids SET id = greatest(id, ?) WHERE name = 'api_keys'";
    tx.execute(sql, (id,)).await.map(drop)
}

/// Writes keys under the ids that they are sealed for.
pub(crate) async fn insert(
    tx: &mut Session,
    vault: &Vault,
    rows: &[(SealedRow, &NewKey)],
    at: Timestamp,
) -> Result<(), Fault> {
    for batch in rows.chunks(BATCH) {
        let mut values: Vec<Value> = Vec::new();
        for (row, key) in batch {
            values.extend([
                Value::from(row.key.0),
                row.config.0.into(),
                vault.seal(&key.secret, *row)?.into(),
                vault.fingerprint(&key.secret, row.config).into(),
                key.is_active.into(),
                key.weight.get().into(),
                key.quota_group.as_str().into(),
                key.note.as_str().into(),
                at.as_millisecond().into(),
            ]);
        }
        let sql = format!(
            "INSERT INTO api_keys
                 (id, proxy_config_id, key_value, fingerprint, is_active, weight, quota_group, note, created_at)
             VALUES {}",
            vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?)"; batch.len()].join(", ")
        );
        tx.execute(&sql, Params::Positional(values)).await?;
    }
    Ok(())
}

/// Changes a key.
pub(crate) async fn update(
    tx: &mut Session,
    vault: &Vault,
    id: KeyId,
    patch: &KeyPatch,
    by: &Change,
) -> Result<ApiKey, StoreError> {
    tx.execute(
        "UPDATE api_keys SET is_active = coalesce(?, is_active), weight = coalesce(?, weight),
             quota_group = coalesce(?, quota_group), note = coalesce(?, note)
         WHERE id = ?",
        (
            patch.is_active,
            patch.weight.map(Weight::get),
            patch.quota_group.as_ref().map(QuotaGroup::as_str),
            &patch.note,
            id.0,
        ),
    )
    .await?;
    let key = get_one(tx, vault, id).await?.ok_or(StoreError::NotFound)?;
    audit::note(tx, &AuditAction::KeyUpdated(id, patch.clone()), by).await?;
    Ok(key)
}

/// Switches a config's keys of a set on or off.
pub(crate) async fn set_active(
    tx: &mut Session,
    config: ConfigId,
    keys: &[KeyId],
    active: bool,
    by: &Change,
) -> Result<Vec<KeyId>, StoreError> {
    let ids = switch(tx, config, keys, active, None).await?;
    audit::note(tx, &AuditAction::KeysSwitched(config, ids.len(), active), by).await?;
    Ok(ids)
}

/// Puts a config's keys of a set back, and on.
pub(crate) async fn reset(
    tx: &mut Session,
    config: ConfigId,
    keys: &[KeyId],
    by: &Change,
) -> Result<Vec<KeyId>, StoreError> {
    let ids = switch(tx, config, keys, true, Some(by.at)).await?;
    audit::note(tx, &AuditAction::KeysReset(config, ids.clone()), by).await?;
    Ok(ids)
}

async fn switch(
    tx: &mut Session,
    config: ConfigId,
    keys: &[KeyId],
    active: bool,
    reset_at: Option<Timestamp>,
) -> Result<Vec<KeyId>, StoreError> {
    configs::lock(tx, config).await?;
    let set = KeyFilter { set: Some(KeySet::Among(keys.to_vec())), ..KeyFilter::default() };
    let ids = ids_of(tx, &Condition::of(config, &set)).await?;
    for piece in ids.chunks(PIECE) {
        let sql = format!(
            "UPDATE api_keys SET is_active = ?, reset_at = coalesce(?, reset_at) WHERE id IN ({})",
            list_of(piece)
        );
        tx.execute(&sql, (active, reset_at.map(Timestamp::as_millisecond))).await?;
    }
    Ok(ids)
}

/// Deletes a key.
pub(crate) async fn delete(tx: &mut Session, id: KeyId, by: &Change) -> Result<(), StoreError> {
    let row = tx.row("SELECT proxy_config_id FROM api_keys WHERE id = ? FOR UPDATE", (id.0,)).await?;
    let config: i64 = get(&row.ok_or(StoreError::NotFound)?, "proxy_config_id")?;
    tx.execute("DELETE FROM api_keys WHERE id = ?", (id.0,)).await?;
    Ok(audit::note(tx, &AuditAction::KeyDeleted(id, ConfigId(config)), by).await?)
}

/// Deletes some of a config's keys.
pub(crate) async fn delete_of(
    tx: &mut Session,
    config: ConfigId,
    filter: &KeyFilter,
    by: &Change,
) -> Result<u64, StoreError> {
    configs::lock(tx, config).await?;
    let deleted = delete_where(tx, &Condition::of(config, filter)).await?;
    audit::note(tx, &AuditAction::KeysDeleted(config, deleted, filter.state), by).await?;
    Ok(deleted)
}

/// Deletes all keys of a config, which the caller has locked.
pub(crate) async fn delete_every(tx: &mut Session, config: ConfigId) -> Result<(), Fault> {
    delete_where(tx, &Condition::of(config, &KeyFilter::default())).await.map(drop)
}

async fn delete_where(tx: &mut Session, condition: &Condition) -> Result<u64, Fault> {
    let mut deleted = 0;
    for piece in ids_of(tx, condition).await?.chunks(PIECE) {
        deleted += tx.execute(&format!("DELETE FROM api_keys WHERE id IN ({})", list_of(piece)), ()).await?;
    }
    Ok(deleted)
}

/// Adds what keys served, in the order of their ids: two instances that do so at once must not wait for each other.
pub(crate) async fn add_usage(tx: &mut Session, usage: &[KeyUsage]) -> Result<(), StoreError> {
    let mut sums: BTreeMap<KeyId, KeyUsage> = BTreeMap::new();
    for key in usage {
        let sum = sums.entry(key.key_id).or_insert(KeyUsage { successes: 0, failures: 0, ..*key });
        sum.successes += key.successes;
        sum.failures += key.failures;
        sum.last_used_at = sum.last_used_at.max(key.last_used_at);
    }
    let sums: Vec<[i64; 4]> = sums
        .values()
        .map(|key| {
            let (successes, failures) = (rows::to_integer(key.successes), rows::to_integer(key.failures));
            [key.key_id.0, successes, failures, key.last_used_at.as_millisecond()]
        })
        .collect();
    for batch in sums.chunks(PIECE) {
        tx.execute(
            "UPDATE api_keys AS k
             JOIN json_table(?, '$[*]' COLUMNS (id BIGINT PATH '$[0]', successes BIGINT PATH '$[1]',
                 failures BIGINT PATH '$[2]', last_used_at BIGINT PATH '$[3]')) AS u ON u.id = k.id
             SET k.success_count = k.success_count + u.successes,
                 k.failure_count = k.failure_count + u.failures,
                 k.last_used_at = greatest(coalesce(k.last_used_at, u.last_used_at), u.last_used_at)",
            (serde_json::to_string(batch).map_err(|_| Fault::Value)?,),
        )
        .await?;
    }
    Ok(())
}
