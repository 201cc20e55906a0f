//! What the server knows: the store, the cache, and the snapshot that requests read.

use std::{sync::Arc, time::Instant};

use anyhow::Context as _;
use rotator_core::{
    cache::Cache,
    pool::{Now, RestPolicy},
    routes::Routes,
    store::Store,
};
use tracing::info;

use crate::{
    backends::{self, OpenStore},
    clock,
    config::{Database, EncryptionKeys},
    health::Health,
};

/// What the server knows. Clones share it.
#[derive(Clone)]
pub struct Data {
    /// Durable data.
    pub store: Arc<dyn Store>,
    /// Shared, expiring data.
    pub cache: Arc<dyn Cache>,
    /// The snapshot that requests read.
    pub routes: Arc<Routes>,
    /// How all of it is.
    pub health: Arc<Health>,
}

impl Data {
    /// Opens the store, which is to be closed at the end, and reads the first snapshot.
    pub async fn open(
        database: &Database,
        keys: EncryptionKeys,
        rests: RestPolicy,
    ) -> anyhow::Result<(Self, OpenStore)> {
        let open = OpenStore::open(database, keys, clock::now()).await?;
        info!(path = %database.path.display(), "database {}", open.report);
        let cache = backends::open_cache();
        let routes = Arc::new(Routes::new(Arc::clone(&cache)).with_rest_policy(rests));
        let data = Self { store: open.port(), cache, routes, health: Arc::default() };
        data.routes.reload(&*data.store).await.context("the stored services cannot be read")?;
        data.health.note_routes(clock::now());
        let rests = data.store.rests().await.context("which keys rest cannot be read")?;
        data.routes.restore_rests(rests, Now { instant: Instant::now(), wall: clock::now() }).await;
        Ok((data, open))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rotator_core::vault::KeyEncryptionKey;
    use tempfile::TempDir;

    use super::*;
    use crate::config::DatabaseKind;

    /// Data in a fresh folder.
    pub(crate) async fn open(folder: &TempDir) -> (Data, OpenStore) {
        let path = folder.path().join("rotator.db");
        let database = Database { kind: DatabaseKind::Sqlite, path, reset: false };
        let current = KeyEncryptionKey::parse("a passphrase of the tests").unwrap();
        let keys = EncryptionKeys { current, previous: None };
        Data::open(&database, keys, RestPolicy::default()).await.unwrap()
    }
}
