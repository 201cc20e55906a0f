//! The port: reading or writing.

use std::{fs::File, time::Duration};

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
        KeyPatch, KeyQuery, KeyUsage, LiveInstance, LoggedRequest, NewKey, Page, RequestPage, RequestQuery,
        RouteSource, Stats, StatsQuery, Store, StoreError, Term,
    },
};

use crate::{
    MySqlStore, audit, configs,
    connection::Session,
    instances, keys, notifications, prices, proxy_keys,
    requests::{self, samples, stats},
    rests, revision, sessions,
};

#[async_trait]
impl Store for MySqlStore {
    async fn configs(&self, query: &ConfigQuery) -> Result<Page<ConfigSummary>, StoreError> {
        self.database()?.read(async |tx| configs::list(tx, self.vault()?, query).await).await
    }

    async fn config(&self, id: ConfigId) -> Result<Option<ConfigSummary>, StoreError> {
        self.database()?.read(async |tx| configs::get_one(tx, self.vault()?, id).await).await
    }

    async fn config_ids(&self) -> Result<Vec<ConfigId>, StoreError> {
        self.database()?.read(configs::ids).await
    }

    async fn insert_config(&self, spec: ConfigSpec, by: &Change) -> Result<ProxyConfig, StoreError> {
        self.change(async |tx| configs::insert(tx, self.vault()?, &spec, by).await).await
    }

    async fn replace_config(
        &self,
        id: ConfigId,
        spec: ConfigSpec,
        by: &Change,
    ) -> Result<ProxyConfig, StoreError> {
        self.change(async |tx| configs::replace(tx, self.vault()?, id, &spec, by).await).await
    }

    async fn set_config_active(&self, id: ConfigId, active: bool, by: &Change) -> Result<(), StoreError> {
        self.change(async |tx| configs::set_active(tx, id, active, by).await).await
    }

    async fn delete_config(&self, id: ConfigId, by: &Change) -> Result<(), StoreError> {
        self.change(async |tx| configs::delete(tx, id, by).await).await
    }

    async fn keys(&self, config: ConfigId, query: &KeyQuery) -> Result<Page<ApiKey>, StoreError> {
        self.database()?.read(async |tx| keys::list(tx, self.vault()?, config, query).await).await
    }

    async fn key_ids(&self, config: ConfigId, filter: KeyFilter) -> Result<Vec<KeyId>, StoreError> {
        self.database()?.read(async |tx| keys::ids(tx, config, &filter).await).await
    }

    async fn key(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.database()?.read(async |tx| keys::get_one(tx, self.vault()?, id).await).await
    }

    async fn count_known_keys(&self, config: ConfigId, keys: Vec<Secret>) -> Result<u64, StoreError> {
        self.database()?.read(async |tx| keys::count_known(tx, self.vault()?, config, &keys).await).await
    }

    async fn add_keys(
        &self,
        config: ConfigId,
        keys: Vec<NewKey>,
        by: &Change,
    ) -> Result<AddedKeys, StoreError> {
        self.change(async |tx| keys::add(tx, self.vault()?, config, &keys, by).await).await
    }

    async fn update_key(&self, id: KeyId, patch: KeyPatch, by: &Change) -> Result<ApiKey, StoreError> {
        self.change(async |tx| keys::update(tx, self.vault()?, id, &patch, by).await).await
    }

    async fn set_keys_active(
        &self,
        config: ConfigId,
        keys: &[KeyId],
        active: bool,
        by: &Change,
    ) -> Result<Vec<KeyId>, StoreError> {
        self.change(async |tx| keys::set_active(tx, config, keys, active, by).await).await
    }

    async fn reset_keys(
        &self,
        config: ConfigId,
        keys: &[KeyId],
        by: &Change,
    ) -> Result<Vec<KeyId>, StoreError> {
        self.change(async |tx| keys::reset(tx, config, keys, by).await).await
    }

    async fn delete_key(&self, id: KeyId, by: &Change) -> Result<(), StoreError> {
        self.change(async |tx| keys::delete(tx, id, by).await).await
    }

    async fn delete_keys(&self, config: ConfigId, filter: KeyFilter, by: &Change) -> Result<u64, StoreError> {
        self.change(async |tx| keys::delete_of(tx, config, &filter, by).await).await
    }

    async fn add_key_usage(&self, usage: &[KeyUsage]) -> Result<(), StoreError> {
        self.database()?.write(async |tx| keys::add_usage(tx, usage).await).await
    }

    async fn put_rests(&self, keys: &[KeyId], rests: &[Resting]) -> Result<(), StoreError> {
        self.database()?.write(async |tx| rests::put(tx, keys, rests).await).await
    }

    async fn rests(&self) -> Result<Vec<(ConfigId, Resting)>, StoreError> {
        self.database()?.read(async |tx| rests::all(tx).await).await
    }

    async fn route_sources(&self) -> Result<Vec<RouteSource>, StoreError> {
        let sources = async |tx: &mut _| {
            let mut pools = keys::all(tx, self.vault()?).await?;
            let with_pool = |config: ProxyConfig| RouteSource {
                keys: pools.remove(&config.id).unwrap_or_default(),
                config,
            };
            Ok(configs::all(tx, self.vault()?).await?.into_iter().map(with_pool).collect())
        };
        self.database()?.read(sources).await
    }

    async fn route_source(&self, id: ConfigId) -> Result<Option<RouteSource>, StoreError> {
        let source = async |tx: &mut _| {
            let Some(summary) = configs::get_one(tx, self.vault()?, id).await? else { return Ok(None) };
            Ok(Some(RouteSource { config: summary.config, keys: keys::of(tx, self.vault()?, id).await? }))
        };
        self.database()?.read(source).await
    }

    async fn revision(&self) -> Result<u64, StoreError> {
        self.database()?.read(revision::get).await
    }

    async fn proxy_keys(&self) -> Result<Vec<ProxyKey>, StoreError> {
        self.database()?.read(async |tx| proxy_keys::all(tx, self.vault()?).await).await
    }

    async fn insert_proxy_key(
        &self,
        key: &Secret,
        spec: ProxyKeySpec,
        by: &Change,
    ) -> Result<ProxyKey, StoreError> {
        self.change(async |tx| proxy_keys::insert(tx, self.vault()?, key, &spec, by).await).await
    }

    async fn replace_proxy_key(
        &self,
        id: ProxyKeyId,
        spec: ProxyKeySpec,
        by: &Change,
    ) -> Result<ProxyKey, StoreError> {
        self.change(async |tx| proxy_keys::replace(tx, self.vault()?, id, &spec, by).await).await
    }

    async fn delete_proxy_key(&self, id: ProxyKeyId, by: &Change) -> Result<(), StoreError> {
        self.change(async |tx| proxy_keys::delete(tx, id, by).await).await
    }

    async fn note_proxy_key_uses(&self, uses: &[(ProxyKeyId, Timestamp)]) -> Result<(), StoreError> {
        self.database()?.write(async |tx| proxy_keys::note_uses(tx, uses).await).await
    }

    async fn prices(&self) -> Result<Vec<PriceRow>, StoreError> {
        self.database()?.read(prices::get).await
    }

    async fn replace_prices(&self, rows: &[PriceRow], by: &Change) -> Result<(), StoreError> {
        self.change(async |tx| prices::replace(tx, rows, by).await).await
    }

    async fn notifications(&self) -> Result<Notifications, StoreError> {
        self.database()?.read(async |tx| notifications::get(tx, self.vault()?).await).await
    }

    async fn replace_notifications(
        &self,
        notifications: &Notifications,
        by: &Change,
    ) -> Result<(), StoreError> {
        let replace = async |tx: &mut _| notifications::replace(tx, self.vault()?, notifications, by).await;
        self.database()?.write(replace).await
    }

    async fn audit(&self, action: AuditAction, by: &Change) -> Result<(), StoreError> {
        self.database()?.write(async |tx| Ok(audit::note(tx, &action, by).await?)).await
    }

    async fn audit_entries(&self, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.database()?.read(async |tx| audit::latest(tx, limit).await).await
    }

    async fn revoke_session(&self, session: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        self.database()?.write(async |tx| sessions::revoke(tx, session, expires_at).await).await
    }

    async fn revoked_sessions(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        self.database()?.read(async |tx| sessions::revoked(tx, now).await).await
    }

    async fn append_requests(&self, records: Vec<RequestRecord>) -> Result<(), StoreError> {
        self.database()?.write(async |tx| Ok(requests::append(tx, &records).await?)).await
    }

    async fn requests(&self, query: &RequestQuery) -> Result<RequestPage, StoreError> {
        self.database()?.read(async |tx| requests::list(tx, query).await).await
    }

    async fn request(&self, id: RequestId) -> Result<Option<LoggedRequest>, StoreError> {
        requests::find(self.database()?, id).await
    }

    async fn prune_requests(&self, before: Timestamp, max_bytes: u64) -> Result<u64, StoreError> {
        requests::prune(self.database()?, before, max_bytes).await
    }

    async fn stats(&self, query: &StatsQuery) -> Result<Stats, StoreError> {
        self.database()?.read(async |tx| Ok(stats::stats(tx, query).await?)).await
    }

    async fn condense_stats(
        &self,
        hours_until: Timestamp,
        since: Timestamp,
        term: Term,
    ) -> Result<(), StoreError> {
        requests::condense(self.database()?, hours_until, since, term).await
    }

    async fn put_error_samples(&self, samples: Vec<ErrorSample>) -> Result<(), StoreError> {
        self.database()?.write(async |tx| Ok(samples::put(tx, &samples).await?)).await
    }

    async fn error_samples(&self, config: ConfigId) -> Result<Vec<ErrorSample>, StoreError> {
        self.database()?.read(async |tx| Ok(samples::of(tx, config).await?)).await
    }

    async fn beat(&self, instance: &Instance, ttl: Duration) -> Result<Option<Term>, StoreError> {
        self.database()?.write(async |tx| instances::beat(tx, instance, ttl).await).await
    }

    async fn leave(&self, id: &str) -> Result<(), StoreError> {
        self.database()?.write(async |tx| instances::leave(tx, id).await).await
    }

    async fn instances(&self) -> Result<Vec<LiveInstance>, StoreError> {
        self.database()?.read(instances::list).await
    }

    async fn backup(&self) -> Result<Option<File>, StoreError> {
        Ok(None)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.database()?.read(async |tx| Ok(tx.run("SELECT 1").await?)).await
    }
}

impl MySqlStore {
    /// Runs a write of what requests are served by, and counts it.
    async fn change<T>(
        &self,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, StoreError> + Clone,
    ) -> Result<T, StoreError> {
        let counted = async |tx: &mut Session| {
            let value = work.clone()(tx).await?;
            revision::advance(tx).await?;
            Ok(value)
        };
        self.database()?.write(counted).await
    }
}
