//! Rows as the model has them.

use mysql_async::{Row, prelude::FromValue};
use rotator_core::{
    model::{ApiKey, ConfigFields, ConfigId, KeyCounts, KeyId, ProxyConfig, Weight},
    store::{ConfigSummary, StoreError, StoredConfig},
    vault::{Row as SealedRow, Vault},
};
use tracing::warn;

pub(crate) use rotator_core::store::column::{count, stored, time, to_integer};

use crate::error::Fault;

/// A config's row, which a hand edit or a newer version may have made senseless.
pub(crate) type Reading<T> = Result<T, StoreError>;

/// The value in a column.
pub(crate) fn get<T: FromValue>(row: &Row, column: &str) -> Result<T, Fault> {
    row.get_opt(column).and_then(Result::ok).ok_or(Fault::Value)
}

/// The value in a column, by its place from 0.
pub(crate) fn at<T: FromValue>(row: &Row, place: usize) -> Result<T, Fault> {
    row.get_opt(place).and_then(Result::ok).ok_or(Fault::Value)
}

/// The value in the first column.
pub(crate) fn only<T: FromValue>(row: Option<&Row>) -> Result<T, Fault> {
    row.and_then(|row| row.get_opt(0)).and_then(Result::ok).ok_or(Fault::Value)
}

/// A row of `proxy_configs`. The outer error is MySQL's, the inner one this row's alone.
pub(crate) fn config(row: &Row, vault: &Vault) -> Result<Reading<ProxyConfig>, Fault> {
    let fields = ConfigFields {
        name: get(row, "name")?,
        slug: get(row, "slug")?,
        config_type: get(row, "config_type")?,
        is_active: get(row, "is_active")?,
        api_key_location: get(row, "api_key_location")?,
        api_key_name: get(row, "api_key_name")?,
        api_key_template: get(row, "api_key_template")?,
        method: get(row, "method")?,
        target_url: get(row, "target_url")?,
        target_base_url: get(row, "target_base_url")?,
        api_format: get(row, "api_format")?,
        output_format: get(row, "output_format")?,
        strategy: get(row, "strategy")?,
        ..ConfigFields::default()
    };
    let stored = StoredConfig {
        id: ConfigId(get(row, "id")?),
        fields,
        options: get(row, "options")?,
        vouched: get::<Option<_>>(row, "vouched")?.unwrap_or_default(),
        created_at: time(get(row, "created_at")?),
        updated_at: time(get(row, "updated_at")?),
    };
    Ok(stored.check(vault))
}

/// A row of `proxy_configs` with `active_keys` and `disabled_keys` beside it.
pub(crate) fn summary(row: &Row, vault: &Vault) -> Result<Reading<ConfigSummary>, Fault> {
    let keys =
        KeyCounts { active: count(get(row, "active_keys")?), disabled: count(get(row, "disabled_keys")?) };
    Ok(config(row, vault)?.map(|config| ConfigSummary { config, keys }))
}

/// A row of `api_keys`.
pub(crate) fn key(row: &Row, vault: &Vault) -> Result<ApiKey, Fault> {
    let (id, config_id) = (KeyId(get(row, "id")?), ConfigId(get(row, "proxy_config_id")?));
    let sealed: String = get(row, "key_value")?;
    let secret = vault
        .open(&sealed, SealedRow { config: config_id, key: id })
        .map_err(|error| warn!(key_id = %id, %config_id, %error, "a key does not open"))
        .ok();
    Ok(ApiKey {
        id,
        config_id,
        secret,
        is_active: get(row, "is_active")?,
        // The table admits no other.
        weight: Weight::new(get(row, "weight")?).unwrap_or(Weight::ONE),
        // What no form would take shares nothing.
        quota_group: get::<String>(row, "quota_group")?.parse().unwrap_or_default(),
        note: get(row, "note")?,
        last_used_at: get::<Option<i64>>(row, "last_used_at")?.map(time),
        success_count: count(get(row, "success_count")?),
        failure_count: count(get(row, "failure_count")?),
        reset_at: get::<Option<i64>>(row, "reset_at")?.map(time),
        created_at: time(get(row, "created_at")?),
    })
}

/// Leaves out the rows that make no sense, and says so: one of them must not hide the others.
pub(crate) fn readable<T>(reading: Reading<T>) -> Option<T> {
    reading.map_err(|error| warn!(%error, "a row is left out")).ok()
}
