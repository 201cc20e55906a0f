//! Takes over the tables of the old project, in place; see [`rotator_core::adoption`] for what becomes of their rows.
//!
//! MySQL cannot take a table's change back, so this can be cut short between any two steps, and goes on at the next
//! start: the old tables are renamed, ours are made, the rows are copied in one transaction that says so, and the old
//! tables are dropped.

use mysql_async::Row;
use rotator_core::{
    adoption::{AdoptedConfig, OldConfig, OldKey, Takeover},
    model::{ConfigId, ConfigSpec},
    store::{Adoption, AuditAction, Change},
    vault::Vault,
};

use crate::{
    audit,
    configs::{insert_fields, vouch},
    connection::Session,
    error::Fault,
    keys, migrations,
    open::OpenOptions,
    rows::{self, get},
    settings,
};

/// What the old tables are called while they wait.
const SET_ASIDE: [&str; 2] = ["old_proxy_configs", "old_api_keys"];

/// Whether these are the tables of the old project: they have its columns, and our ledger is not beside them.
pub(crate) async fn is_old_project(conn: &mut Session, tables: &[String]) -> Result<bool, Fault> {
    if tables.iter().any(|table| table == migrations::LEDGER) {
        return Ok(false);
    }
    let row = conn
        .row(
            "SELECT count(*) FROM information_schema.columns WHERE table_schema = database()
                AND (table_name = 'proxy_configs' AND column_name IN ('id', 'name', 'slug', 'config_type', 'is_active')
                  OR table_name = 'api_keys' AND column_name IN ('id', 'key_value', 'is_active', 'proxy_config_id'))",
            (),
        )
        .await?;
    Ok(rows::only::<i64>(row.as_ref())? == 9)
}

/// Makes room for our tables of the same names: both at once, or neither.
pub(crate) async fn set_aside(conn: &mut Session) -> Result<(), Fault> {
    conn.run("RENAME TABLE proxy_configs TO old_proxy_configs, api_keys TO old_api_keys").await
}

/// Whether there are tables that were set aside.
pub(crate) fn is_under_way(tables: &[String]) -> bool {
    SET_ASIDE.iter().any(|name| tables.iter().any(|table| table == name))
}

/// Moves what was set aside into our tables. `None` when an earlier start has done so already.
pub(crate) async fn adopt(
    conn: &mut Session,
    vault: &Vault,
    options: &OpenOptions,
) -> Result<Option<Adoption>, Fault> {
    let adoption = match settings::get(conn, settings::ADOPTED).await? {
        Some(_) => None,
        None => Some(copy(conn, vault, options).await?),
    };
    conn.run("DROP TABLE IF EXISTS old_api_keys, old_proxy_configs").await?;
    settings::remove(conn, settings::ADOPTED).await?;
    Ok(adoption)
}

async fn copy(conn: &mut Session, vault: &Vault, options: &OpenOptions) -> Result<Adoption, Fault> {
    let by = Change { at: options.now, actor: "upgrade".into(), address: None, request_id: String::new() };
    let configs = conn.texts("SELECT * FROM old_proxy_configs ORDER BY id").await?;
    let read = |row: &Row| Ok(OldConfig::read(get(row, "id")?, |column| text(row, column), by.at));
    let configs = configs.iter().map(read).collect::<Result<_, Fault>>()?;
    let keys = conn.texts("SELECT * FROM old_api_keys ORDER BY id").await?;
    let read = |row: &Row| Ok(OldKey::read(get(row, "id")?, |column| text(row, column)));
    let keys = keys.iter().map(read).collect::<Result<_, Fault>>()?;

    // Ids go on where the old tables stopped, also after rows that were deleted there.
    let next_config = next_id(conn, "old_proxy_configs").await?;
    let next_key = next_id(conn, "old_api_keys").await?;
    conn.run(&format!("ALTER TABLE proxy_configs AUTO_INCREMENT = {next_config}")).await?;
    let Takeover { configs, keys, report, .. } =
        Takeover::plan(configs, keys, ConfigId(next_config), vault, by.at);

    conn.run("START TRANSACTION").await?;
    conn.execute("UPDATE last_ids SET id = ? WHERE name = 'api_keys'", (next_key - 1,)).await?;
    for config in &configs {
        write(conn, vault, config, &by).await?;
    }
    let keys: Vec<_> = keys.iter().map(|(row, key)| (*row, key)).collect();
    keys::insert(conn, vault, &keys, by.at).await?;
    audit::note(conn, &AuditAction::DatabaseAdopted(report.to_string()), &by).await?;
    settings::put(conn, settings::ADOPTED, "1").await?;
    conn.run("COMMIT").await?;
    Ok(report)
}

/// The id that a table would give next.
pub(crate) async fn next_id(conn: &mut Session, table: &str) -> Result<i64, Fault> {
    let counted = conn
        .row(
            "SELECT CAST(coalesce(auto_increment, 1) AS SIGNED) FROM information_schema.tables
             WHERE table_schema = database() AND table_name = ?",
            (table,),
        )
        .await?;
    let used = conn.row(&format!("SELECT coalesce(max(id), 0) FROM {table}"), ()).await?;
    Ok(rows::only::<i64>(counted.as_ref())?.max(rows::only::<i64>(used.as_ref())? + 1))
}

/// The text in a column; `None` when the column is not there, null or empty.
fn text(row: &Row, column: &str) -> Option<String> {
    let bytes = row.get_opt::<Option<Vec<u8>>, _>(column)?.ok()??;
    Some(String::from_utf8_lossy(&bytes).into_owned()).filter(|text| !text.is_empty())
}

async fn write(conn: &mut Session, vault: &Vault, config: &AdoptedConfig, by: &Change) -> Result<(), Fault> {
    let AdoptedConfig { id, fields, created_at, updated_at, note } = config;
    insert_fields(conn, Some(*id), fields, *created_at, *updated_at).await?;
    if let Ok(spec) = ConfigSpec::try_from(fields) {
        vouch(conn, vault, *id, &spec).await?;
    }
    if let Some(note) = note {
        audit::note(conn, &AuditAction::ConfigAdopted(*id, note.clone()), by).await?;
    }
    Ok(())
}
