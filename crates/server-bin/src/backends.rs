//! Which store and which cache. The only place that knows what is compiled in.

#[cfg(not(any(feature = "lightweight", feature = "enterprise")))]
compile_error!(
    "choose a build: --features lightweight (SQLite and memory) or --features enterprise (MySQL and Redis too)"
);

use std::{path::Path, sync::Arc};

use admin_api::Build;
use cache_memory::MemoryCache;
use jiff::Timestamp;
use rotator_core::{cache::Cache, store::Store};
use store_sqlite::{Error, KeyEncryptionKeys, OpenOptions, OpenReport, SqliteStore};

use crate::config::{CacheKind, ConfigError, Database, DatabaseKind, EncryptionKeys};

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

/// An open store.
pub struct OpenStore {
    sqlite: Arc<SqliteStore>,
    /// What the opening found and did.
    pub report: OpenReport,
}

/// Whether what was asked for is compiled in; says so without opening anything.
pub fn check(database: &Database, cache: CacheKind) -> Result<(), ConfigError> {
    let (name, wanted, otherwise) = match (database.kind, cache) {
        (DatabaseKind::MySql(variable), _) => (variable, "MySQL", "data is kept in SQLite"),
        (_, CacheKind::Redis(variable)) => (variable, "Redis", "this process's memory is used"),
        (DatabaseKind::Sqlite, CacheKind::Memory) => return Ok(()),
    };
    let problem = format!(
        "asks for {wanted}, which arrives with the enterprise build and is not in this {BUILD} one; unset it, and {otherwise}"
    );
    Err(ConfigError::Variable { name, problem, found: String::new() })
}

/// The cache.
pub fn open_cache() -> Arc<dyn Cache> {
    Arc::new(MemoryCache::new())
}

impl OpenStore {
    /// Opens the database that was asked for.
    pub async fn open(database: &Database, keys: EncryptionKeys, now: Timestamp) -> anyhow::Result<Self> {
        let path = database.path.clone();
        let keys = KeyEncryptionKeys { primary: keys.current, previous: keys.previous.into_iter().collect() };
        let options = OpenOptions { path, keys, keep_upgrade_copy: false, reset_tables: database.reset, now };
        let (sqlite, report) = SqliteStore::open(options).await.map_err(blame)?;
        Ok(Self { sqlite: Arc::new(sqlite), report })
    }

    /// The port.
    pub fn port(&self) -> Arc<dyn Store> {
        Arc::clone(&self.sqlite) as Arc<dyn Store>
    }

    /// Copies the database into a new file.
    pub async fn backup(&self, to: &Path) -> anyhow::Result<()> {
        Ok(self.sqlite.backup(to).await?)
    }

    /// Finishes what is under way and closes the database.
    pub async fn close(&self) {
        self.sqlite.close().await;
    }
}

/// Tells what an operator mends in the configuration from what failed.
fn blame(error: Error) -> anyhow::Error {
    match error {
        Error::File { .. } | Error::Foreign { .. } | Error::WrongKey { .. } => {
            ConfigError::Database(error.to_string()).into()
        }
        error => error.into(),
    }
}
