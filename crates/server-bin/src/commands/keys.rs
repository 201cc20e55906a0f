//! `rekey` and `backup`: work on the database, whether a server uses it or not.

use std::path::Path;

use anyhow::ensure;
use rotator_core::store::OpenReport;
use tokio::runtime::Builder;

use super::{load, print};
use crate::{
    backends::OpenStore,
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
    let rewrapped = with_store(config, async |_, report| Ok(report.rewrapped))?;
    secrets.forget_previous_key()?;
    print(if rewrapped {
        "The stored keys are protected by the new ENCRYPTION_KEY now; ENCRYPTION_KEY_PREVIOUS is not needed any more."
    } else {
        "The stored keys were protected by this ENCRYPTION_KEY already."
    })
}

/// Copies the database into a new file.
pub(super) fn backup(inputs: &Inputs, to: &Path) -> anyhow::Result<()> {
    let (config, secrets) = load(inputs)?;
    must_exist(&config.database)?;
    with_store(config, async |store, _| store.backup(to).await)?;
    let made =
        secrets.file.map_or_else(String::new, |file| format!(" (generated ones are in {})", file.display()));
    print(&format!(
        "Copied to {}. The keys in it stay encrypted: keep ENCRYPTION_KEY too{made}.",
        to.display()
    ))
}

/// Opening makes a database where there is none, which is not what anybody asked for here.
fn must_exist(database: &Database) -> anyhow::Result<()> {
    let path = &database.path;
    let is_file = database.kind == DatabaseKind::Sqlite;
    ensure!(!is_file || path.exists(), "there is no database at {} yet; check DATABASE_PATH", path.display());
    Ok(())
}

fn with_store<T>(
    config: Config,
    work: impl AsyncFnOnce(&OpenStore, &OpenReport) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    // A server may be using the tables: whatever RESET_DB_TABLES says is for its start.
    let database = Database { reset: false, ..config.database };
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (store, report) = OpenStore::open(&database, config.access.encryption, clock::now()).await?;
        let result = work(&store, &report).await;
        store.close().await;
        result
    })
}
