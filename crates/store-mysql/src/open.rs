//! From a server to a store: the database, migrations, adoption, the data key.

use std::time::Duration;

use jiff::Timestamp;
use rotator_core::{
    store::{Found, OpenReport},
    vault::{KeyEncryptionKeys, Unlocked, Vault, VaultError},
};

use crate::{
    Opened, Server, adopt,
    connection::{OPENING_PATIENCE, Session},
    data_key,
    database::Database,
    error::{Error, Fault, code},
    migrations,
    rows::{self, get},
    sessions, settings,
};

/// How long a start waits for another that is changing the same tables.
const BUSY_PATIENCE: Duration = Duration::from_mins(1);
/// Our tables, every one before those that it refers to.
const TABLES: [&str; 15] = [
    "key_rests",
    "api_keys",
    "proxy_configs",
    "proxy_keys",
    "last_ids",
    "settings",
    "audit_log",
    "revoked_sessions",
    "requests",
    "request_tallies",
    "error_samples",
    "revision",
    "instances",
    "leadership",
    migrations::LEDGER,
];
/// The oldest servers that know all we say to them.
const OLDEST_MYSQL: (u16, u16) = (8, 0);
const OLDEST_MARIADB: (u16, u16) = (10, 6);

/// How to open a store.
#[derive(Debug)]
pub struct OpenOptions {
    /// Where the database is. It is made if it is not there.
    pub server: Server,
    /// What the operator holds.
    pub keys: KeyEncryptionKeys,
    /// Whether every table is dropped first (`RESET_DB_TABLES`).
    pub reset_tables: bool,
    /// The time of the opening.
    pub now: Timestamp,
}

/// Opens the store.
pub(crate) async fn open(options: OpenOptions) -> Result<(Opened, OpenReport), Error> {
    let (vault, report) = prepare(&options).await.map_err(|fault| fault.of(&options.server))?;
    Ok((Opened { database: Database::new(&options.server), vault }, report))
}

/// Opens the store as it is.
pub(crate) async fn open_current(server: Server, keys: &KeyEncryptionKeys) -> Result<Option<Opened>, Error> {
    let vault = look(&server, keys).await.map_err(|fault| fault.of(&server))?;
    Ok(vault.map(|vault| Opened { database: Database::new(&server), vault }))
}

/// What opens the keys of a database, if there is one, and it is of the current version. Changes nothing.
async fn look(server: &Server, keys: &KeyEncryptionKeys) -> Result<Option<Vault>, Fault> {
    let mut conn = match Session::connect(server, OPENING_PATIENCE).await {
        Err(fault) if fault.code() == Some(code::UNKNOWN_DATABASE) => return Ok(None),
        conn => conn?,
    };
    let found = async {
        refuse_old(&mut conn).await?;
        let tables = tables(&mut conn).await?;
        if adopt::is_under_way(&tables) || adopt::is_old_project(&mut conn, &tables).await? {
            return Err(Fault::OldProject);
        }
        refuse_foreign(&tables, false)?;
        if !tables.iter().any(|table| table == migrations::LEDGER) {
            return Ok(None);
        }
        migrations::must_be_current(&mut conn, migrations::ALL).await?;
        let wrapped = settings::get(&mut conn, settings::DATA_KEY).await?.ok_or(VaultError::Damaged)?;
        match keys.unlock(&wrapped)? {
            Unlocked::ByPrimary(vault) | Unlocked::ByPrevious(vault, _) => Ok(Some(vault)),
        }
    }
    .await;
    conn.close().await;
    found
}

/// Brings the tables up to date, on one connection that keeps every other start waiting: the lock is its own, and goes
/// with it.
async fn prepare(options: &OpenOptions) -> Result<(Vault, OpenReport), Fault> {
    let mut conn = connect(&options.server).await?;
    let prepared = async {
        conn.run("SET SESSION innodb_lock_wait_timeout = 50, SESSION lock_wait_timeout = 60").await?;
        refuse_old(&mut conn).await?;
        lock(&mut conn).await?;
        bring_up_to_date(&mut conn, options).await
    }
    .await;
    conn.close().await;
    prepared
}

/// Connects, and makes the database if it is not there.
async fn connect(server: &Server) -> Result<Session, Fault> {
    match Session::connect(server, OPENING_PATIENCE).await {
        Err(fault) if fault.code() == Some(code::UNKNOWN_DATABASE) => {}
        result => return result,
    }
    let mut conn = Session::connect_to_server(server, OPENING_PATIENCE).await?;
    let name = server.database.replace('`', "``");
    let made = conn
        .run(&format!("CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"))
        .await;
    conn.close().await;
    match made {
        Err(fault) => match fault.server_error() {
            Some(error) => Err(Fault::NoDatabase { reason: error.message.clone() }),
            None => Err(fault),
        },
        Ok(()) => Session::connect(server, OPENING_PATIENCE).await,
    }
}

async fn refuse_old(conn: &mut Session) -> Result<(), Fault> {
    let found: String = rows::only(conn.row("SELECT version()", ()).await?.as_ref())?;
    let is_mariadb = found.contains("MariaDB");
    // MariaDB may call itself 5.5.5 first, for old clients' sake.
    let mut numbers =
        found.trim_start_matches("5.5.5-").split(['.', '-']).map_while(|part| part.parse().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < if is_mariadb { OLDEST_MARIADB } else { OLDEST_MYSQL } {
        let name = if is_mariadb { "" } else { "MySQL " };
        return Err(Fault::OldServer { found: format!("{name}{found}") });
    }
    Ok(())
}

/// Locks are the server's, for all its databases, and their names are short.
async fn lock(conn: &mut Session) -> Result<(), Fault> {
    let sql = "SELECT get_lock(concat('rotator/', left(sha2(database(), 256), 32)), ?)";
    let row = conn.row(sql, (BUSY_PATIENCE.as_secs(),)).await?;
    match rows::only::<Option<i64>>(row.as_ref())? {
        Some(1) => Ok(()),
        _ => Err(Fault::Busy),
    }
}

async fn bring_up_to_date(conn: &mut Session, options: &OpenOptions) -> Result<(Vault, OpenReport), Fault> {
    let tables = tables(conn).await?;
    let old_project = adopt::is_old_project(conn, &tables).await?;
    refuse_foreign(&tables, old_project)?;
    if options.reset_tables {
        conn.run(&format!("DROP TABLE IF EXISTS old_api_keys, old_proxy_configs, {}", TABLES.join(", ")))
            .await?;
    } else if old_project {
        adopt::set_aside(conn).await?;
    }
    let adopting = !options.reset_tables && (old_project || adopt::is_under_way(&tables));
    let progress = migrations::run(conn, migrations::ALL, options.now).await?;
    let (vault, rewrapped) = data_key::unlock(conn, &options.keys).await?;
    let adoption = if adopting { adopt::adopt(conn, &vault, options).await? } else { None };
    let found = match (adoption, progress.from) {
        (Some(adoption), _) => Found::OldProject(adoption),
        (None, 0) => Found::Nothing,
        (None, current) if current == progress.to => Found::Current,
        (None, from) => Found::Older { from, to: progress.to },
    };
    sessions::forget_expired(conn, options.now).await?;
    Ok((vault, OpenReport { found, reset: options.reset_tables, rewrapped }))
}

/// A table of one of our names is ours if our ledger is beside it, or an old project's. Others may be there.
fn refuse_foreign(tables: &[String], old_project: bool) -> Result<(), Fault> {
    let is_there = |name: &str| tables.iter().any(|table| table == name);
    if old_project || is_there(migrations::LEDGER) {
        return Ok(());
    }
    match TABLES.into_iter().find(|name| is_there(name)) {
        Some(table) => Err(Fault::Foreign { table }),
        None => Ok(()),
    }
}

async fn tables(conn: &mut Session) -> Result<Vec<String>, Fault> {
    let sql = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = database()";
    conn.rows(sql, ()).await?.iter().map(|row| get(row, "name")).collect()
}
