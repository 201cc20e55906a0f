//! API keys.

use std::collections::HashMap;

use jiff::Timestamp;
use rotator_core::{
    model::{ApiKey, ConfigId, KeyId, KeyState, QuotaGroup, Weight},
    secret::Secret,
    store::{
        AddedKeys, AuditAction, Change, KeyFilter, KeyPatch, KeyQuery, KeySet, KeyUsage, NewKey, Page,
        StoreError,
    },
    transfer::PIECE,
    vault::{Row as SealedRow, Vault},
};
use rusqlite::{CachedStatement, OptionalExtension, ToSql, Transaction, named_params};

use crate::{audit, configs, error, rows};

const MATCHES: &str = "(:search IS NULL OR contains_folded(note, :search) OR fingerprint = :fingerprint)";

/// A condition for the keys of a config that a filter means, and the values in it.
struct Condition<'a> {
    sql: String,
    ids: Option<String>,
    group: Option<&'a str>,
}

impl<'a> Condition<'a> {
    fn of(filter: &'a KeyFilter) -> Self {
        let state = condition(filter.state);
        let (set, ids) = within(filter.set.as_ref());
        let group = filter.quota_group.as_ref().map(QuotaGroup::as_str);
        let in_group = group.map_or("", |_| "AND quota_group = :group");
        Self { sql: format!("proxy_config_id = :config {state} AND {set} {in_group}"), ids, group }
    }
}

/// A condition for the keys of a set, and the ids in it as a JSON array.
fn within(set: Option<&KeySet>) -> (&'static str, Option<String>) {
    let array = |ids: &[KeyId]| {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        Some(format!("[{}]", ids.join(",")))
    };
    match set {
        None => ("true", None),
        Some(KeySet::Among(ids)) => ("id IN (SELECT value FROM json_each(:ids))", array(ids)),
        Some(KeySet::Except(ids)) => ("id NOT IN (SELECT value FROM json_each(:ids))", array(ids)),
    }
}

/// Those parameters that a statement names: it takes no others.
fn named<'a>(sql: &str, all: &[(&'a str, &'a dyn ToSql)]) -> Vec<(&'a str, &'a dyn ToSql)> {
    all.iter().filter(|(name, _)| sql.contains(name)).copied().collect()
}

/// A page of a config's keys, in the order they were added.
pub(crate) fn list(
    tx: &Transaction<'_>,
    vault: &Vault,
    config: ConfigId,
    query: &KeyQuery,
) -> Result<Page<ApiKey>, StoreError> {
    configs::require(tx, config)?;
    let search = query.search.as_ref().map(|text| text.to_lowercase());
    let fingerprint = query.search.as_ref().and_then(|text| Secret::parse(text).ok());
    let fingerprint = fingerprint.map(|secret| vault.fingerprint(&secret, config));
    let Condition { sql, ids, group } = Condition::of(&query.filter);
    let conditions = format!("{sql} AND {MATCHES}");
    let limit = query.page.limit as usize;
    let all = named_params! {
        ":config": config.0, ":search": search, ":fingerprint": fingerprint, ":ids": ids, ":group": group,
        ":after": query.page.after.unwrap_or(0), ":limit": i64::from(query.page.limit) + 1,
    };
    let count = format!("SELECT count(*) FROM api_keys WHERE {conditions}");
    let total = tx
        .prepare_cached(&count)
        .and_then(|mut select| select.query_one(&*named(&count, all), |row| row.get(0)))
        .map_err(error::store)?;
    let page = format!("SELECT * FROM api_keys WHERE {conditions} AND id > :after ORDER BY id LIMIT :limit");
    let mut items: Vec<ApiKey> = tx
        .prepare_cached(&page)
        .and_then(|mut select| select.query_map(&*named(&page, all), |row| rows::key(row, vault))?.collect())
        .map_err(error::store)?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().map(|key| key.id.0).filter(|_| more);
    Ok(Page { items, next, total: rows::count(total) })
}

/// The ids of some of a config's keys.
pub(crate) fn ids(
    tx: &Transaction<'_>,
    config: ConfigId,
    filter: &KeyFilter,
) -> Result<Vec<KeyId>, StoreError> {
    configs::require(tx, config)?;
    let Condition { sql, ids, group } = Condition::of(filter);
    let sql = format!("SELECT id FROM api_keys WHERE {sql} ORDER BY id");
    let all = named_params! { ":config": config.0, ":ids": ids, ":group": group };
    tx.prepare_cached(&sql)
        .and_then(|mut select| select.query_map(&*named(&sql, all), |row| row.get(0).map(KeyId))?.collect())
        .map_err(error::store)
}

/// One key.
pub(crate) fn get(tx: &Transaction<'_>, vault: &Vault, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
    tx.prepare_cached("SELECT * FROM api_keys WHERE id = ?1")
        .and_then(|mut select| select.query_one([id.0], |row| rows::key(row, vault)).optional())
        .map_err(error::store)
}

/// Every key of one config.
pub(crate) fn of(tx: &Transaction<'_>, vault: &Vault, config: ConfigId) -> Result<Vec<ApiKey>, StoreError> {
    tx.prepare_cached("SELECT * FROM api_keys WHERE proxy_config_id = ?1 ORDER BY id")
        .and_then(|mut select| select.query_map([config.0], |row| rows::key(row, vault))?.collect())
        .map_err(error::store)
}

/// The keys after an id, as many as one piece of a transfer takes.
pub(crate) fn after(tx: &Transaction<'_>, vault: &Vault, after: i64) -> Result<Vec<ApiKey>, StoreError> {
    tx.prepare_cached("SELECT * FROM api_keys WHERE id > ?1 ORDER BY id LIMIT ?2")
        .and_then(|mut select| select.query_map((after, PIECE), |row| rows::key(row, vault))?.collect())
        .map_err(error::store)
}

/// Every key, by config.
pub(crate) fn all(tx: &Transaction<'_>, vault: &Vault) -> Result<HashMap<ConfigId, Vec<ApiKey>>, StoreError> {
    let mut pools: HashMap<ConfigId, Vec<ApiKey>> = HashMap::new();
    tx.prepare_cached("SELECT * FROM api_keys ORDER BY id")
        .and_then(|mut select| {
            for key in select.query_map((), |row| rows::key(row, vault))? {
                let key = key?;
                pools.entry(key.config_id).or_default().push(key);
            }
            Ok(())
        })
        .map_err(error::store)?;
    Ok(pools)
}

/// How many of these keys a config has already.
pub(crate) fn count_known(
    tx: &Transaction<'_>,
    vault: &Vault,
    config: ConfigId,
    keys: &[Secret],
) -> Result<u64, StoreError> {
    configs::require(tx, config)?;
    let sql = "SELECT 1 FROM api_keys WHERE proxy_config_id = ?1 AND fingerprint = ?2";
    let mut select = tx.prepare_cached(sql).map_err(error::store)?;
    let mut known = 0;
    for key in keys {
        let is_known = select.exists((config.0, vault.fingerprint(key, config))).map_err(error::store)?;
        known += u64::from(is_known);
    }
    Ok(known)
}

/// Adds keys.
pub(crate) fn add(
    tx: &Transaction<'_>,
    vault: &Vault,
    config: ConfigId,
    keys: &[NewKey],
    by: &Change,
) -> Result<AddedKeys, StoreError> {
    configs::require(tx, config)?;
    let mut added = AddedKeys::default();
    let mut id = next_id(tx).map_err(error::store)?;
    let mut insert = Insert::new(tx, vault)?;
    for key in keys {
        if insert.add(SealedRow { config, key: id }, key, by.at)? {
            added.ids.push(id);
            id.0 += 1;
        } else {
            added.duplicates += 1;
        }
    }
    let action = AuditAction::KeysAdded { config, added: added.ids.len(), duplicates: added.duplicates };
    audit::note(tx, &action, by)?;
    Ok(added)
}

/// Writes rows of `api_keys`.
pub(crate) struct Insert<'a> {
    statement: CachedStatement<'a>,
    vault: &'a Vault,
}

impl<'a> Insert<'a> {
    pub(crate) fn new(tx: &'a Transaction<'_>, vault: &'a Vault) -> Result<Self, StoreError> {
        let sql = "INSERT INTO api_keys
                       (id, proxy_config_id, key_value, fingerprint, is_active, weight, quota_group, note, created_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                   ON CONFLICT (proxy_config_id, fingerprint) DO NOTHING";
        Ok(Self { statement: tx.prepare_cached(sql).map_err(error::store)?, vault })
    }

    /// Writes a key under the id that it is sealed for. `false` when its config has the same key already.
    pub(crate) fn add(&mut self, row: SealedRow, key: &NewKey, at: Timestamp) -> Result<bool, StoreError> {
        let sealed = self.vault.seal(&key.secret, row).map_err(error::vault)?;
        let values = (
            row.key.0,
            row.config.0,
            sealed,
            self.vault.fingerprint(&key.secret, row.config),
            key.is_active,
            key.weight.get(),
            key.quota_group.as_str(),
            &key.note,
            at.as_millisecond(),
        );
        self.statement.execute(values).map(|written| written == 1).map_err(error::store)
    }
}

/// The id that follows every id ever given. Only the writer asks, within its transaction.
fn next_id(tx: &Transaction<'_>) -> rusqlite::Result<KeyId> {
    let last: Option<i64> = tx
        .query_one("SELECT seq FROM sqlite_sequence WHERE name = 'api_keys'", (), |row| row.get(0))
        .optional()?;
    Ok(KeyId(last.unwrap_or(0) + 1))
}

/// Changes a key.
pub(crate) fn update(
    tx: &Transaction<'_>,
    vault: &Vault,
    id: KeyId,
    patch: &KeyPatch,
    by: &Change,
) -> Result<ApiKey, StoreError> {
    let key = tx
        .query_one(
            "UPDATE api_keys SET is_active = coalesce(?2, is_active), weight = coalesce(?3, weight),
                 quota_group = coalesce(?4, quota_group), note = coalesce(?5, note)
             WHERE id = ?1 RETURNING *",
            (
                id.0,
                patch.is_active,
                patch.weight.map(Weight::get),
                patch.quota_group.as_ref().map(QuotaGroup::as_str),
                &patch.note,
            ),
            |row| rows::key(row, vault),
        )
        .optional()
        .map_err(error::store)?
        .ok_or(StoreError::NotFound)?;
    audit::note(tx, &AuditAction::KeyUpdated(id, patch.clone()), by)?;
    Ok(key)
}

/// Switches a config's keys of a set on or off.
pub(crate) fn set_active(
    tx: &Transaction<'_>,
    config: ConfigId,
    keys: &KeySet,
    active: bool,
    by: &Change,
) -> Result<Vec<KeyId>, StoreError> {
    let switched = switch(tx, config, keys, active, None)?;
    audit::note(tx, &AuditAction::KeysSwitched(config, switched.len(), active), by)?;
    Ok(switched)
}

/// Puts a config's keys of a set back, and on.
pub(crate) fn reset(
    tx: &Transaction<'_>,
    config: ConfigId,
    keys: &KeySet,
    by: &Change,
) -> Result<Vec<KeyId>, StoreError> {
    let back = switch(tx, config, keys, true, Some(by.at))?;
    audit::note(tx, &AuditAction::KeysReset(config, back.clone()), by)?;
    Ok(back)
}

fn switch(
    tx: &Transaction<'_>,
    config: ConfigId,
    keys: &KeySet,
    active: bool,
    reset_at: Option<Timestamp>,
) -> Result<Vec<KeyId>, StoreError> {
    configs::require(tx, config)?;
    let (set, ids) = within(Some(keys));
    let sql = format!(
        "UPDATE api_keys SET is_active = :active, reset_at = coalesce(:reset_at, reset_at)
         WHERE proxy_config_id = :config AND {set} RETURNING id"
    );
    let reset_at = reset_at.map(Timestamp::as_millisecond);
    let bounds = named_params! { ":active": active, ":reset_at": reset_at, ":config": config.0, ":ids": ids };
    let mut switched: Vec<KeyId> = tx
        .prepare_cached(&sql)
        .and_then(|mut update| update.query_map(bounds, |row| row.get(0).map(KeyId))?.collect())
        .map_err(error::store)?;
    switched.sort_unstable();
    Ok(switched)
}

/// Deletes a key.
pub(crate) fn delete(tx: &Transaction<'_>, id: KeyId, by: &Change) -> Result<(), StoreError> {
    let config: Option<i64> = tx
        .query_one("DELETE FROM api_keys WHERE id = ?1 RETURNING proxy_config_id", [id.0], |row| row.get(0))
        .optional()
        .map_err(error::store)?;
    let config = config.ok_or(StoreError::NotFound)?;
    audit::note(tx, &AuditAction::KeyDeleted(id, ConfigId(config)), by)
}

/// Deletes some of a config's keys.
pub(crate) fn delete_of(
    tx: &Transaction<'_>,
    config: ConfigId,
    filter: &KeyFilter,
    by: &Change,
) -> Result<u64, StoreError> {
    configs::require(tx, config)?;
    let Condition { sql, ids, group } = Condition::of(filter);
    let sql = format!("DELETE FROM api_keys WHERE {sql}");
    let all = named_params! { ":config": config.0, ":ids": ids, ":group": group };
    let deleted = tx.execute(&sql, &*named(&sql, all)).map_err(error::store)?;
    audit::note(tx, &AuditAction::KeysDeleted(config, deleted as u64, filter.state), by)?;
    Ok(deleted as u64)
}

/// Adds what keys served.
pub(crate) fn add_usage(tx: &Transaction<'_>, usage: &[KeyUsage]) -> Result<(), StoreError> {
    let sql = "UPDATE api_keys SET success_count = success_count + ?2, failure_count = failure_count + ?3,
                   last_used_at = max(coalesce(last_used_at, ?4), ?4)
               WHERE id = ?1";
    let mut update = tx.prepare_cached(sql).map_err(error::store)?;
    for key in usage {
        let (successes, failures) = (rows::to_integer(key.successes), rows::to_integer(key.failures));
        update
            .execute((key.key_id.0, successes, failures, key.last_used_at.as_millisecond()))
            .map_err(error::store)?;
    }
    Ok(())
}

fn condition(state: Option<KeyState>) -> &'static str {
    match state {
        None => "",
        Some(KeyState::Active) => "AND is_active = 1",
        Some(KeyState::Disabled) => "AND is_active = 0",
    }
}
