//! The adapters, failing on demand.

use std::{
    fs::File,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use rotator_core::{
    cache::{Cache, CacheError, Taken, Turns, Window},
    model::{ApiKey, ConfigId, ConfigSpec, KeyId, ProxyConfig, ProxyKey, ProxyKeyId, ProxyKeySpec},
    notifications::Notifications,
    pool::Resting,
    prices::PriceRow,
    record::{ErrorSample, RequestId, RequestRecord},
    secret::Secret,
    store::{
        AddedKeys, AuditAction, AuditEntry, Change, ConfigQuery, ConfigSummary, Instance, KeyFilter,
        KeyPatch, KeyQuery, KeyUsage, LiveInstance, LoggedRequest, NewKey, Page, RequestPage, RequestQuery,
        RouteSource, Stats, StatsQuery, Store, StoreError, Term,
    },
};
use store_sqlite::SqliteStore;
use tokio::sync::{Semaphore, watch};

/// A failure that can be had again and again.
pub(crate) type MakeError = fn() -> StoreError;

/// A store that fails, dawdles or waits at one method when it is told to.
pub(crate) struct FaultyStore {
    inner: SqliteStore,
    fault: Mutex<Option<(&'static str, MakeError)>>,
    slow: Mutex<Option<&'static str>>,
    held: Mutex<Option<(&'static str, Arc<Semaphore>)>>,
    tampered: AtomicBool,
}

/// A cache that goes away when it is told to.
pub(crate) struct FaultyCache {
    inner: Arc<dyn Cache>,
    away: AtomicBool,
}

pub(crate) fn unavailable() -> StoreError {
    StoreError::Unavailable(Box::new(io::Error::other("secret-host.internal refused the connection")))
}

pub(crate) fn full() -> StoreError {
    StoreError::Full(Box::new(io::Error::other("no room in /var/lib/secret-path")))
}

pub(crate) fn inconsistent() -> StoreError {
    StoreError::Inconsistent { what: "row 7 of secret_table".into() }
}

impl FaultyStore {
    pub(crate) fn new(inner: SqliteStore) -> Self {
        let tampered = AtomicBool::new(false);
        Self { inner, fault: Mutex::default(), slow: Mutex::default(), held: Mutex::default(), tampered }
    }

    /// From now on this method fails.
    pub(crate) fn fail(&self, method: &'static str, error: MakeError) {
        *self.fault.lock().unwrap() = Some((method, error));
    }

    /// From now on nothing fails.
    pub(crate) fn mend(&self) {
        *self.fault.lock().unwrap() = None;
    }

    /// From now on this method takes a while.
    pub(crate) fn dawdle(&self, method: &'static str) {
        *self.slow.lock().unwrap() = Some(method);
    }

    /// From now on each call of this method takes one of these permits.
    pub(crate) fn hold(&self, method: &'static str) -> Arc<Semaphore> {
        let permits = Arc::new(Semaphore::new(0));
        *self.held.lock().unwrap() = Some((method, permits.clone()));
        permits
    }

    /// From now on no key opens.
    pub(crate) fn tamper(&self) {
        self.tampered.store(true, Ordering::Relaxed);
    }

    fn opened(&self, key: ApiKey) -> ApiKey {
        let tampered = self.tampered.load(Ordering::Relaxed);
        ApiKey { secret: key.secret.clone().filter(|_| !tampered), ..key }
    }

    async fn fault(&self, method: &str) -> Result<(), StoreError> {
        if *self.slow.lock().unwrap() == Some(method) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let held = self.held.lock().unwrap().clone();
        if let Some((_, permits)) = held.filter(|(held, _)| *held == method) {
            permits.acquire().await.unwrap().forget();
        }
        match *self.fault.lock().unwrap() {
            Some((failing, error)) if failing == method => Err(error()),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn configs(&self, query: &ConfigQuery) -> Result<Page<ConfigSummary>, StoreError> {
        self.fault("configs").await?;
        self.inner.configs(query).await
    }

    async fn config(&self, id: ConfigId) -> Result<Option<ConfigSummary>, StoreError> {
        self.fault("config").await?;
        self.inner.config(id).await
    }

    async fn config_ids(&self) -> Result<Vec<ConfigId>, StoreError> {
        self.fault("config_ids").await?;
        self.inner.config_ids().await
    }

    async fn insert_config(&self, spec: ConfigSpec, by: &Change) -> Result<ProxyConfig, StoreError> {
        self.fault("insert_config").await?;
        self.inner.insert_config(spec, by).await
    }

    async fn replace_config(
        &self,
        id: ConfigId,
        spec: ConfigSpec,
        by: &Change,
    ) -> Result<ProxyConfig, StoreError> {
        self.fault("replace_config").await?;
        self.inner.replace_config(id, spec, by).await
    }

    async fn set_config_active(&self, id: ConfigId, active: bool, by: &Change) -> Result<(), StoreError> {
        self.fault("set_config_active").await?;
        self.inner.set_config_active(id, active, by).await
    }

    async fn delete_config(&self, id: ConfigId, by: &Change) -> Result<(), StoreError> {
        self.fault("delete_config").await?;
        self.inner.delete_config(id, by).await
    }

    async fn keys(&self, config: ConfigId, query: &KeyQuery) -> Result<Page<ApiKey>, StoreError> {
        self.fault("keys").await?;
        let mut page = self.inner.keys(config, query).await?;
        page.items = page.items.into_iter().map(|key| self.opened(key)).collect();
        Ok(page)
    }

    async fn key_ids(&self, config: ConfigId, filter: KeyFilter) -> Result<Vec<KeyId>, StoreError> {
        self.fault("key_ids").await?;
        self.inner.key_ids(config, filter).await
    }

    async fn key(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.fault("key").await?;
        Ok(self.inner.key(id).await?.map(|key| self.opened(key)))
    }

    async fn count_known_keys(&self, config: ConfigId, keys: Vec<Secret>) -> Result<u64, StoreError> {
        self.fault("count_known_keys").await?;
        self.inner.count_known_keys(config, keys).await
    }

    async fn add_keys(
        &self,
        config: ConfigId,
        keys: Vec<NewKey>,
        by: &Change,
    ) -> Result<AddedKeys, StoreError> {
        self.fault("add_keys").await?;
        self.inner.add_keys(config, keys, by).await
    }

    async fn update_key(&self, id: KeyId, patch: KeyPatch, by: &Change) -> Result<ApiKey, StoreError> {
        self.fault("update_key").await?;
        self.inner.update_key(id, patch, by).await
    }

    async fn set_keys_active(
        &self,
        config: ConfigId,
        keys: &[KeyId],
        active: bool,
        by: &Change,
    ) -> Result<Vec<KeyId>, StoreError> {
        self.fault("set_keys_active").await?;
        self.inner.set_keys_active(config, keys, active, by).await
    }

    async fn reset_keys(
        &self,
        config: ConfigId,
        keys: &[KeyId],
        by: &Change,
    ) -> Result<Vec<KeyId>, StoreError> {
        self.fault("reset_keys").await?;
        self.inner.reset_keys(config, keys, by).await
    }

    async fn delete_key(&self, id: KeyId, by: &Change) -> Result<(), StoreError> {
        self.fault("delete_key").await?;
        self.inner.delete_key(id, by).await
    }

    async fn delete_keys(&self, config: ConfigId, filter: KeyFilter, by: &Change) -> Result<u64, StoreError> {
        self.fault("delete_keys").await?;
        self.inner.delete_keys(config, filter, by).await
    }

    async fn put_rests(&self, keys: &[KeyId], rests: &[Resting]) -> Result<(), StoreError> {
        self.fault("put_rests").await?;
        self.inner.put_rests(keys, rests).await
    }

    async fn rests(&self) -> Result<Vec<(ConfigId, Resting)>, StoreError> {
        self.fault("rests").await?;
        self.inner.rests().await
    }

    async fn add_key_usage(&self, usage: &[KeyUsage]) -> Result<(), StoreError> {
        self.fault("add_key_usage").await?;
        self.inner.add_key_usage(usage).await
    }

    async fn route_sources(&self) -> Result<Vec<RouteSource>, StoreError> {
        self.fault("route_sources").await?;
        self.inner.route_sources().await
    }

    async fn route_source(&self, id: ConfigId) -> Result<Option<RouteSource>, StoreError> {
        self.fault("route_source").await?;
        self.inner.route_source(id).await
    }

    async fn revision(&self) -> Result<u64, StoreError> {
        self.fault("revision").await?;
        self.inner.revision().await
    }

    async fn proxy_keys(&self) -> Result<Vec<ProxyKey>, StoreError> {
        self.fault("proxy_keys").await?;
        self.inner.proxy_keys().await
    }

    async fn insert_proxy_key(
        &self,
        key: &Secret,
        spec: ProxyKeySpec,
        by: &Change,
    ) -> Result<ProxyKey, StoreError> {
        self.fault("insert_proxy_key").await?;
        self.inner.insert_proxy_key(key, spec, by).await
    }

    async fn replace_proxy_key(
        &self,
        id: ProxyKeyId,
        spec: ProxyKeySpec,
        by: &Change,
    ) -> Result<ProxyKey, StoreError> {
        self.fault("replace_proxy_key").await?;
        self.inner.replace_proxy_key(id, spec, by).await
    }

    async fn delete_proxy_key(&self, id: ProxyKeyId, by: &Change) -> Result<(), StoreError> {
        self.fault("delete_proxy_key").await?;
        self.inner.delete_proxy_key(id, by).await
    }

    async fn note_proxy_key_uses(&self, uses: &[(ProxyKeyId, Timestamp)]) -> Result<(), StoreError> {
        self.inner.note_proxy_key_uses(uses).await
    }

    async fn prices(&self) -> Result<Vec<PriceRow>, StoreError> {
        self.fault("prices").await?;
        self.inner.prices().await
    }

    async fn replace_prices(&self, rows: &[PriceRow], by: &Change) -> Result<(), StoreError> {
        self.fault("replace_prices").await?;
        self.inner.replace_prices(rows, by).await
    }

    async fn notifications(&self) -> Result<Notifications, StoreError> {
        self.fault("notifications").await?;
        self.inner.notifications().await
    }

    async fn replace_notifications(
        &self,
        notifications: &Notifications,
        by: &Change,
    ) -> Result<(), StoreError> {
        self.fault("replace_notifications").await?;
        self.inner.replace_notifications(notifications, by).await
    }

    async fn audit(&self, action: AuditAction, by: &Change) -> Result<(), StoreError> {
        self.fault("audit").await?;
        self.inner.audit(action, by).await
    }

    async fn audit_entries(&self, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.fault("audit_entries").await?;
        self.inner.audit_entries(limit).await
    }

    async fn revoke_session(&self, session: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        self.fault("revoke_session").await?;
        self.inner.revoke_session(session, expires_at).await
    }

    async fn revoked_sessions(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        self.fault("revoked_sessions").await?;
        self.inner.revoked_sessions(now).await
    }

    async fn append_requests(&self, records: Vec<RequestRecord>) -> Result<(), StoreError> {
        self.fault("append_requests").await?;
        self.inner.append_requests(records).await
    }

    async fn requests(&self, query: &RequestQuery) -> Result<RequestPage, StoreError> {
        self.fault("requests").await?;
        self.inner.requests(query).await
    }

    async fn request(&self, id: RequestId) -> Result<Option<LoggedRequest>, StoreError> {
        self.fault("request").await?;
        self.inner.request(id).await
    }

    async fn prune_requests(&self, before: Timestamp, max_bytes: u64) -> Result<u64, StoreError> {
        self.fault("prune_requests").await?;
        self.inner.prune_requests(before, max_bytes).await
    }

    async fn stats(&self, query: &StatsQuery) -> Result<Stats, StoreError> {
        self.fault("stats").await?;
        self.inner.stats(query).await
    }

    async fn condense_stats(
        &self,
        hours_until: Timestamp,
        since: Timestamp,
        term: Term,
    ) -> Result<(), StoreError> {
        self.fault("condense_stats").await?;
        self.inner.condense_stats(hours_until, since, term).await
    }

    async fn put_error_samples(&self, samples: Vec<ErrorSample>) -> Result<(), StoreError> {
        self.fault("put_error_samples").await?;
        self.inner.put_error_samples(samples).await
    }

    async fn error_samples(&self, config: ConfigId) -> Result<Vec<ErrorSample>, StoreError> {
        self.fault("error_samples").await?;
        self.inner.error_samples(config).await
    }

    async fn beat(&self, instance: &Instance, ttl: Duration) -> Result<Option<Term>, StoreError> {
        self.fault("beat").await?;
        self.inner.beat(instance, ttl).await
    }

    async fn leave(&self, id: &str) -> Result<(), StoreError> {
        self.fault("leave").await?;
        self.inner.leave(id).await
    }

    async fn instances(&self) -> Result<Vec<LiveInstance>, StoreError> {
        self.fault("instances").await?;
        self.inner.instances().await
    }

    async fn backup(&self) -> Result<Option<File>, StoreError> {
        self.fault("backup").await?;
        Store::backup(&self.inner).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.fault("ping").await?;
        self.inner.ping().await
    }
}

impl FaultyCache {
    pub(crate) fn new(inner: Arc<dyn Cache>) -> Self {
        Self { inner, away: AtomicBool::new(false) }
    }

    /// From now on it does not answer.
    pub(crate) fn go_away(&self) {
        self.away.store(true, Ordering::Relaxed);
    }

    fn fault(&self) -> Result<(), CacheError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(CacheError::Unavailable(Box::new(io::Error::other("away"))));
        }
        Ok(())
    }
}

#[async_trait]
impl Cache for FaultyCache {
    fn turns(&self, pool: ConfigId) -> Arc<dyn Turns> {
        self.inner.turns(pool)
    }

    async fn take(&self, window: &Window<'_>, cost: u32) -> Result<Taken, CacheError> {
        self.fault()?;
        self.inner.take(window, cost).await
    }

    async fn bump_revision(&self) -> Result<u64, CacheError> {
        self.fault()?;
        self.inner.bump_revision().await
    }

    fn revisions(&self) -> watch::Receiver<u64> {
        self.inner.revisions()
    }

    async fn ping(&self) -> Result<(), CacheError> {
        self.inner.ping().await
    }
}
