//! Rows as the model has them.

use rotator_core::{
    model::{ApiKey, ConfigFields, ConfigId, KeyCounts, KeyId, ProxyConfig, Weight},
    store::{ConfigSummary, StoreError, StoredConfig},
    vault::{Row as SealedRow, Vault},
};
use rusqlite::Row;
use tracing::warn;

pub(crate) use rotator_core::store::column::{count, stored, time, to_integer};

/// A config's row, which a hand edit or a newer version may have made senseless.
pub(crate) type Reading<T> = Result<T, StoreError>;

/// A row of `proxy_configs`. The outer error is SQLite's, the inner one this row's alone.
pub(crate) fn config(row: &Row<'_>, vault: &Vault) -> rusqlite::Result<Reading<ProxyConfig>> {
    let fields = ConfigFields {
        name: row.get("name")?,
        slug: row.get("slug")?,
        config_type: row.get("config_type")?,
        is_active: row.get("is_active")?,
        api_key_location: row.get("api_key_location")?,
        api_key_name: row.get("api_key_name")?,
        api_key_template: row.get("api_key_template")?,
        method: row.get("method")?,
        target_url: row.get("target_url")?,
        target_base_url: row.get("target_base_url")?,
        api_format: row.get("api_format")?,
        output_format: row.get("output_format")?,
        strategy: row.get("strategy")?,
        ..ConfigFields::default()
    };
    let stored = StoredConfig {
        id: ConfigId(row.get("id")?),
        fields,
        options: row.get("options")?,
        vouched: row.get::<_, Option<_>>("vouched")?.unwrap_or_default(),
        created_at: time(row.get("created_at")?),
        updated_at: time(row.get("updated_at")?),
    };
    Ok(stored.check(vault))
}

/// A row of `proxy_configs` with `active_keys` and `disabled_keys` beside it.
pub(crate) fn summary(row: &Row<'_>, vault: &Vault) -> rusqlite::Result<Reading<ConfigSummary>> {
    let keys =
        KeyCounts { active: count(row.get("active_keys")?), disabled: count(row.get("disabled_keys")?) };
    Ok(config(row, vault)?.map(|config| ConfigSummary { config, keys }))
}

/// A row of `api_keys`.
pub(crate) fn key(row: &Row<'_>, vault: &Vault) -> rusqlite::Result<ApiKey> {
    let (id, config_id) = (KeyId(row.get("id")?), ConfigId(row.get("proxy_config_id")?));
    let sealed = row.get_ref("key_value")?.as_str()?;
    let secret = vault
        .open(sealed, SealedRow { config: config_id, key: id })
        .map_err(|error| warn!(key_id = %id, %config_id, %error, "a key does not open"))
        .ok();
    Ok(ApiKey {
        id,
        config_id,
        secret,
        is_active: row.get("is_active")?,
        // The table admits no other.
        weight: Weight::new(row.get("weight")?).unwrap_or(Weight::ONE),
        // What no form would take shares nothing.
        quota_group: row.get_ref("quota_group")?.as_str()?.parse().unwrap_or_default(),
        note: row.get("note")?,
        last_used_at: row.get::<_, Option<i64>>("last_used_at")?.map(time),
        success_count: count(row.get("success_count")?),
        failure_count: count(row.get("failure_count")?),
        reset_at: row.get::<_, Option<i64>>("reset_at")?.map(time),
        created_at: time(row.get("created_at")?),
    })
}

/// Leaves out the rows that make no sense, and says so: one of them must not hide the others.
pub(crate) fn readable<T>(reading: Reading<T>) -> Option<T> {
    reading.map_err(|error| warn!(%error, "a row is left out")).ok()
}
