//! Takes over a database of the old project, in place, in one transaction; see [`rotator_core::adoption`] for what becomes of it.

use rotator_core::{
    adoption::{AdoptedConfig, OldConfig, OldKey, Takeover},
    model::{ConfigId, ConfigSpec},
    store::{Adoption, AuditAction, Change},
    vault::Vault,
};
use rusqlite::{OptionalExtension, Row, Transaction, types::ValueRef};

use crate::{
    audit,
    configs::{insert_fields, vouch},
    error::Fault,
    keys::Insert,
    migrations,
    open::OpenOptions,
};

/// Whether this is a database of the old project. It has its tables, and not our ledger.
pub(crate) fn is_old_project(tx: &Transaction<'_>) -> rusqlite::Result<bool> {
    tx.query_one(
        "SELECT NOT EXISTS (SELECT 1 FROM pragma_table_list WHERE name = ?1)
            AND (SELECT count(*) FROM pragma_table_info('proxy_configs')
                 WHERE name IN ('id', 'name', 'slug', 'config_type', 'is_active')) = 5
            AND (SELECT count(*) FROM pragma_table_info('api_keys')
                 WHERE name IN ('id', 'key_value', 'is_active', 'proxy_config_id')) = 4",
        [migrations::LEDGER],
        |row| row.get(0),
    )
}

/// Makes room for our tables of the same names.
pub(crate) fn set_aside(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch(
        "ALTER TABLE proxy_configs RENAME TO old_proxy_configs;
         ALTER TABLE api_keys RENAME TO old_api_keys;",
    )
}

/// Moves what was set aside into our tables.
pub(crate) fn adopt(tx: &Transaction<'_>, vault: &Vault, options: &OpenOptions) -> Result<Adoption, Fault> {
    let by = Change { at: options.now, actor: "upgrade".into(), address: None, request_id: String::new() };
    let next = ConfigId(continue_ids(tx, "proxy_configs")? + 1);
    continue_ids(tx, "api_keys")?;
    let configs =
        read(tx, "old_proxy_configs", |id, row| OldConfig::read(id, |column| text(row, column), by.at))?;
    let keys = read(tx, "old_api_keys", |id, row| OldKey::read(id, |column| text(row, column)))?;
    let Takeover { configs, keys, report: adoption, .. } = Takeover::plan(configs, keys, next, vault, by.at);
    for config in &configs {
        write(tx, vault, config, &by)?;
    }
    let mut insert = Insert::new(tx, vault)?;
    for (row, key) in &keys {
        insert.add(*row, key, by.at)?;
    }
    tx.execute_batch("DROP TABLE old_api_keys; DROP TABLE old_proxy_configs;")?;
    audit::note(tx, &AuditAction::DatabaseAdopted(adoption.to_string()), &by)?;
    Ok(adoption)
}

/// Ids go on where the old table stopped, also after rows that were deleted there. Answers the last one.
fn continue_ids(tx: &Transaction<'_>, table: &str) -> rusqlite::Result<i64> {
    let counted: Option<i64> = tx
        .query_one("SELECT seq FROM sqlite_sequence WHERE name = 'old_' || ?1", [table], |row| row.get(0))
        .optional()?;
    let used: Option<i64> =
        tx.query_one(&format!("SELECT max(id) FROM old_{table}"), (), |row| row.get(0))?;
    let last = counted.max(used).unwrap_or(0);
    tx.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", (table, last))?;
    Ok(last)
}

/// Every row of an old table, in the order of their ids.
fn read<T>(
    tx: &Transaction<'_>,
    table: &str,
    mut read: impl FnMut(i64, &Row<'_>) -> T,
) -> rusqlite::Result<Vec<T>> {
    tx.prepare(&format!("SELECT * FROM {table} ORDER BY id"))?
        .query_map((), |row| Ok(read(row.get("id")?, row)))?
        .collect()
}

/// The text in a column; `None` when the column is not there, null or empty.
fn text(row: &Row<'_>, column: &str) -> Option<String> {
    let text = match row.get_ref(column).ok()? {
        ValueRef::Null => return None,
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    };
    Some(text).filter(|text| !text.is_empty())
}

fn write(tx: &Transaction<'_>, vault: &Vault, config: &AdoptedConfig, by: &Change) -> Result<(), Fault> {
    let AdoptedConfig { id, fields, created_at, updated_at, note } = config;
    insert_fields(tx, Some(*id), fields, *created_at, *updated_at)?;
    if let Ok(spec) = ConfigSpec::try_from(fields) {
        vouch(tx, vault, *id, &spec)?;
    }
    if let Some(note) = note {
        audit::note(tx, &AuditAction::ConfigAdopted(*id, note.clone()), by)?;
    }
    Ok(())
}
