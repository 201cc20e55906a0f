//! The [`Store`](rotator_core::store::Store) port on SQLite.
//!
//! Two files, since they are worth different things: the *config database*, where every acknowledged write is on
//! disk and nothing deleted can be read again, and beside it the *request log*, which is large, cheap to append to
//! and may lose its last moment in a power cut. Each has one connection that writes, on a thread of its own, and a
//! few that only read; no thread of the runtime ever waits for a disk.
//!
//! | module | idea |
//! |---|---|
//! | `open` | from a path to a store: files, migrations, `adopt` of the old project's database, the `data_key` |
//! | `connection` · `writer` · `readers` · `database` | what a connection promises, who uses it, both together |
//! | `migrations` | numbered steps in `migrations/`, each applied once |
//! | `store` | the port: which file, and reading or writing |
//! | `configs` · `keys` · `rests` · `audit` · `sessions` · `requests` | the SQL, a module per table |
//! | `rows` · `error` | rows as the model has them · SQLite's errors as the port has them |

mod adopt;
mod audit;
mod backup;
mod configs;
mod connection;
mod data_key;
mod database;
mod error;
mod keys;
mod migrations;
mod open;
mod readers;
mod requests;
mod rests;
mod rows;
mod sessions;
mod settings;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::{path::Path, sync::Arc};

use rotator_core::{
    store::StoreError,
    vault::{KeyEncryptionKey, Vault},
};
use tokio::task::spawn_blocking;

pub use adopt::Adoption;
pub use data_key::KeyEncryptionKeys;
use database::Database;
pub use error::Error;
pub use open::{Found, OpenOptions, OpenReport};

/// Durable data in two SQLite files.
#[derive(Debug)]
pub struct SqliteStore {
    config: Database,
    requests: Database,
    vault: Arc<Vault>,
}

impl SqliteStore {
    /// Opens the store, and whatever that takes: makes the files, migrates them, adopts the old project's database,
    /// makes or unwraps the data key. An error leaves the config database as it was.
    pub async fn open(options: OpenOptions) -> Result<(Self, OpenReport), Error> {
        spawn_blocking(move || open::open(options)).await.map_err(|_| Error::Closed)?
    }

    /// Protects the data key by another key-encryption key. No sealed key changes.
    pub async fn rekey(&self, primary: KeyEncryptionKey) -> Result<(), StoreError> {
        let vault = Arc::clone(&self.vault);
        let rewrap = move |tx: &rusqlite::Transaction<'_>| {
            let wrapped = vault.wrap(&primary).map_err(error::vault)?;
            settings::put(tx, settings::DATA_KEY, &wrapped).map_err(error::store)
        };
        self.config.write(rewrap).await
    }

    /// Copies the config database into a new file that only its owner may read, while the store is in use. The keys
    /// in it stay sealed; it opens with the same key-encryption key. The request log is not part of it.
    pub async fn backup(&self, to: &Path) -> Result<(), Error> {
        let path = to.to_owned();
        let copied = self.config.readers.run(move |conn| Ok(backup::copy(conn, &path))).await;
        copied.map_err(|_| Error::Closed)?.map_err(|source| Error::Copy { to: to.into(), source })
    }

    /// Finishes what is under way and closes the files with empty write-ahead logs. Calls after it fail.
    pub async fn close(&self) {
        self.config.close().await;
        self.requests.close().await;
    }
}
