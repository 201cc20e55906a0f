//! The [`Store`](rotator_core::store::Store) port on MySQL 8 and MariaDB 10.6, and later ones.
//!
//! One database holds everything, the request log too. A few connections read and a few write; each command, and each
//! wait for a connection, takes a few seconds at most, so that a server that hangs holds nobody up. Reading takes no
//! lock. The SQL is what both servers understand.
//!
//! | module | idea |
//! |---|---|
//! | `open` | from a server to a store: the database, migrations, `adopt` of the old project's tables, the `data_key` |
//! | `connection` · `pool` · `database` | what a connection promises, how it is used again, transactions |
//! | `migrations` | numbered steps in `migrations/`, each applied once |
//! | `store` · `transfer` | the ports: reading or writing |
//! | `configs` · `keys` · `rests` · `proxy_keys` · `prices` · `revision` · `audit` · `sessions` · `requests` · `instances` | the SQL, a module per table |
//! | `foreign` | tables of other programs, to import from |
//! | `rows` · `error` | rows as the model has them · MySQL's errors as the port has them |

mod adopt;
mod audit;
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
mod pool;
mod prices;
mod proxy_keys;
mod requests;
mod rests;
mod revision;
mod rows;
mod sessions;
mod settings;
mod store;
mod transfer;

use std::sync::OnceLock;

use rotator_core::{
    store::{OpenReport, StoreError},
    vault::{KeyEncryptionKey, KeyEncryptionKeys, Vault},
};

pub use connection::{Server, Tls};
use database::Database;
pub use error::Error;
use error::Fault;
pub use foreign::read_foreign;
pub use open::OpenOptions;

/// Durable data in a MySQL database.
#[derive(Debug, Default)]
pub struct MySqlStore(OnceLock<Opened>);

#[derive(Debug)]
struct Opened {
    database: Database,
    vault: Vault,
}

impl MySqlStore {
    /// Opens the store, and whatever that takes: makes the database, migrates it, adopts the old project's tables,
    /// makes or unwraps the data key. Of several that do so at once, one does it and the others wait.
    pub async fn open(options: OpenOptions) -> Result<(Self, OpenReport), Error> {
        let store = Self::default();
        let report = store.open_now(options).await?;
        Ok((store, report))
    }

    /// Opens a store that was there before its server was: the default one, of which everything is unavailable until then.
    pub async fn open_now(&self, options: OpenOptions) -> Result<OpenReport, Error> {
        let (opened, report) = Box::pin(open::open(options)).await?;
        // Whoever opened it twice has two of the same.
        let _ = self.0.set(opened);
        Ok(report)
    }

    /// Opens the store as it is: nothing is made, migrated or adopted, and the data key stays wrapped as it is. `None`
    /// where there is nothing yet.
    pub async fn open_current(server: Server, keys: KeyEncryptionKeys) -> Result<Option<Self>, Error> {
        Ok(open::open_current(server, &keys).await?.map(|opened| Self(opened.into())))
    }

    /// Protects the data key by another key-encryption key. No sealed key changes.
    pub async fn rekey(&self, primary: KeyEncryptionKey) -> Result<(), StoreError> {
        let wrapped = self.vault()?.wrap(&primary).map_err(Fault::from)?;
        self.database()?.write(async |tx| Ok(settings::put(tx, settings::DATA_KEY, &wrapped).await?)).await
    }

    /// Finishes what is under way and closes the connections. Calls after it fail.
    pub async fn close(&self) {
        if let Some(opened) = self.0.get() {
            opened.database.close().await;
        }
    }

    fn database(&self) -> Result<&Database, StoreError> {
        Ok(&self.opened()?.database)
    }

    fn vault(&self) -> Result<&Vault, StoreError> {
        Ok(&self.opened()?.vault)
    }

    fn opened(&self) -> Result<&Opened, StoreError> {
        self.0.get().ok_or_else(|| StoreError::Unavailable(Error::Closed.into()))
    }
}
