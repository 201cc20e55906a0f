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
//! | `store` · `transfer` | the ports: which file, and reading or writing |
//! | `configs` · `keys` · `rests` · `proxy_keys` · `revision` · `audit` · `sessions` · `requests` | the SQL, a module per table |
//! | `instances` | who runs on the store, and who leads |
//! | `foreign` | tables of other programs, to import from |
//! | `rows` · `error` | rows as the model has them · SQLite's errors as the port has them |

mod adopt;
mod audit;
mod backup;
mod configs;
mod connection;
mod data_key;
mod database;
mod error;
mod foreign;
mod instances;
mod keys;
mod migrations;
mod notifications;
mod open;
mod prices;
mod proxy_keys;
mod readers;
mod requests;
mod rests;
mod revision;
mod rows;
mod sessions;
mod settings;
mod store;
#[cfg(test)]
mod tests;
mod transfer;
mod writer;

use std::{path::PathBuf, sync::Arc};

use rotator_core::{
    store::{OpenReport, StoreError},
    vault::{KeyEncryptionKey, KeyEncryptionKeys, Vault},
};
use tokio::task::spawn_blocking;
use tracing::warn;

use database::Database;
pub use error::Error;
pub use foreign::read_foreign;
use instances::Instances;
pub use open::{CopiedKeys, OpenOptions};
use requests::Pending;

/// Durable data in two SQLite files.
#[derive(Debug)]
pub struct SqliteStore {
    config: Database,
    requests: Database,
    /// What requests came to, as far as it is not written yet.
    tallies: Arc<Pending>,
    instances: Instances,
    vault: Arc<Vault>,
}

impl SqliteStore {
    /// Opens the store, and whatever that takes: makes the files, migrates them, adopts the old project's database,
    /// makes or unwraps the data key. An error leaves the config database as it was.
    pub async fn open(options: OpenOptions) -> Result<(Self, OpenReport), Error> {
        spawn_blocking(move || open::open(options)).await.map_err(|_| Error::Closed)?
    }

    /// Opens the store as it is: nothing is made, migrated or adopted, and the data key stays wrapped as it is. `None`
    /// where there is nothing yet. Only a request log that is not there is made.
    pub async fn open_current(path: PathBuf, keys: KeyEncryptionKeys) -> Result<Option<Self>, Error> {
        spawn_blocking(move || open::open_current(path, &keys)).await.map_err(|_| Error::Closed)?
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

    /// Copies a config database into a new file that only its owner may read, whether a server uses it or not. Of
    /// whichever version it is, it stays as it is, and so do the keys in it. The request log is not part of it.
    pub async fn copy(path: PathBuf, to: PathBuf) -> Result<CopiedKeys, Error> {
        spawn_blocking(move || open::copy(path, &to)).await.map_err(|_| Error::Closed)?
    }

    /// Finishes what is under way and closes the files with empty write-ahead logs. Calls after it fail.
    pub async fn close(&self) {
        self.config.close().await;
        if let Err(error) = self.write_tallies().await {
            warn!(error = &error as &dyn std::error::Error, "the last minute's statistics are lost");
        }
        self.requests.close().await;
    }

    async fn write_tallies(&self) -> Result<(), StoreError> {
        Arc::clone(&self.tallies).write(&self.requests, |tx, tallies| tallies.add_all(tx)).await
    }
}
