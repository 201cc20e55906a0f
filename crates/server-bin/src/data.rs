//! What the server knows: the store, the cache, and the snapshot that requests read.

use std::{sync::Arc, time::Instant};

use anyhow::Context as _;
use rotator_core::{
    access::ProxyKeys,
    cache::Cache,
    pool::{Now, RestPolicy},
    routes::Routes,
    snapshot::Snapshot,
    store::Store,
};

use crate::{
    backends::{self, OpenStore},
    clock,
    config::CacheKind,
    health::Health,
    news,
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
    /// Reads the first snapshot.
    pub async fn read(
        store: &OpenStore,
        proxy_keys: ProxyKeys,
        rests: RestPolicy,
        cache: &CacheKind,
    ) -> anyhow::Result<Self> {
        let data = Self::new(store, proxy_keys, rests, cache).await?;
        data.routes.reload(&*data.store).await.context("the stored services cannot be read")?;
        data.health.note_routes(clock::now());
        data.read_rests().await?;
        Ok(data)
    }

    /// Begins with a snapshot that was kept, of a store that is away.
    pub async fn restore(
        snapshot: Snapshot,
        store: &OpenStore,
        proxy_keys: ProxyKeys,
        rests: RestPolicy,
        cache: &CacheKind,
    ) -> anyhow::Result<Self> {
        let data = Self::new(store, proxy_keys, rests, cache).await?;
        data.health.note_store(false);
        data.health.note_routes(snapshot.taken_at);
        data.health.note_kept(snapshot.taken_at);
        data.routes.restore(snapshot.reading).await;
        Ok(data)
    }

    /// Lets keys rest that the store knows to rest.
    pub async fn read_rests(&self) -> anyhow::Result<()> {
        let rests = self.store.rests().await.context("which keys rest cannot be read")?;
        self.routes.restore_rests(rests, Now { instant: Instant::now(), wall: clock::now() }).await;
        Ok(())
    }

    async fn new(
        store: &OpenStore,
        proxy_keys: ProxyKeys,
        rests: RestPolicy,
        cache: &CacheKind,
    ) -> anyhow::Result<Self> {
        let cache = backends::open_cache(cache).await?;
        let routes = Routes::new(Arc::clone(&cache)).with_rest_policy(rests).with_proxy_keys(proxy_keys);
        let routes = news::share(routes, &cache);
        Ok(Self { store: store.port(), cache, routes, health: Arc::default() })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rotator_core::{
        secret::Secret,
        vault::{KeyEncryptionKey, KeyEncryptionKeys},
    };
    use tempfile::TempDir;

    use super::*;
    use crate::config::{Database, DatabaseKind};

    /// Whom the tests let in.
    pub(crate) fn proxy_keys() -> ProxyKeys {
        ProxyKeys::new(&[Secret::parse("pk-of-the-tests").unwrap()])
    }

    /// Data in a fresh folder.
    pub(crate) async fn open(folder: &TempDir) -> (Data, OpenStore) {
        let path = folder.path().join("rotator.db");
        let database = Database { kind: DatabaseKind::Sqlite, path, reset: false };
        let primary = KeyEncryptionKey::parse("a passphrase of the tests").unwrap();
        let keys = KeyEncryptionKeys { primary, previous: Vec::new() };
        let (store, _) = OpenStore::open(&database, keys, clock::now()).await.unwrap();
        let data = Data::read(&store, proxy_keys(), RestPolicy::default(), &CacheKind::Memory).await.unwrap();
        (data, store)
    }
}
