//! `rekey` and `backup`: work on the database, whether a server uses it or not.

use std::path::Path;

use anyhow::ensure;
use tokio::runtime::Builder;

use super::{load, print};
use crate::{
    backends::{self, CopiedKeys, OpenStore},
    clock,
    config::{Config, Database, DatabaseKind, Inputs},
};

/// Protects the data key by a new `ENCRYPTION_KEY`: the one that is set beside `ENCRYPTION_KEY_PREVIOUS`, or a
/// generated one where the old one was generated too.
pub(super) fn rekey(inputs: &Inputs) -> anyhow::Result<()> {
    let (config, secrets) = load(inputs)?;
    must_exist(&config.database)?;
    if config.access.encryption.previous.is_empty() {
        secrets.rotate_encryption_key()?;
    }
    let (config, secrets) = load(inputs)?;
    let rewrapped = rewrap(config)?;
    secrets.forget_previous_key()?;
    print(if rewrapped {
        "The stored keys are protected by the new ENCRYPTION_KEY now; ENCRYPTION_KEY_PREVIOUS is not needed any more."
    } else {
        "The stored keys were protected by this ENCRYPTION_KEY already."
    })
}

/// Copies the database into a new file, as it is: the way back from a newer version is the copy made before.
pub(super) fn backup(inputs: &Inputs, to: &Path) -> anyhow::Result<()> {
    let (config, secrets) = load(inputs)?;
    must_exist(&config.database)?;
    let keys = block_on(backends::copy(&config.database, to))??;
    let to = to.display();
    print(&match keys {
        CopiedKeys::Sealed => {
            let made = secrets
                .file
                .map_or_else(String::new, |file| format!(" (generated ones are in {})", file.display()));
            format!("Copied to {to}. The keys in it stay encrypted: keep ENCRYPTION_KEY too{made}.")
        }
        CopiedKeys::Plain => {
            format!("Copied to {to}. It is of the old project: the keys in it are NOT encrypted.")
        }
    })
}

/// Opening makes a database where there is none, which is not what anybody asked for here.
fn must_exist(database: &Database) -> anyhow::Result<()> {
    let path = &database.path;
    let is_file = database.kind == DatabaseKind::Sqlite;
    ensure!(!is_file || path.exists(), "there is no database at {} yet; check DATABASE_PATH", path.display());
    Ok(())
}

/// Opens the database, which protects the data key by the key-encryption key that is set. Whether it was not yet.
fn rewrap(config: Config) -> anyhow::Result<bool> {
    // A server may be using the tables: whatever RESET_DB_TABLES says is for its start.
    let database = Database { reset: false, ..config.database };
    block_on(async {
        let (store, report) = OpenStore::open(&database, config.access.encryption, clock::now()).await?;
        store.close().await;
        Ok(report.rewrapped)
    })?
}

fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    Ok(Builder::new_current_thread().enable_all().build()?.block_on(work))
}
