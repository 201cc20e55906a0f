//! Rows as the model has them.

use jiff::Timestamp;
use rotator_core::{
    model::{ApiKey, ConfigFields, ConfigId, ConfigSpec, KeyCounts, KeyId, ProxyConfig, Weight},
    store::{ConfigSummary, StoreError},
    vault::{Row as SealedRow, Vault},
};
use rusqlite::Row;
use tracing::warn;

/// A config's row, which a hand edit or a newer version may have made senseless.
pub(crate) type Reading<T> = Result<T, StoreError>;

/// Said of a config whose keys would go where no admin sent them.
const ELSEWHERE: &str = "its address was changed in the database by other hands than an admin's, so it gets no key; if the \
                         address is right, save the config again";

/// A time in milliseconds. One that no calendar has reads as 1970.
pub(crate) fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

/// A time as it will be read back.
pub(crate) fn stored(at: Timestamp) -> Timestamp {
    time(at.as_millisecond())
}

/// A count as SQLite keeps it.
pub(crate) fn to_integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count as SQLite kept it.
pub(crate) fn count(integer: i64) -> u64 {
    u64::try_from(integer).unwrap_or(0)
}

/// A row of `proxy_configs`. The outer error is SQLite's, the inner one this row's alone.
pub(crate) fn config(row: &Row<'_>, vault: &Vault) -> rusqlite::Result<Reading<ProxyConfig>> {
    let id = ConfigId(row.get("id")?);
    let options: String = row.get("options")?;
    let mut fields = ConfigFields {
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
    let (created_at, updated_at) = (time(row.get("created_at")?), time(row.get("updated_at")?));
    match serde_json::from_str(&options) {
        Ok(options) => fields.options = options,
        Err(_) => return Ok(Err(inconsistent(id, "options is not the JSON that it should be"))),
    }
    let spec = match ConfigSpec::try_from(&fields) {
        Ok(spec) => spec,
        Err(errors) => return Ok(Err(inconsistent(id, &sentence(&errors)))),
    };
    let vouched: Option<Vec<u8>> = row.get("vouched")?;
    if !vault.vouches(id, &spec, &vouched.unwrap_or_default()) {
        return Ok(Err(inconsistent(id, ELSEWHERE)));
    }
    Ok(Ok(ProxyConfig { id, spec, created_at, updated_at }))
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
        created_at: time(row.get("created_at")?),
    })
}

/// Leaves out the rows that make no sense, and says so: one of them must not hide the others.
pub(crate) fn readable<T>(reading: Reading<T>) -> Option<T> {
    reading.map_err(|error| warn!(%error, "a config is left out")).ok()
}

/// Every error of a form in one clause.
pub(crate) fn sentence(errors: &[rotator_core::model::FieldError]) -> String {
    let clauses: Vec<_> = errors.iter().map(|error| format!("{} {}", error.field, error.reason)).collect();
    clauses.join("; ")
}

fn inconsistent(id: ConfigId, what: &str) -> StoreError {
    StoreError::Inconsistent { what: format!("config {id}: {what}") }
}
