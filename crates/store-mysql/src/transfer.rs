//! The port through which the store moves into another one, or another one into it. Each piece is one transaction.

use async_trait::async_trait;
use jiff::Timestamp;
use mysql_async::{Params, Value};
use rotator_core::{
    model::{ApiKey, ConfigFields, KeyId, ProxyConfig},
    store::{AuditAction, Change, StoreError},
    transfer::{Export, Extent, Holdings, PIECE, Part, Piece, Settings, StoreId, Transfer},
    vault::{Row as SealedRow, Vault},
};

use crate::{
    MySqlStore, adopt, audit, configs,
    connection::Session,
    error::Fault,
    keys, notifications, prices, proxy_keys,
    requests::{self, samples},
    rests,
    rows::{self, get},
    sessions, settings,
};

/// How many rows one statement counts, so that none takes long.
const COUNTED: u32 = 200_000;

#[async_trait]
impl Transfer for MySqlStore {
    async fn holdings(&self) -> Result<Holdings, StoreError> {
        let extents = self.database()?.read(async |tx| extents(tx, self.vault()?).await).await?;
        Ok(Holdings { store: self.vault()?.identity().clone(), extents })
    }

    async fn export(&self, part: Part, after: i64) -> Result<Export, StoreError> {
        self.database()?.read(async |tx| export(tx, self.vault()?, part, after).await).await
    }

    async fn begin_transfer(&self, from: &StoreId) -> Result<(), StoreError> {
        let begin = async |tx: &mut _| {
            match settings::get(tx, settings::TRANSFER).await? {
                Some(under_way) if under_way == from.0 => return Ok(()),
                None if extents(tx, self.vault()?).await?.iter().all(|extent| extent.rows == 0) => {}
                _ => return Err(StoreError::Conflict { field: "database" }),
            }
            Ok(settings::put(tx, settings::TRANSFER, &from.0).await?)
        };
        self.database()?.write(begin).await
    }

    async fn import(&self, piece: Piece) -> Result<(), StoreError> {
        self.database()?.write(async |tx| import(tx, self.vault()?, &piece).await).await
    }

    async fn transfer_under_way(&self) -> Result<Option<StoreId>, StoreError> {
        let under_way = async |tx: &mut _| Ok(settings::get(tx, settings::TRANSFER).await?);
        Ok(self.database()?.read(under_way).await?.map(StoreId))
    }

    async fn end_transfer(&self, detail: &str, by: &Change) -> Result<(), StoreError> {
        let action = AuditAction::DatabaseMigrated(detail.to_owned());
        let end = async |tx: &mut _| {
            settings::remove(tx, settings::TRANSFER).await?;
            Ok(audit::note(tx, &action, by).await?)
        };
        self.database()?.write(end).await
    }
}

async fn extents(tx: &mut Session, vault: &Vault) -> Result<[Extent; Part::ALL.len()], StoreError> {
    let settings = Extent { rows: settings_of(tx, vault).await?.rows() as u64, last: 0 };
    Ok([
        extent(tx, "proxy_configs").await?,
        extent(tx, "api_keys").await?,
        whole(tx, "key_rests").await?,
        whole(tx, "proxy_keys").await?,
        settings,
        whole(tx, "revoked_sessions").await?,
        extent(tx, "audit_log").await?,
        whole(tx, "error_samples").await?,
        extent(tx, "requests").await?,
    ])
}

/// Of a table that moves row by row; counted piece by piece.
async fn extent(tx: &mut Session, table: &str) -> Result<Extent, Fault> {
    let sql = format!(
        "SELECT count(*) AS counted, coalesce(max(id), 0) AS last
         FROM (SELECT id FROM {table} WHERE id > ? ORDER BY id LIMIT {COUNTED}) AS piece"
    );
    let mut extent = Extent::default();
    loop {
        let row = tx.row(&sql, (extent.last,)).await?.ok_or(Fault::Value)?;
        let counted = rows::count(get(&row, "counted")?);
        if counted == 0 {
            return Ok(extent);
        }
        extent = Extent { rows: extent.rows + counted, last: get(&row, "last")? };
    }
}

/// Of a table that moves as a whole.
async fn whole(tx: &mut Session, table: &str) -> Result<Extent, Fault> {
    let row = tx.row(&format!("SELECT count(*) FROM {table}"), ()).await?;
    Ok(Extent { rows: rows::count(rows::only(row.as_ref())?), last: 0 })
}

async fn export(tx: &mut Session, vault: &Vault, part: Part, after: i64) -> Result<Export, StoreError> {
    Ok(match part {
        Part::Configs => {
            let found = tx.rows(&following("proxy_configs"), (after, PIECE)).await?;
            let read: Vec<ProxyConfig> =
                found.iter().map(|row| rows::config(row, vault)?).collect::<Result<_, StoreError>>()?;
            Export::up_to(read.last().map(|config| config.id.0), read.len(), Piece::Configs(read))
        }
        Part::Keys => {
            let found = tx.rows(&following("api_keys"), (after, PIECE)).await?;
            let read: Vec<ApiKey> =
                found.iter().map(|row| rows::key(row, vault)).collect::<Result<_, Fault>>()?;
            Export::up_to(read.last().map(|key| key.id.0), read.len(), Piece::Keys(read))
        }
        Part::Rests => {
            Export::whole(Piece::Rests(rests::all(tx).await?.into_iter().map(|(_, rest)| rest).collect()))
        }
        Part::ProxyKeys => Export::whole(Piece::ProxyKeys(proxy_keys::whole(tx, vault).await?)),
        Part::Settings => Export::whole(Piece::Settings(settings_of(tx, vault).await?)),
        Part::Sessions => Export::whole(Piece::Sessions(sessions::all(tx).await?)),
        Part::Audit => {
            let found = tx.rows(&following("audit_log"), (after, PIECE)).await?;
            let read: Vec<_> = found
                .iter()
                .map(|row| Ok((get(row, "id")?, audit::entry(row)?)))
                .collect::<Result<_, Fault>>()?;
            Export::up_to(read.last().map(|(id, _)| *id), read.len(), Piece::Audit(read))
        }
        Part::Samples => Export::whole(Piece::Samples(samples::all(tx).await?)),
        Part::Requests => {
            let found = tx.rows(&following("requests"), (after, PIECE)).await?;
            let last = found.last().map(|row| get(row, "id")).transpose()?;
            let records = found.iter().map(requests::logged).filter_map(Result::transpose);
            Export::up_to(last, found.len(), Piece::Requests(records.collect::<Result<_, Fault>>()?))
        }
    })
}

async fn settings_of(tx: &mut Session, vault: &Vault) -> Result<Settings, StoreError> {
    Ok(Settings {
        prices: prices::get(tx).await?,
        notifications: notifications::get(tx, vault).await?,
        last_config: adopt::next_id(tx, "proxy_configs").await? - 1,
        last_key: keys::last_id(tx).await?,
        last_proxy_key: adopt::next_id(tx, "proxy_keys").await? - 1,
    })
}

/// The rows of a table after an id.
fn following(table: &str) -> String {
    format!("SELECT * FROM {table} WHERE id > ? ORDER BY id LIMIT ?")
}

async fn import(tx: &mut Session, vault: &Vault, piece: &Piece) -> Result<(), StoreError> {
    match piece {
        Piece::Configs(configs) => {
            for config in configs {
                import_config(tx, vault, config).await?;
            }
        }
        Piece::Keys(keys) => import_keys(tx, vault, keys).await?,
        Piece::Rests(rests) => {
            let keys: Vec<KeyId> = rests.iter().map(|rest| rest.key).collect();
            rests::put(tx, &keys, rests).await?;
        }
        Piece::ProxyKeys(keys) => {
            for key in keys {
                proxy_keys::import(tx, vault, key).await?;
            }
        }
        Piece::Settings(Settings { prices, notifications, last_config, last_key, last_proxy_key }) => {
            prices::put(tx, prices).await?;
            notifications::put(tx, vault, notifications).await?;
            keys::go_on_after(tx, *last_key).await?;
            go_on_after(tx, "proxy_configs", *last_config).await?;
            go_on_after(tx, "proxy_keys", *last_proxy_key).await?;
        }
        Piece::Sessions(ended) => {
            for (session, expires_at) in ended {
                sessions::revoke(tx, session, *expires_at).await?;
            }
        }
        Piece::Audit(entries) => audit::import(tx, entries).await?,
        Piece::Samples(samples) => samples::put(tx, samples).await?,
        Piece::Requests(records) => requests::import(tx, records).await?,
    }
    Ok(())
}

async fn import_config(tx: &mut Session, vault: &Vault, config: &ProxyConfig) -> Result<(), StoreError> {
    let ProxyConfig { id, spec, created_at, updated_at } = config;
    match configs::require(tx, *id).await {
        Err(StoreError::NotFound) => {}
        there => return there,
    }
    configs::insert_fields(tx, Some(*id), &ConfigFields::from(spec), *created_at, *updated_at).await?;
    Ok(configs::vouch(tx, vault, *id, spec).await?)
}

async fn import_keys(tx: &mut Session, vault: &Vault, keys: &[ApiKey]) -> Result<(), StoreError> {
    const COLUMNS: [&str; 13] = [
        "id",
        "proxy_config_id",
        "key_value",
        "fingerprint",
        "is_active",
        "weight",
        "quota_group",
        "note",
        "success_count",
        "failure_count",
        "last_used_at",
        "reset_at",
        "created_at",
    ];
    for batch in keys.chunks(keys::BATCH) {
        let mut values: Vec<Value> = Vec::with_capacity(batch.len() * COLUMNS.len());
        for key in batch {
            let secret = key.open()?;
            let row = SealedRow { config: key.config_id, key: key.id };
            values.extend([
                Value::from(key.id.0),
                key.config_id.0.into(),
                vault.seal(secret, row).map_err(Fault::from)?.into(),
                vault.fingerprint(secret, key.config_id).into(),
                key.is_active.into(),
                key.weight.get().into(),
                key.quota_group.as_str().into(),
                key.note.as_str().into(),
                rows::to_integer(key.success_count).into(),
                rows::to_integer(key.failure_count).into(),
                key.last_used_at.map(Timestamp::as_millisecond).into(),
                key.reset_at.map(Timestamp::as_millisecond).into(),
                key.created_at.as_millisecond().into(),
            ]);
        }
        tx.execute(&unless_there("api_keys", &COLUMNS, batch.len()), Params::Positional(values)).await?;
    }
    Ok(())
}

/// Has the ids of a table go on after one, if they are not further already. Ends the transaction: MySQL takes no change
/// of a table back.
async fn go_on_after(tx: &mut Session, table: &str, id: i64) -> Result<(), Fault> {
    tx.run(&format!("ALTER TABLE {table} AUTO_INCREMENT = {}", id + 1)).await
}

/// An insert of so many rows, of which those stay that are there.
pub(crate) fn unless_there(table: &str, columns: &[&str], rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns.len()].join(", "));
    format!(
        "INSERT INTO {table} ({}) VALUES {} ON DUPLICATE KEY UPDATE id = {table}.id",
        columns.join(", "),
        vec![row; rows].join(", ")
    )
}
