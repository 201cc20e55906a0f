//! Which store and which cache. The only place that knows what is compiled in.

#[cfg(not(any(feature = "lightweight", feature = "enterprise")))]
compile_error!(
    "choose a build: --features lightweight (SQLite and memory) or --features enterprise (MySQL and Redis too)"
);

use std::{path::Path, sync::Arc};

use admin_api::Build;
use cache_memory::MemoryCache;
#[cfg(feature = "enterprise")]
use cache_redis::{RedisCache, Server};
use importers::Tables;
use jiff::Timestamp;
use rotator_core::{
    cache::Cache,
    store::{OpenReport, Store},
    transfer::Transfer,
    vault::KeyEncryptionKeys,
};
#[cfg(feature = "enterprise")]
use store_mysql::MySqlStore;
pub use store_sqlite::CopiedKeys;
use store_sqlite::{Error, OpenOptions, SqliteStore};

use crate::config::{CacheKind, ConfigError, Database, DatabaseKind, Redis};
#[cfg(feature = "enterprise")]
use crate::config::{MySqlServer, MySqlTls, RedisPlace, variables as var};

/// The name of this build.
pub const BUILD: &str = if cfg!(feature = "enterprise") { "enterprise" } else { "lightweight" };

/// The version, and which build of it this is.
pub const VERSION: &str = if cfg!(feature = "enterprise") {
    concat!(env!("CARGO_PKG_VERSION"), " (enterprise)")
} else {
    concat!(env!("CARGO_PKG_VERSION"), " (lightweight)")
};

/// This build, as the admin API tells it.
pub const BUILD_KIND: Build =
    if cfg!(feature = "enterprise") { Build::Enterprise } else { Build::Lightweight };

/// An open store, or one that waits for its server.
pub enum OpenStore {
    /// Files.
    Sqlite(Arc<SqliteStore>),
    /// A server's database.
    #[cfg(feature = "enterprise")]
    MySql(Arc<MySqlStore>),
}

/// A store that is there before its server is, which opens it.
#[cfg(feature = "enterprise")]
pub struct Awaited {
    store: Arc<MySqlStore>,
    server: MySqlServer,
}

/// There is none: a file is there or not.
#[cfg(not(feature = "enterprise"))]
pub enum Awaited {}

/// Whether what was asked for is compiled in, wholly told, and makes sense; says so without opening anything.
pub fn check(database: &Database, cache: &CacheKind) -> Result<(), ConfigError> {
    match &database.kind {
        #[cfg(not(feature = "enterprise"))]
        DatabaseKind::MySql(variable, _) => {
            return Err(not_here(variable, "MySQL", "data is kept in SQLite"));
        }
        #[cfg(feature = "enterprise")]
        DatabaseKind::MySql(_, server) if server.user.is_empty() => {
            return Err(ConfigError::variable(&var::DB_USER, "must be set beside DB_HOST"));
        }
        _ => {}
    }
    match cache {
        CacheKind::Memory => Ok(()),
        CacheKind::Redis(redis) => redis_options(redis).map(drop),
    }
}

#[cfg(not(feature = "enterprise"))]
fn not_here(name: &'static str, wanted: &str, otherwise: &str) -> ConfigError {
    let problem = format!(
        "asks for {wanted}, which arrives with the enterprise build and is not in this {BUILD} one; unset it, and {otherwise}"
    );
    ConfigError::Variable { name, problem, found: String::new() }
}

/// The cache.
pub async fn open_cache(kind: &CacheKind) -> anyhow::Result<Arc<dyn Cache>> {
    let memory = Arc::new(MemoryCache::new());
    match kind {
        CacheKind::Memory => Ok(memory),
        CacheKind::Redis(redis) => open_redis(redis, memory).await,
    }
}

#[cfg(feature = "enterprise")]
async fn open_redis(redis: &Redis, stand_in: Arc<dyn Cache>) -> anyhow::Result<Arc<dyn Cache>> {
    Ok(Arc::new(RedisCache::open(redis_options(redis)?, stand_in).await?))
}

#[cfg(not(feature = "enterprise"))]
#[expect(clippy::unused_async, reason = "the other build waits for the server")]
async fn open_redis(redis: &Redis, _: Arc<dyn Cache>) -> anyhow::Result<Arc<dyn Cache>> {
    Ok(redis_options(redis)?)
}

#[cfg(feature = "enterprise")]
fn redis_options(redis: &Redis) -> Result<cache_redis::Options, ConfigError> {
    let blame =
        |variable| move |error: cache_redis::Error| ConfigError::variable(variable, error.to_string());
    let server = match &redis.place {
        RedisPlace::Url(url) => Server::parse(url),
        RedisPlace::Parts { host, port, database } => Server::new(host, *port, *database),
    };
    let server = server.map_err(blame(redis.place.variable()))?;
    let server = server.or_user(redis.username.as_deref(), redis.password.as_ref().map(|p| p.as_str()));
    let server = match &redis.authorities {
        Some(pem) => server.with_authorities(pem.clone()).map_err(blame(&var::REDIS_CA_FILE))?,
        None => server,
    };
    let Redis { turns_at_a_time, budget, .. } = *redis;
    Ok(cache_redis::Options { server, prefix: redis.prefix.clone(), turns_at_a_time, budget })
}

#[cfg(not(feature = "enterprise"))]
fn redis_options(redis: &Redis) -> Result<Arc<dyn Cache>, ConfigError> {
    Err(not_here(redis.place.variable().name, "Redis", "this process's memory is used"))
}

impl OpenStore {
    /// Opens the database that was asked for; tells what that found and did.
    pub async fn open(
        database: &Database,
        keys: KeyEncryptionKeys,
        now: Timestamp,
    ) -> anyhow::Result<(Self, OpenReport)> {
        #[cfg(feature = "enterprise")]
        if let DatabaseKind::MySql(_, server) = &database.kind {
            let store = Arc::<MySqlStore>::default();
            let report = open_mysql(&store, server, keys, database.reset, now).await?;
            return Ok((Self::MySql(store).whole(database).await?, report));
        }
        let path = database.path.clone();
        let options = OpenOptions { path, keys, reset_tables: database.reset, now };
        let (store, report) = SqliteStore::open(options).await.map_err(blame)?;
        Ok((Self::Sqlite(Arc::new(store)).whole(database).await?, report))
    }

    /// The store, unless it holds a part of another one only: whatever was written to it now would be in the way.
    async fn whole(self, database: &Database) -> anyhow::Result<Self> {
        if self.transfer().transfer_under_way().await?.is_none() {
            return Ok(self);
        }
        self.close().await;
        let place = database.place();
        let problem = format!(
            "{place} holds a part of another database, from a migration that was cut short; \
             run the same `api-key-rotator migrate` again to complete it"
        );
        Err(ConfigError::Database(problem).into())
    }

    /// The store that was asked for, closed as long as its server is away, and what opens it.
    #[cfg(feature = "enterprise")]
    pub fn awaited(database: &Database) -> Option<(Self, Awaited)> {
        let DatabaseKind::MySql(_, server) = &database.kind else { return None };
        let store = Arc::<MySqlStore>::default();
        Some((Self::MySql(Arc::clone(&store)), Awaited { store, server: server.clone() }))
    }

    /// The same: nobody waits for a file.
    #[cfg(not(feature = "enterprise"))]
    pub fn awaited(_: &Database) -> Option<(Self, Awaited)> {
        None
    }

    /// Opens a database as it is; `None` where there is none yet.
    pub async fn open_current(database: &Database, keys: KeyEncryptionKeys) -> anyhow::Result<Option<Self>> {
        #[cfg(feature = "enterprise")]
        if let DatabaseKind::MySql(_, server) = &database.kind {
            let store = MySqlStore::open_current(mysql(server), keys).await.map_err(blame_mysql)?;
            return Ok(store.map(|store| Self::MySql(Arc::new(store))));
        }
        let store = SqliteStore::open_current(database.path.clone(), keys).await.map_err(blame)?;
        Ok(store.map(|store| Self::Sqlite(Arc::new(store))))
    }

    /// The port through which it moves.
    pub fn transfer(&self) -> Arc<dyn Transfer> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as Arc<dyn Transfer>,
            #[cfg(feature = "enterprise")]
            Self::MySql(store) => Arc::clone(store) as Arc<dyn Transfer>,
        }
    }

    /// The port.
    pub fn port(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as Arc<dyn Store>,
            #[cfg(feature = "enterprise")]
            Self::MySql(store) => Arc::clone(store) as Arc<dyn Store>,
        }
    }

    /// Finishes what is under way and closes the database.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            #[cfg(feature = "enterprise")]
            Self::MySql(store) => store.close().await,
        }
    }
}

impl Awaited {
    /// Opens the store, if its server is there.
    #[cfg(feature = "enterprise")]
    pub async fn open(&self, keys: KeyEncryptionKeys, now: Timestamp) -> anyhow::Result<OpenReport> {
        open_mysql(&self.store, &self.server, keys, false, now).await
    }

    /// There is none to open.
    #[cfg(not(feature = "enterprise"))]
    #[expect(clippy::unused_async, reason = "the other build waits for the server")]
    pub async fn open(&self, _: KeyEncryptionKeys, _: Timestamp) -> anyhow::Result<OpenReport> {
        match *self {}
    }
}

/// Copies a database into a new file, as it is: it may be of an older version, and in use by it.
pub async fn copy(database: &Database, to: &Path) -> anyhow::Result<CopiedKeys> {
    if let DatabaseKind::MySql(..) = database.kind {
        anyhow::bail!(
            "backup copies a SQLite file, and the data are in MySQL; use `mysqldump --single-transaction`, and keep \
             ENCRYPTION_KEY (or JWT_SECRET in its place) too"
        );
    }
    SqliteStore::copy(database.path.clone(), to.to_owned()).await.map_err(blame)
}

/// Those of these tables that another program's database has.
pub async fn read_foreign(database: &Database, tables: &[&str]) -> anyhow::Result<Tables> {
    #[cfg(feature = "enterprise")]
    if let DatabaseKind::MySql(_, server) = &database.kind {
        return store_mysql::read_foreign(&mysql(server), tables).await.map_err(blame_mysql);
    }
    let (path, names) = (database.path.clone(), tables.iter().map(ToString::to_string).collect::<Vec<_>>());
    let read = move || {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        store_sqlite::read_foreign(&path, &names).map_err(blame)
    };
    tokio::task::spawn_blocking(read).await?
}

#[cfg(feature = "enterprise")]
async fn open_mysql(
    store: &MySqlStore,
    server: &MySqlServer,
    keys: KeyEncryptionKeys,
    reset_tables: bool,
    now: Timestamp,
) -> anyhow::Result<OpenReport> {
    let options = store_mysql::OpenOptions { server: mysql(server), keys, reset_tables, now };
    store.open_now(options).await.map_err(blame_mysql)
}

#[cfg(feature = "enterprise")]
fn mysql(server: &MySqlServer) -> store_mysql::Server {
    store_mysql::Server {
        host: server.host.clone(),
        port: server.port,
        user: server.user.clone(),
        password: server.password.clone(),
        database: server.database.clone(),
        tls: match server.tls {
            MySqlTls::Off => store_mysql::Tls::Off,
            MySqlTls::Preferred => store_mysql::Tls::Preferred,
            MySqlTls::Unverified => store_mysql::Tls::Unverified,
            MySqlTls::Verified => store_mysql::Tls::Verified,
        },
        ca_file: server.ca_file.clone(),
    }
}

/// Whether a database that did not open may do so in a while: a server that is down comes back.
#[cfg(feature = "enterprise")]
pub fn is_worth_waiting_for(error: &anyhow::Error) -> bool {
    use store_mysql::Error as E;
    matches!(error.downcast_ref(), Some(E::Unreachable { .. } | E::Busy { .. }))
}

/// A file is there or not.
#[cfg(not(feature = "enterprise"))]
pub fn is_worth_waiting_for(_: &anyhow::Error) -> bool {
    false
}

/// Tells what an operator mends in the configuration from what failed.
fn blame(error: Error) -> anyhow::Error {
    match error {
        Error::WrongKey { .. } => ConfigError::WrongKey(error.to_string()).into(),
        Error::File { .. } | Error::Foreign { .. } | Error::NotCurrent { .. } => {
            ConfigError::Database(error.to_string()).into()
        }
        error => error.into(),
    }
}

/// The same, of MySQL.
#[cfg(feature = "enterprise")]
fn blame_mysql(error: store_mysql::Error) -> anyhow::Error {
    use store_mysql::Error as E;
    match error {
        E::Refused { .. }
        | E::Encryption { .. }
        | E::NoDatabase { .. }
        | E::OldServer { .. }
        | E::Foreign { .. }
        | E::NotCurrent { .. } => ConfigError::Database(error.to_string()).into(),
        E::WrongKey { .. } => ConfigError::WrongKey(error.to_string()).into(),
        error => error.into(),
    }
}
