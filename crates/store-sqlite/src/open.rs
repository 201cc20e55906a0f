//! From a path to a store: files, migrations, adoption, the data key.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use rotator_core::{
    store::{Found, OpenReport, migrations::Migration},
    vault::{KeyEncryptionKeys, Unlocked, Vault, VaultError},
};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tracing::warn;

use crate::{
    SqliteStore, adopt, backup,
    connection::{self, Kind, PATIENCE},
    data_key,
    database::Database,
    error::{Error, Fault},
    instances::Instances,
    migrations, sessions, settings,
};

/// How long a start waits for another that is migrating the same file.
const OPENING_PATIENCE: Duration = Duration::from_mins(1);

/// How to open a store.
#[derive(Debug)]
pub struct OpenOptions {
    /// The config database (`DATABASE_PATH`). Its folder must exist. The request log is kept beside it.
    pub path: PathBuf,
    /// What the operator holds.
    pub keys: KeyEncryptionKeys,
    /// Whether every table is dropped first (`RESET_DB_TABLES`).
    pub reset_tables: bool,
    /// The time of the opening.
    pub now: Timestamp,
}

/// Opens both files. Blocks.
pub(crate) fn open(mut options: OpenOptions) -> Result<(SqliteStore, OpenReport), Error> {
    // Whatever SQLite may take a relative name for, such as `:memory:`, an absolute one is a file.
    match std::path::absolute(&options.path) {
        Ok(path) => options.path = path,
        Err(source) => return Err(Error::File { path: options.path, source }),
    }
    let path = options.path.as_path();
    let mut conn = writer(path, Kind::Config)?;
    let (vault, report) = prepare(&mut conn, &options).map_err(|fault| fault.at(path))?;
    scrub(&conn).map_err(|fault| fault.at(path))?;

    let log_path = log_path(path);
    let mut log = writer(&log_path, Kind::Requests)?;
    prepare_log(&mut log, options.reset_tables, options.now).map_err(|fault| fault.at(&log_path))?;

    Ok((start(path, conn, log, vault)?, report))
}

/// How the keys in a copy are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopiedKeys {
    /// Sealed: it opens with the same key-encryption key.
    Sealed,
    /// In plain text, as the old project keeps them.
    Plain,
}

/// Copies a config database as it is. Blocks.
pub(crate) fn copy(path: PathBuf, to: &Path) -> Result<CopiedKeys, Error> {
    let path = std::path::absolute(&path).map_err(|source| Error::File { path, source })?;
    let open = || {
        let mut conn = connection::open_reader(&path)?;
        let tx = conn.transaction()?;
        let is_old_project = adopt::is_old_project(&tx)?;
        refuse_foreign(&tx, is_old_project)?;
        drop(tx);
        Ok((conn, if is_old_project { CopiedKeys::Plain } else { CopiedKeys::Sealed }))
    };
    let (conn, keys) = open().map_err(|fault: Fault| fault.at(&path))?;
    backup::copy(&conn, to).map_err(|source| Error::Copy { to: to.into(), source })?;
    Ok(keys)
}

/// Puts the connections that write to work.
fn start(path: &Path, config: Connection, log: Connection, vault: Vault) -> Result<SqliteStore, Error> {
    let start = |path: &Path, thread, conn: Connection| {
        conn.busy_timeout(PATIENCE).map_err(|fault| Fault::from(fault).at(path))?;
        Database::start(path, thread, conn).map_err(|source| Error::File { path: path.into(), source })
    };
    Ok(SqliteStore {
        config: start(path, "store-config", config)?,
        requests: start(&log_path(path), "store-requests", log)?,
        tallies: Arc::default(),
        instances: Instances::default(),
        vault: Arc::new(vault),
    })
}

/// Opens both files as they are. Blocks.
pub(crate) fn open_current(path: PathBuf, keys: &KeyEncryptionKeys) -> Result<Option<SqliteStore>, Error> {
    let path = std::path::absolute(&path).map_err(|source| Error::File { path, source })?;
    let Some(vault) = look(&path, keys).map_err(|fault| fault.at(&path))? else { return Ok(None) };
    let log_path = log_path(&path);
    let has_log = log_path.exists()
        && must_be_current(&log_path, migrations::REQUESTS).map_err(|fault| fault.at(&log_path))?;
    let config = writer(&path, Kind::Config)?;
    let mut log = writer(&log_path, Kind::Requests)?;
    if !has_log {
        prepare_log(&mut log, false, Timestamp::UNIX_EPOCH).map_err(|fault| fault.at(&log_path))?;
    }
    start(&path, config, log, vault).map(Some)
}

/// What opens the keys of a database, if there is one, and it is of the current version. Changes nothing.
fn look(path: &Path, keys: &KeyEncryptionKeys) -> Result<Option<Vault>, Fault> {
    // SQLite takes an empty file for an empty database.
    if std::fs::metadata(path).map_or(0, |file| file.len()) == 0
        || !must_be_current(path, migrations::CONFIG)?
    {
        return Ok(None);
    }
    let conn = connection::open_reader(path)?;
    let wrapped = settings::get(&conn, settings::DATA_KEY)?.ok_or(VaultError::Damaged)?;
    Ok(Some(match keys.unlock(&wrapped)? {
        Unlocked::ByPrimary(vault) | Unlocked::ByPrevious(vault, _) => vault,
    }))
}

/// Fails unless a file is ours and of the current version. `false` when it has no tables.
fn must_be_current(path: &Path, steps: &[Migration]) -> Result<bool, Fault> {
    let mut conn = connection::open_reader(path)?;
    let tx = conn.transaction()?;
    if adopt::is_old_project(&tx)? {
        return Err(Fault::OldProject);
    }
    refuse_foreign(&tx, false)?;
    if tables(&tx)?.is_empty() {
        return Ok(false);
    }
    migrations::must_be_current(&tx, steps)?;
    Ok(true)
}

/// `data/rotator.db` keeps its request log in `data/rotator-requests.db`.
fn log_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.file_stem().unwrap_or_default());
    name.push("-requests.db");
    path.with_file_name(name)
}

fn writer(path: &Path, kind: Kind) -> Result<Connection, Error> {
    connection::create_private(path).map_err(|source| Error::File { path: path.into(), source })?;
    connection::open_writer(path, kind, OPENING_PATIENCE).map_err(|fault| Fault::from(fault).at(path))
}

/// Brings the config database up to date in one transaction that keeps every other start waiting. When anything
/// fails, nothing has changed.
fn prepare(conn: &mut Connection, options: &OpenOptions) -> Result<(Vault, OpenReport), Fault> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let old_project = adopt::is_old_project(&tx)?;
    refuse_foreign(&tx, old_project)?;
    if options.reset_tables {
        drop_tables(&tx)?;
    }
    let adopting = old_project && !options.reset_tables;
    if adopting {
        adopt::set_aside(&tx)?;
    }
    let progress = migrations::run(&tx, migrations::CONFIG, options.now)?;
    let (vault, rewrapped) = data_key::unlock(&tx, &options.keys)?;
    let found = match progress.from {
        0 if adopting => Found::OldProject(adopt::adopt(&tx, &vault, options)?),
        0 => Found::Nothing,
        current if current == progress.to => Found::Current,
        from => Found::Older { from, to: progress.to },
    };
    if old_project || options.reset_tables {
        settings::put(&tx, settings::SCRUB, "1")?;
    }
    sessions::forget_expired(&tx, options.now)?;
    tx.commit()?;
    Ok((vault, OpenReport { found, reset: options.reset_tables, rewrapped }))
}

fn prepare_log(conn: &mut Connection, reset_tables: bool, now: Timestamp) -> Result<(), Fault> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    refuse_foreign(&tx, false)?;
    if reset_tables {
        drop_tables(&tx)?;
    }
    migrations::run(&tx, migrations::REQUESTS, now)?;
    tx.commit()?;
    Ok(())
}

/// A file that has tables is ours if it has our ledger, or an old project's.
fn refuse_foreign(tx: &Transaction<'_>, old_project: bool) -> Result<(), Fault> {
    let tables = tables(tx)?;
    let ours = old_project || tables.is_empty() || tables.iter().any(|table| table == migrations::LEDGER);
    if ours { Ok(()) } else { Err(Fault::Foreign) }
}

fn drop_tables(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    // By name, which puts `api_keys` before the `proxy_configs` that they refer to.
    for table in tables(tx)? {
        tx.execute_batch(&format!("DROP TABLE \"{}\"", table.replace('"', "\"\"")))?;
    }
    Ok(())
}

fn tables(tx: &Transaction<'_>) -> rusqlite::Result<Vec<String>> {
    tx.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")?
        .query_map((), |row| row.get(0))?
        .collect()
}

/// Rewrites the file without its free pages, where deleted plain text may be. Done again by the next start if this
/// one does not get to the end.
fn scrub(conn: &Connection) -> Result<(), Fault> {
    if settings::get(conn, settings::SCRUB)?.is_none() {
        return Ok(());
    }
    conn.execute_batch("VACUUM")?;
    if connection::checkpoint(conn)? {
        settings::remove(conn, settings::SCRUB)?;
    } else {
        warn!("another process reads the database; its freed pages are overwritten at the next start");
    }
    Ok(())
}
