//! Proxy configs.

use jiff::Timestamp;
use rotator_core::{
    model::{ConfigFields, ConfigId, ConfigSpec, ProxyConfig},
    store::{AuditAction, Change, ConfigQuery, ConfigSummary, Page, StoreError},
    transfer::PIECE,
    vault::Vault,
};
use rusqlite::{OptionalExtension, Transaction, named_params};

use crate::{audit, error, rows};

const SUMMARY: &str = "
    SELECT c.*,
           (SELECT count(*) FROM api_keys WHERE proxy_config_id = c.id AND is_active = 1) AS active_keys,
           (SELECT count(*) FROM api_keys WHERE proxy_config_id = c.id AND is_active = 0) AS disabled_keys
    FROM proxy_configs c";
const MATCHES: &str = "
    (?1 IS NULL OR contains_folded(name, ?1) OR contains_folded(slug, ?1)) AND (?2 IS NULL OR config_type = ?2)";

/// A page of the list, newest first.
pub(crate) fn list(
    tx: &Transaction<'_>,
    vault: &Vault,
    query: &ConfigQuery,
) -> Result<Page<ConfigSummary>, StoreError> {
    let search = query.search.as_ref().map(|text| text.to_lowercase());
    let config_type = query.config_type.map(rotator_core::model::ConfigType::as_str);
    let total = tx
        .prepare_cached(&format!("SELECT count(*) FROM proxy_configs WHERE {MATCHES}"))
        .and_then(|mut select| select.query_one((&search, config_type), |row| row.get(0)))
        .map_err(error::store)?;
    let page = format!("{SUMMARY} WHERE {MATCHES} AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?4");
    let limit = query.page.limit as usize;
    let mut readings: Vec<_> = tx
        .prepare_cached(&page)
        .and_then(|mut select| {
            let bounds = (&search, config_type, query.page.after, i64::from(query.page.limit) + 1);
            select
                .query_map(bounds, |row| Ok((row.get::<_, i64>("id")?, rows::summary(row, vault)?)))?
                .collect()
        })
        .map_err(error::store)?;
    let more = readings.len() > limit;
    readings.truncate(limit);
    let next = readings.last().map(|(id, _)| *id).filter(|_| more);
    let items = readings.into_iter().filter_map(|(_, reading)| rows::readable(reading)).collect();
    Ok(Page { items, next, total: rows::count(total) })
}

/// One config.
pub(crate) fn get(
    tx: &Transaction<'_>,
    vault: &Vault,
    id: ConfigId,
) -> Result<Option<ConfigSummary>, StoreError> {
    tx.prepare_cached(&format!("{SUMMARY} WHERE id = ?1"))
        .and_then(|mut select| select.query_one([id.0], |row| rows::summary(row, vault)).optional())
        .map_err(error::store)?
        .transpose()
}

/// The ids of all.
pub(crate) fn ids(tx: &Transaction<'_>) -> Result<Vec<ConfigId>, StoreError> {
    tx.prepare_cached("SELECT id FROM proxy_configs ORDER BY id")
        .and_then(|mut select| select.query_map((), |row| row.get(0).map(ConfigId))?.collect())
        .map_err(error::store)
}

/// Every config that makes sense.
pub(crate) fn all(tx: &Transaction<'_>, vault: &Vault) -> Result<Vec<ProxyConfig>, StoreError> {
    tx.prepare_cached("SELECT * FROM proxy_configs ORDER BY id")
        .and_then(|mut select| {
            let readings = select.query_map((), |row| rows::config(row, vault))?;
            readings.map(|reading| Ok(rows::readable(reading?))).filter_map(Result::transpose).collect()
        })
        .map_err(error::store)
}

/// The configs after an id, as many as one piece of a transfer takes. All of them make sense, or none is answered.
pub(crate) fn after(tx: &Transaction<'_>, vault: &Vault, after: i64) -> Result<Vec<ProxyConfig>, StoreError> {
    let readings: Vec<rows::Reading<ProxyConfig>> = tx
        .prepare_cached("SELECT * FROM proxy_configs WHERE id > ?1 ORDER BY id LIMIT ?2")
        .and_then(|mut select| select.query_map((after, PIECE), |row| rows::config(row, vault))?.collect())
        .map_err(error::store)?;
    readings.into_iter().collect()
}

/// Whether there is such a config; an error if not.
pub(crate) fn require(tx: &Transaction<'_>, id: ConfigId) -> Result<(), StoreError> {
    let there: bool = tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM proxy_configs WHERE id = ?1)")
        .and_then(|mut select| select.query_one([id.0], |row| row.get(0)))
        .map_err(error::store)?;
    if there { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Adds a config.
pub(crate) fn insert(
    tx: &Transaction<'_>,
    vault: &Vault,
    spec: ConfigSpec,
    by: &Change,
) -> Result<ProxyConfig, StoreError> {
    let at = rows::stored(by.at);
    let id = insert_fields(tx, None, &ConfigFields::from(&spec), at, at).map_err(slug_conflict)?;
    vouch(tx, vault, id, &spec).map_err(error::store)?;
    audit::note(tx, &AuditAction::ConfigCreated(id, spec.name.clone(), spec.slug.to_string()), by)?;
    Ok(ProxyConfig { id, spec, created_at: at, updated_at: at })
}

/// Writes the row of a config, under a given id or the next one.
pub(crate) fn insert_fields(
    tx: &Transaction<'_>,
    id: Option<ConfigId>,
    fields: &ConfigFields,
    created_at: Timestamp,
    updated_at: Timestamp,
) -> rusqlite::Result<ConfigId> {
    tx.execute(
        "INSERT INTO proxy_configs (id, name, slug, config_type, is_active, api_key_location, api_key_name,
             api_key_template, method, target_url, target_base_url, api_format, output_format, strategy, options,
             created_at, updated_at)
         VALUES (:id, :name, :slug, :config_type, :is_active, :api_key_location, :api_key_name,
             :api_key_template, :method, :target_url, :target_base_url, :api_format, :output_format, :strategy,
             :options, :created_at, :updated_at)",
        named_params! {
            ":id": id.map(|id| id.0), ":name": fields.name, ":slug": fields.slug,
            ":config_type": fields.config_type, ":is_active": fields.is_active,
            ":api_key_location": fields.api_key_location, ":api_key_name": fields.api_key_name,
            ":api_key_template": fields.api_key_template, ":method": fields.method,
            ":target_url": fields.target_url, ":target_base_url": fields.target_base_url,
            ":api_format": fields.api_format, ":output_format": fields.output_format,
            ":strategy": fields.strategy, ":options": options(fields)?,
            ":created_at": created_at.as_millisecond(), ":updated_at": updated_at.as_millisecond(),
        },
    )?;
    Ok(ConfigId(tx.last_insert_rowid()))
}

/// Vouches for where a config's keys go: an admin has written it, and nobody else.
pub(crate) fn vouch(
    tx: &Transaction<'_>,
    vault: &Vault,
    id: ConfigId,
    spec: &ConfigSpec,
) -> rusqlite::Result<()> {
    tx.execute("UPDATE proxy_configs SET vouched = ?2 WHERE id = ?1", (id.0, vault.vouch(id, spec)))?;
    Ok(())
}

/// Replaces what an admin wrote.
pub(crate) fn replace(
    tx: &Transaction<'_>,
    vault: &Vault,
    id: ConfigId,
    spec: ConfigSpec,
    by: &Change,
) -> Result<ProxyConfig, StoreError> {
    let fields = ConfigFields::from(&spec);
    let updated_at = rows::stored(by.at);
    let created_at: Option<i64> = tx
        .query_one(
            "UPDATE proxy_configs SET name = :name, slug = :slug, config_type = :config_type,
                 is_active = :is_active, api_key_location = :api_key_location, api_key_name = :api_key_name,
                 api_key_template = :api_key_template, method = :method, target_url = :target_url,
                 target_base_url = :target_base_url, api_format = :api_format, output_format = :output_format,
                 strategy = :strategy, options = :options, updated_at = :updated_at
             WHERE id = :id RETURNING created_at",
            named_params! {
                ":id": id.0, ":name": fields.name, ":slug": fields.slug, ":config_type": fields.config_type,
                ":is_active": fields.is_active, ":api_key_location": fields.api_key_location,
                ":api_key_name": fields.api_key_name, ":api_key_template": fields.api_key_template,
                ":method": fields.method, ":target_url": fields.target_url,
                ":target_base_url": fields.target_base_url, ":api_format": fields.api_format,
                ":output_format": fields.output_format, ":strategy": fields.strategy,
                ":options": options(&fields).map_err(error::store)?, ":updated_at": updated_at.as_millisecond(),
            },
            |row| row.get(0),
        )
        .optional()
        .map_err(slug_conflict)?;
    let created_at = rows::time(created_at.ok_or(StoreError::NotFound)?);
    vouch(tx, vault, id, &spec).map_err(error::store)?;
    audit::note(tx, &AuditAction::ConfigUpdated(id, spec.name.clone(), spec.slug.to_string()), by)?;
    Ok(ProxyConfig { id, spec, created_at, updated_at })
}

/// Switches a config on or off.
pub(crate) fn set_active(
    tx: &Transaction<'_>,
    id: ConfigId,
    active: bool,
    by: &Change,
) -> Result<(), StoreError> {
    let changed = tx
        .execute(
            "UPDATE proxy_configs SET is_active = ?2, updated_at = ?3 WHERE id = ?1",
            (id.0, active, by.at.as_millisecond()),
        )
        .map_err(error::store)?;
    if changed == 0 {
        return Err(StoreError::NotFound);
    }
    audit::note(tx, &AuditAction::ConfigSwitched(id, active), by)
}

/// Deletes a config; its keys go with it.
pub(crate) fn delete(tx: &Transaction<'_>, id: ConfigId, by: &Change) -> Result<(), StoreError> {
    let name: Option<String> = tx
        .query_one("DELETE FROM proxy_configs WHERE id = ?1 RETURNING name", [id.0], |row| row.get(0))
        .optional()
        .map_err(error::store)?;
    let name = name.ok_or(StoreError::NotFound)?;
    audit::note(tx, &AuditAction::ConfigDeleted(id, name), by)
}

fn options(fields: &ConfigFields) -> rusqlite::Result<String> {
    serde_json::to_string(&fields.options)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// The slug is the only unique column an admin writes.
fn slug_conflict(error: rusqlite::Error) -> StoreError {
    if error::is_taken(&error) { StoreError::Conflict { field: "slug" } } else { error::store(error) }
}
