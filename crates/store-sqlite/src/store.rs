//! The port, operation by operation: which file, and reading or writing.

use std::{fs::File, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use rotator_core::{
    model::{ApiKey, ConfigId, ConfigSpec, KeyId, ProxyConfig, ProxyKey, ProxyKeyId, ProxyKeySpec},
    notifications::Notifications,
    pool::Resting,
    prices::PriceRow,
    record::{ErrorSample, RequestId, RequestRecord},
    secret::Secret,
    store::{
        AddedKeys, AuditAction, AuditEntry, Change, ConfigQuery, ConfigSummary, Instance, KeyFilter,
        KeyPatch, KeyQuery, KeySet, KeyUsage, LiveInstance, LoggedRequest, NewKey, Page, RequestPage,
        RequestQuery, RouteSource, Stats, StatsQuery, Store, StoreError, Term,
    },
};

use tracing::warn;

use crate::{
    SqliteStore, audit, backup, configs, error, keys, notifications, prices, proxy_keys,
    requests::{self, Pending, samples, stats},
    rests, revision, sessions,
};

#[async_trait]
impl Store for SqliteStore {
    async fn configs(&self, query: &ConfigQuery) -> Result<Page<ConfigSummary>, StoreError> {
        let (vault, query) = (Arc::clone(&self.vault), query.clone());
        self.config.read(move |tx| configs::list(tx, &vault, &query)).await
    }

    async fn config(&self, id: ConfigId) -> Result<Option<ConfigSummary>, StoreError> {
        let vault = Arc::clone(&self.vault);
        self.config.read(move |tx| configs::get(tx, &vault, id)).await
    }

    async fn config_ids(&self) -> Result<Vec<ConfigId>, StoreError> {
        self.config.read(configs::ids).await
    }

    async fn insert_config(&self, spec: ConfigSpec, by: &Change) -> Result<ProxyConfig, StoreError> {
        let (vault, by) = (Arc::clone(&self.vault), by.clone());
        self.change(move |tx| configs::insert(tx, &vault, spec, &by)).await
    }

    async fn replace_config(
        &self,
        id: ConfigId,
        spec: ConfigSpec,
        by: &Change,
    ) -> Result<ProxyConfig, StoreError> {
        let (vault, by) = (Arc::clone(&self.vault), by.clone());
        self.change(move |tx| configs::replace(tx, &vault, id, spec, &by)).await
    }

    async fn set_config_active(&self, id: ConfigId, active: bool, by: &Change) -> Result<(), StoreError> {
        let by = by.clone();
        self.change(move |tx| configs::set_active(tx, id, active, &by)).await
    }

    async fn delete_config(&self, id: ConfigId, by: &Change) -> Result<(), StoreError> {
        let by = by.clone();
        self.change(move |tx| configs::delete(tx, id, &by)).await?;
        // They are worth less than the config: it is gone, whatever becomes of them.
        let forget = move |tx: &rusqlite::Transaction<'_>| samples::delete_of(tx, id).map_err(error::store);
        if let Err(error) = self.requests.write(forget).await {
            warn!(error = &error as &dyn std::error::Error, "error samples stay until they are old");
        }
        Ok(())
    }

    async fn keys(&self, config: ConfigId, query: &KeyQuery) -> Result<Page<ApiKey>, StoreError> {
        let (vault, query) = (Arc::clone(&self.vault), query.clone());
        self.config.read(move |tx| keys::list(tx, &vault, config, &query)).await
    }

    async fn key_ids(&self, config: ConfigId, filter: KeyFilter) -> Result<Vec<KeyId>, StoreError> {
        self.config.read(move |tx| keys::ids(tx, config, &filter)).await
    }

    async fn key(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        let vault = Arc::clone(&self.vault);
        self.config.read(move |tx| keys::get(tx, &vault, id)).await
    }

    async fn count_known_keys(&self, config: ConfigId, keys: Vec<Secret>) -> Result<u64, StoreError> {
        let vault = Arc::clone(&self.vault);
        self.config.read(move |tx| keys::count_known(tx, &vault, config, &keys)).await
    }

    async fn add_keys(
        &self,
        config: ConfigId,
        keys: Vec<NewKey>,
        by: &Change,
    ) -> Result<AddedKeys, StoreError> {
        let (vault, by) = (Arc::clone(&self.vault), by.clone());
        self.change(move |tx| keys::add(tx, &vault, config, &keys, &by)).await
    }

    async fn update_key(&self, id: KeyId, patch: KeyPatch, by: &Change) -> Result<ApiKey, StoreError> {
        let (vault, by) = (Arc::clone(&self.vault), by.clone());
        self.change(move |tx| keys::update(tx, &vault, id, &patch, &by)).await
    }

    async fn set_keys_active(
        &self,
        config: ConfigId,
        keys: &[KeyId],
        active: bool,
        by: &Change,
    ) -> Result<Vec<KeyId>, StoreError> {
        let (keys, by) = (KeySet::Among(keys.to_vec()), by.clone());
        self.change(move |tx| keys::set_active(tx, config, &keys, active, &by)).await
    }

    async fn reset_keys(
        &self,
        config: ConfigId,
        keys: &[KeyId],
        by: &Change,
    ) -> Result<Vec<KeyId>, StoreError> {
        let (keys, by) = (KeySet::Among(keys.to_vec()), by.clone());
        self.change(move |tx| keys::reset(tx, config, &keys, &by)).await
    }

    async fn delete_key(&self, id: KeyId, by: &Change) -> Result<(), StoreError> {
        let by = by.clone();
        self.change(move |tx| keys::delete(tx, id, &by)).await
    }

    async fn delete_keys(&self, config: ConfigId, filter: KeyFilter, by: &Change) -> Result<u64, StoreError> {
        let by = by.clone();
        self.change(move |tx| keys::delete_of(tx, config, &filter, &by)).await
    }

    async fn add_key_usage(&self, usage: &[KeyUsage]) -> Result<(), StoreError> {
        let usage = usage.to_vec();
        self.config.write(move |tx| keys::add_usage(tx, &usage)).await
    }

    async fn put_rests(&self, keys: &[KeyId], rests: &[Resting]) -> Result<(), StoreError> {
        let (keys, rests) = (keys.to_vec(), rests.to_vec());
        self.config.write(move |tx| rests::put(tx, &keys, &rests)).await
    }

    async fn rests(&self) -> Result<Vec<(ConfigId, Resting)>, StoreError> {
        self.config.read(rests::all).await
    }

    async fn route_sources(&self) -> Result<Vec<RouteSource>, StoreError> {
        let vault = Arc::clone(&self.vault);
        let sources = move |tx: &rusqlite::Transaction<'_>| {
            let mut pools = keys::all(tx, &vault)?;
            let with_pool = |config: ProxyConfig| RouteSource {
                keys: pools.remove(&config.id).unwrap_or_default(),
                config,
            };
            Ok(configs::all(tx, &vault)?.into_iter().map(with_pool).collect())
        };
        self.config.read(sources).await
    }

    async fn route_source(&self, id: ConfigId) -> Result<Option<RouteSource>, StoreError> {
        let vault = Arc::clone(&self.vault);
        let source = move |tx: &rusqlite::Transaction<'_>| {
            let Some(summary) = configs::get(tx, &vault, id)? else { return Ok(None) };
            Ok(Some(RouteSource { config: summary.config, keys: keys::of(tx, &vault, id)? }))
        };
        self.config.read(source).await
    }

    async fn revision(&self) -> Result<u64, StoreError> {
        self.config.read(revision::get).await
    }

    async fn proxy_keys(&self) -> Result<Vec<ProxyKey>, StoreError> {
        let vault = Arc::clone(&self.vault);
        self.config.read(move |tx| proxy_keys::all(tx, &vault)).await
    }

    async fn insert_proxy_key(
        &self,
        key: &Secret,
        spec: ProxyKeySpec,
        by: &Change,
    ) -> Result<ProxyKey, StoreError> {
        let (vault, key, by) = (Arc::clone(&self.vault), key.clone(), by.clone());
        self.change(move |tx| proxy_keys::insert(tx, &vault, &key, &spec, &by)).await
    }

    async fn replace_proxy_key(
        &self,
        id: ProxyKeyId,
        spec: ProxyKeySpec,
        by: &Change,
    ) -> Result<ProxyKey, StoreError> {
        let (vault, by) = (Arc::clone(&self.vault), by.clone());
        self.change(move |tx| proxy_keys::replace(tx, &vault, id, &spec, &by)).await
    }

    async fn delete_proxy_key(&self, id: ProxyKeyId, by: &Change) -> Result<(), StoreError> {
        let by = by.clone();
        self.change(move |tx| proxy_keys::delete(tx, id, &by)).await
    }

    async fn note_proxy_key_uses(&self, uses: &[(ProxyKeyId, Timestamp)]) -> Result<(), StoreError> {
        let uses = uses.to_vec();
        self.config.write(move |tx| proxy_keys::note_uses(tx, &uses)).await
    }

    async fn prices(&self) -> Result<Vec<PriceRow>, StoreError> {
        self.config.read(prices::get).await
    }

    async fn replace_prices(&self, rows: &[PriceRow], by: &Change) -> Result<(), StoreError> {
        let (rows, by) = (rows.to_vec(), by.clone());
        self.change(move |tx| prices::replace(tx, &rows, &by)).await
    }

    async fn notifications(&self) -> Result<Notifications, StoreError> {
        let vault = Arc::clone(&self.vault);
        self.config.read(move |tx| notifications::get(tx, &vault)).await
    }

    async fn replace_notifications(
        &self,
        notifications: &Notifications,
        by: &Change,
    ) -> Result<(), StoreError> {
        let (vault, notifications, by) = (Arc::clone(&self.vault), notifications.clone(), by.clone());
        self.config.write(move |tx| notifications::replace(tx, &vault, &notifications, &by)).await
    }

    async fn audit(&self, action: AuditAction, by: &Change) -> Result<(), StoreError> {
        let by = by.clone();
        self.config.write(move |tx| audit::note(tx, &action, &by)).await
    }

    async fn audit_entries(&self, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.config.read(move |tx| audit::latest(tx, limit)).await
    }

    async fn revoke_session(&self, session: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        let session = session.to_owned();
        self.config.write(move |tx| sessions::revoke(tx, &session, expires_at)).await
    }

    async fn revoked_sessions(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        self.config.read(move |tx| sessions::revoked(tx, now)).await
    }

    async fn append_requests(&self, records: Vec<RequestRecord>) -> Result<(), StoreError> {
        let append =
            move |tx: &rusqlite::Transaction<'_>, tallies: &Pending| requests::append(tx, tallies, &records);
        Arc::clone(&self.tallies).write(&self.requests, append).await
    }

    async fn requests(&self, query: &RequestQuery) -> Result<RequestPage, StoreError> {
        let query = query.clone();
        self.requests.read(move |tx| requests::list(tx, &query)).await
    }

    async fn request(&self, id: RequestId) -> Result<Option<LoggedRequest>, StoreError> {
        requests::find(&self.requests, id).await
    }

    async fn prune_requests(&self, before: Timestamp, max_bytes: u64) -> Result<u64, StoreError> {
        requests::prune(&self.requests, before, max_bytes).await
    }

    async fn stats(&self, query: &StatsQuery) -> Result<Stats, StoreError> {
        let query = *query;
        // Whoever only asks must not be refused because there is no room to write.
        if let Err(error) = self.write_tallies().await {
            warn!(error = &error as &dyn std::error::Error, "the statistics lack the latest requests");
        }
        self.requests.read(move |tx| stats::stats(tx, &query).map_err(error::store)).await
    }

    async fn condense_stats(
        &self,
        hours_until: Timestamp,
        since: Timestamp,
        term: Term,
    ) -> Result<(), StoreError> {
        if !self.instances.is_current(term) {
            return Ok(());
        }
        requests::condense(&self.requests, Arc::clone(&self.tallies), hours_until, since).await
    }

    async fn put_error_samples(&self, samples: Vec<ErrorSample>) -> Result<(), StoreError> {
        self.requests.write(move |tx| samples::put(tx, &samples).map_err(error::store)).await
    }

    async fn error_samples(&self, config: ConfigId) -> Result<Vec<ErrorSample>, StoreError> {
        self.requests.read(move |tx| samples::of(tx, config).map_err(error::store)).await
    }

    async fn beat(&self, instance: &Instance, ttl: Duration) -> Result<Option<Term>, StoreError> {
        Ok(self.instances.beat(instance, ttl))
    }

    async fn leave(&self, id: &str) -> Result<(), StoreError> {
        self.instances.leave(id);
        Ok(())
    }

    async fn instances(&self) -> Result<Vec<LiveInstance>, StoreError> {
        Ok(self.instances.list())
    }

    async fn backup(&self) -> Result<Option<File>, StoreError> {
        self.config.readers.run(|conn| backup::nameless(conn).map(Some).map_err(backup::fault)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.config.read(|tx| tx.query_one("SELECT 1", (), |_| Ok(())).map_err(error::store)).await
    }
}

impl SqliteStore {
    /// Runs a write of what requests are served by, and counts it.
    async fn change<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let counted = move |tx: &rusqlite::Transaction<'_>| {
            let value = work(tx)?;
            revision::advance(tx)?;
            Ok(value)
        };
        self.config.write(counted).await
    }
}
