//! The port through which the store moves into another one, or another one into it.
//!
//! Rows and where a transfer stands are written in one transaction each, but for the request log: that is another file,
//! in which a record that is there already is left alone.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rotator_core::{
    model::{ApiKey, ConfigFields, KeyId, ProxyConfig},
    store::{AuditAction, Change, StoreError},
    transfer::{Export, Extent, Holdings, Part, Piece, Settings, StoreId, Transfer},
    vault::{Row as SealedRow, Vault},
};
use rusqlite::{OptionalExtension, Transaction};

use crate::{
    SqliteStore, audit, configs, error, keys, notifications, prices, proxy_keys,
    requests::{self, samples},
    rests, rows, sessions, settings,
};

#[async_trait]
impl Transfer for SqliteStore {
    async fn holdings(&self) -> Result<Holdings, StoreError> {
        let vault = Arc::clone(&self.vault);
        let config = self.config.read(move |tx| config_extents(tx, &vault)).await?;
        let [samples, requests] = self.requests.read(log_extents).await?;
        let [configs, keys, rests, proxy_keys, settings, sessions, audit] = config;
        let extents = [configs, keys, rests, proxy_keys, settings, sessions, audit, samples, requests];
        Ok(Holdings { store: self.vault.identity().clone(), extents })
    }

    async fn export(&self, part: Part, after: i64) -> Result<Export, StoreError> {
        let vault = Arc::clone(&self.vault);
        match part {
            Part::Samples => {
                let samples = self.requests.read(|tx| samples::all(tx).map_err(error::store)).await?;
                Ok(Export::whole(Piece::Samples(samples)))
            }
            Part::Requests => self.requests.read(move |tx| requests::export(tx, after)).await,
            part => self.config.read(move |tx| export(tx, &vault, part, after)).await,
        }
    }

    async fn begin_transfer(&self, from: &StoreId) -> Result<(), StoreError> {
        match self.transfer_under_way().await? {
            Some(under_way) if under_way == *from => return Ok(()),
            None if self.holdings().await?.is_empty() => {}
            _ => return Err(StoreError::Conflict { field: "database" }),
        }
        let from = from.0.clone();
        self.config.write(move |tx| settings::put(tx, settings::TRANSFER, &from).map_err(error::store)).await
    }

    async fn import(&self, piece: Piece) -> Result<(), StoreError> {
        let vault = Arc::clone(&self.vault);
        match piece {
            Piece::Samples(samples) => {
                self.requests.write(move |tx| samples::put(tx, &samples).map_err(error::store)).await
            }
            Piece::Requests(records) => {
                self.requests.write(move |tx| requests::import(tx, &records).map_err(error::store)).await
            }
            piece => self.config.write(move |tx| import(tx, &vault, piece)).await,
        }
    }

    async fn transfer_under_way(&self) -> Result<Option<StoreId>, StoreError> {
        let under_way =
            self.config.read(|tx| settings::get(tx, settings::TRANSFER).map_err(error::store)).await?;
        Ok(under_way.map(StoreId))
    }

    async fn end_transfer(&self, detail: &str, by: &Change) -> Result<(), StoreError> {
        let (action, by) = (AuditAction::DatabaseMigrated(detail.to_owned()), by.clone());
        let end = move |tx: &Transaction<'_>| {
            settings::remove(tx, settings::TRANSFER).map_err(error::store)?;
            audit::note(tx, &action, &by)
        };
        self.config.write(end).await
    }
}

fn config_extents(tx: &Transaction<'_>, vault: &Vault) -> Result<[Extent; 7], StoreError> {
    Ok([
        extent(tx, "proxy_configs", "id")?,
        extent(tx, "api_keys", "id")?,
        extent(tx, "key_rests", "0")?,
        extent(tx, "proxy_keys", "0")?,
        Extent { rows: settings_of(tx, vault)?.rows() as u64, last: 0 },
        extent(tx, "revoked_sessions", "0")?,
        extent(tx, "audit_log", "id")?,
    ])
}

fn log_extents(tx: &Transaction<'_>) -> Result<[Extent; 2], StoreError> {
    Ok([extent(tx, "error_samples", "0")?, extent(tx, "requests", "id")?])
}

fn extent(tx: &Transaction<'_>, table: &str, id: &str) -> Result<Extent, StoreError> {
    tx.query_one(&format!("SELECT count(*), coalesce(max({id}), 0) FROM {table}"), (), |row| {
        Ok(Extent { rows: rows::count(row.get(0)?), last: row.get(1)? })
    })
    .map_err(error::store)
}

fn export(tx: &Transaction<'_>, vault: &Vault, part: Part, after: i64) -> Result<Export, StoreError> {
    Ok(match part {
        Part::Configs => {
            let read = configs::after(tx, vault, after)?;
            Export::up_to(read.last().map(|config| config.id.0), read.len(), Piece::Configs(read))
        }
        Part::Keys => {
            let read = keys::after(tx, vault, after)?;
            Export::up_to(read.last().map(|key| key.id.0), read.len(), Piece::Keys(read))
        }
        Part::Audit => {
            let read = audit::after(tx, after)?;
            Export::up_to(read.last().map(|(id, _)| *id), read.len(), Piece::Audit(read))
        }
        Part::Rests => {
            Export::whole(Piece::Rests(rests::all(tx)?.into_iter().map(|(_, rest)| rest).collect()))
        }
        Part::ProxyKeys => Export::whole(Piece::ProxyKeys(proxy_keys::whole(tx, vault)?)),
        Part::Sessions => Export::whole(Piece::Sessions(sessions::all(tx)?)),
        Part::Settings | Part::Samples | Part::Requests => {
            Export::whole(Piece::Settings(settings_of(tx, vault)?))
        }
    })
}

fn settings_of(tx: &Transaction<'_>, vault: &Vault) -> Result<Settings, StoreError> {
    Ok(Settings {
        prices: prices::get(tx)?,
        notifications: notifications::get(tx, vault)?,
        last_config: last_id(tx, "proxy_configs")?,
        last_key: last_id(tx, "api_keys")?,
        last_proxy_key: last_id(tx, "proxy_keys")?,
    })
}

fn import(tx: &Transaction<'_>, vault: &Vault, piece: Piece) -> Result<(), StoreError> {
    match piece {
        Piece::Configs(configs) => configs.iter().try_for_each(|config| import_config(tx, vault, config)),
        Piece::Keys(keys) => import_keys(tx, vault, &keys),
        Piece::Rests(rests) => {
            let keys: Vec<KeyId> = rests.iter().map(|rest| rest.key).collect();
            rests::put(tx, &keys, &rests)
        }
        Piece::ProxyKeys(keys) => keys.iter().try_for_each(|key| proxy_keys::import(tx, vault, key)),
        Piece::Settings(Settings { prices, notifications, last_config, last_key, last_proxy_key }) => {
            prices::put(tx, &prices)?;
            notifications::put(tx, vault, &notifications)?;
            go_on_after(tx, "proxy_configs", last_config)?;
            go_on_after(tx, "api_keys", last_key)?;
            go_on_after(tx, "proxy_keys", last_proxy_key)
        }
        Piece::Sessions(ended) => {
            ended.iter().try_for_each(|(session, expires_at)| sessions::revoke(tx, session, *expires_at))
        }
        Piece::Audit(entries) => entries.iter().try_for_each(|(id, entry)| audit::import(tx, *id, entry)),
        // They are in the other file.
        Piece::Samples(_) | Piece::Requests(_) => Ok(()),
    }
}

fn import_config(tx: &Transaction<'_>, vault: &Vault, config: &ProxyConfig) -> Result<(), StoreError> {
    let ProxyConfig { id, spec, created_at, updated_at } = config;
    match configs::require(tx, *id) {
        Err(StoreError::NotFound) => {}
        there => return there,
    }
    configs::insert_fields(tx, Some(*id), &ConfigFields::from(spec), *created_at, *updated_at)
        .and_then(|id| configs::vouch(tx, vault, id, spec))
        .map_err(error::store)
}

fn import_keys(tx: &Transaction<'_>, vault: &Vault, keys: &[ApiKey]) -> Result<(), StoreError> {
    let sql = "INSERT INTO api_keys (id, proxy_config_id, key_value, fingerprint, is_active, weight, quota_group, note,
                   success_count, failure_count, last_used_at, reset_at, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
               ON CONFLICT (id) DO NOTHING";
    let mut insert = tx.prepare_cached(sql).map_err(error::store)?;
    for key in keys {
        let secret = key.open()?;
        let row = SealedRow { config: key.config_id, key: key.id };
        let values = (
            key.id.0,
            key.config_id.0,
            vault.seal(secret, row).map_err(error::vault)?,
            vault.fingerprint(secret, key.config_id),
            key.is_active,
            key.weight.get(),
            key.quota_group.as_str(),
            &key.note,
            rows::to_integer(key.success_count),
            rows::to_integer(key.failure_count),
            key.last_used_at.map(Timestamp::as_millisecond),
            key.reset_at.map(Timestamp::as_millisecond),
            key.created_at.as_millisecond(),
        );
        insert.execute(values).map_err(error::store)?;
    }
    Ok(())
}

/// The last id that was given to a row of a table.
fn last_id(tx: &Transaction<'_>, table: &str) -> Result<i64, StoreError> {
    tx.query_one("SELECT seq FROM sqlite_sequence WHERE name = ?1", [table], |row| row.get(0))
        .optional()
        .map(Option::unwrap_or_default)
        .map_err(error::store)
}

/// Has the ids of a table go on after one, if they are not further already.
fn go_on_after(tx: &Transaction<'_>, table: &str, id: i64) -> Result<(), StoreError> {
    let last = last_id(tx, table)?.max(id);
    tx.execute("DELETE FROM sqlite_sequence WHERE name = ?1", [table])
        .and_then(|_| tx.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", (table, last)))
        .map(drop)
        .map_err(error::store)
}
