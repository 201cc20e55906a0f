//! Proxy configs.

use jiff::Timestamp;
use mysql_async::{Params, Value, params};
use rotator_core::{
    model::{ConfigFields, ConfigId, ConfigSpec, ConfigType, ProxyConfig},
    store::{AuditAction, Change, ConfigQuery, ConfigSummary, Page, StoreError},
    vault::Vault,
};

use crate::{
    audit,
    connection::Session,
    error::{self, Fault},
    keys,
    requests::samples,
    rows::{self, get},
};

const SUMMARY: &str = "
    SELECT c.*,
           (SELECT count(*) FROM api_keys WHERE proxy_config_id = c.id AND is_active = 1) AS active_keys,
           (SELECT count(*) FROM api_keys WHERE proxy_config_id = c.id AND is_active = 0) AS disabled_keys
    FROM proxy_configs c";
const MATCHES: &str = "
    (:search IS NULL OR locate(lower(:search), lower(name)) > 0 OR locate(lower(:search), lower(slug)) > 0)
    AND (:config_type IS NULL OR config_type = :config_type)";
/// The unique index of slugs.
const SLUG_INDEX: &str = "proxy_configs_slug";

/// A page of the list, newest first.
pub(crate) async fn list(
    tx: &mut Session,
    vault: &Vault,
    query: &ConfigQuery,
) -> Result<Page<ConfigSummary>, StoreError> {
    let bounds = params! {
        "search" => query.search.as_deref(),
        "config_type" => query.config_type.map(ConfigType::as_str),
        "before" => query.page.after.unwrap_or(i64::MAX),
        "limit" => i64::from(query.page.limit) + 1,
    };
    let count = format!("SELECT count(*) FROM proxy_configs WHERE {MATCHES}");
    let total = rows::only(tx.row(&count, bounds.clone()).await?.as_ref())?;
    let page = format!("{SUMMARY} WHERE {MATCHES} AND id < :before ORDER BY id DESC LIMIT :limit");
    let limit = query.page.limit as usize;
    let mut found = tx.rows(&page, bounds).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|row| get(row, "id")).transpose()?;
    let readings: Vec<_> = found.iter().map(|row| rows::summary(row, vault)).collect::<Result<_, _>>()?;
    let items = readings.into_iter().filter_map(rows::readable).collect();
    Ok(Page { items, next, total: rows::count(total) })
}

/// One config.
pub(crate) async fn get_one(
    tx: &mut Session,
    vault: &Vault,
    id: ConfigId,
) -> Result<Option<ConfigSummary>, StoreError> {
    let row = tx.row(&format!("{SUMMARY} WHERE id = ?"), (id.0,)).await?;
    row.map(|row| rows::summary(&row, vault)?).transpose()
}

/// The ids of all.
pub(crate) async fn ids(tx: &mut Session) -> Result<Vec<ConfigId>, StoreError> {
    let found = tx.rows("SELECT id FROM proxy_configs ORDER BY id", ()).await?;
    Ok(found.iter().map(|row| get(row, "id").map(ConfigId)).collect::<Result<_, Fault>>()?)
}

/// Every config that makes sense.
pub(crate) async fn all(tx: &mut Session, vault: &Vault) -> Result<Vec<ProxyConfig>, StoreError> {
    let found = tx.rows("SELECT * FROM proxy_configs ORDER BY id", ()).await?;
    let readings: Vec<_> = found.iter().map(|row| rows::config(row, vault)).collect::<Result<_, _>>()?;
    Ok(readings.into_iter().filter_map(rows::readable).collect())
}

/// Whether there is such a config; an error if not.
pub(crate) async fn require(tx: &mut Session, id: ConfigId) -> Result<(), StoreError> {
    match tx.row("SELECT 1 FROM proxy_configs WHERE id = ?", (id.0,)).await? {
        Some(_) => Ok(()),
        None => Err(StoreError::NotFound),
    }
}

/// The same, for one who is about to write its keys: until the end of the transaction nobody else does.
pub(crate) async fn lock(tx: &mut Session, id: ConfigId) -> Result<(), StoreError> {
    match tx.row("SELECT 1 FROM proxy_configs WHERE id = ? FOR UPDATE", (id.0,)).await? {
        Some(_) => Ok(()),
        None => Err(StoreError::NotFound),
    }
}

/// Adds a config.
pub(crate) async fn insert(
    tx: &mut Session,
    vault: &Vault,
    spec: &ConfigSpec,
    by: &Change,
) -> Result<ProxyConfig, StoreError> {
    let at = rows::stored(by.at);
    let id = insert_fields(tx, None, &ConfigFields::from(spec), at, at).await.map_err(slug_conflict)?;
    vouch(tx, vault, id, spec).await?;
    audit::note(tx, &AuditAction::ConfigCreated(id, spec.name.clone(), spec.slug.to_string()), by).await?;
    Ok(ProxyConfig { id, spec: spec.clone(), created_at: at, updated_at: at })
}

/// Writes the row of a config, under a given id or the next one.
pub(crate) async fn insert_fields(
    tx: &mut Session,
    id: Option<ConfigId>,
    fields: &ConfigFields,
    created_at: Timestamp,
    updated_at: Timestamp,
) -> Result<ConfigId, Fault> {
    let id_and_birth = params! { "id" => id.map(|id| id.0), "created_at" => created_at.as_millisecond() };
    tx.execute(
        "INSERT INTO proxy_configs (id, name, slug, config_type, is_active, api_key_location, api_key_name,
             api_key_template, method, target_url, target_base_url, api_format, output_format, strategy, options,
             created_at, updated_at)
         VALUES (:id, :name, :slug, :config_type, :is_active, :api_key_location, :api_key_name,
             :api_key_template, :method, :target_url, :target_base_url, :api_format, :output_format, :strategy,
             :options, :created_at, :updated_at)",
        columns(fields, updated_at, id_and_birth)?,
    )
    .await?;
    Ok(id.unwrap_or(ConfigId(tx.last_id())))
}

/// The values of the columns that every save writes, beside `more`.
fn columns(fields: &ConfigFields, updated_at: Timestamp, more: Params) -> Result<Params, Fault> {
    let options = serde_json::to_string(&fields.options).map_err(|_| Fault::Value)?;
    let columns = params! {
        "name" => &fields.name, "slug" => &fields.slug, "config_type" => &fields.config_type,
        "is_active" => fields.is_active, "api_key_location" => &fields.api_key_location,
        "api_key_name" => &fields.api_key_name, "api_key_template" => &fields.api_key_template,
        "method" => &fields.method, "target_url" => &fields.target_url,
        "target_base_url" => &fields.target_base_url, "api_format" => &fields.api_format,
        "output_format" => &fields.output_format, "strategy" => &fields.strategy, "options" => options,
        "updated_at" => updated_at.as_millisecond(),
    };
    match (columns, more) {
        (Params::Named(mut columns), Params::Named(more)) => {
            columns.extend(more);
            Ok(Params::Named(columns))
        }
        (columns, _) => Ok(columns),
    }
}

/// Vouches for where a config's keys go: an admin has written it, and nobody else.
pub(crate) async fn vouch(
    tx: &mut Session,
    vault: &Vault,
    id: ConfigId,
    spec: &ConfigSpec,
) -> Result<(), Fault> {
    let vouched = Value::from(vault.vouch(id, spec));
    tx.execute("UPDATE proxy_configs SET vouched = ? WHERE id = ?", (vouched, id.0)).await.map(drop)
}

/// Replaces what an admin wrote.
pub(crate) async fn replace(
    tx: &mut Session,
    vault: &Vault,
    id: ConfigId,
    spec: &ConfigSpec,
    by: &Change,
) -> Result<ProxyConfig, StoreError> {
    let before = tx.row("SELECT created_at FROM proxy_configs WHERE id = ? FOR UPDATE", (id.0,)).await?;
    let created_at = rows::time(get(&before.ok_or(StoreError::NotFound)?, "created_at")?);
    let updated_at = rows::stored(by.at);
    tx.execute(
        "UPDATE proxy_configs SET name = :name, slug = :slug, config_type = :config_type,
             is_active = :is_active, api_key_location = :api_key_location, api_key_name = :api_key_name,
             api_key_template = :api_key_template, method = :method, target_url = :target_url,
             target_base_url = :target_base_url, api_format = :api_format, output_format = :output_format,
             strategy = :strategy, options = :options, updated_at = :updated_at
         WHERE id = :id",
        columns(&ConfigFields::from(spec), updated_at, params! { "id" => id.0 })?,
    )
    .await
    .map_err(slug_conflict)?;
    vouch(tx, vault, id, spec).await?;
    audit::note(tx, &AuditAction::ConfigUpdated(id, spec.name.clone(), spec.slug.to_string()), by).await?;
    Ok(ProxyConfig { id, spec: spec.clone(), created_at, updated_at })
}

/// Switches a config on or off.
pub(crate) async fn set_active(
    tx: &mut Session,
    id: ConfigId,
    active: bool,
    by: &Change,
) -> Result<(), StoreError> {
    let sql = "UPDATE proxy_configs SET is_active = ?, updated_at = ? WHERE id = ?";
    if tx.execute(sql, (active, by.at.as_millisecond(), id.0)).await? == 0 {
        return Err(StoreError::NotFound);
    }
    Ok(audit::note(tx, &AuditAction::ConfigSwitched(id, active), by).await?)
}

/// Deletes a config, its keys and its error samples.
pub(crate) async fn delete(tx: &mut Session, id: ConfigId, by: &Change) -> Result<(), StoreError> {
    let row = tx.row("SELECT name FROM proxy_configs WHERE id = ? FOR UPDATE", (id.0,)).await?;
    let name: String = get(&row.ok_or(StoreError::NotFound)?, "name")?;
    keys::delete_every(tx, id).await?;
    samples::delete_of(tx, id).await?;
    tx.execute("DELETE FROM proxy_configs WHERE id = ?", (id.0,)).await?;
    Ok(audit::note(tx, &AuditAction::ConfigDeleted(id, name), by).await?)
}

/// The slug is the only unique column an admin writes.
fn slug_conflict(fault: Fault) -> StoreError {
    if error::is_taken(&fault, SLUG_INDEX) { StoreError::Conflict { field: "slug" } } else { fault.into() }
}
