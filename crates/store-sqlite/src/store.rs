//! The port, operation by operation: which file, and reading or writing.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rotator_core::{
    model::{ApiKey, ConfigId, ConfigSpec, KeyId, ProxyConfig},
    pool::Resting,
    record::{ErrorSample, RequestId, RequestRecord},
    store::{
        AddedKeys, AuditAction, AuditEntry, Change, ConfigQuery, ConfigSummary, KeyFilter, KeyPatch,
        KeyQuery, KeySet, KeyUsage, LoggedRequest, NewKey, Page, RequestPage, RequestQuery, RouteSource,
        Store, StoreError,
    },
};

use tracing::warn;

use crate::{
    SqliteStore, audit, configs, error, keys,
    requests::{self, samples},
    rests, sessions,
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

    async fn insert_config(&self, spec: ConfigSpec, by: &Change) -> Result<ProxyConfig, StoreError> {
        let (vault, by) = (Arc::clone(&self.vault), by.clone());
        self.config.write(move |tx| configs::insert(tx, &vault, spec, &by)).await
    }

    async fn replace_config(
        &self,
        id: ConfigId,
        spec: ConfigSpec,
        by: &Change,
    ) -> Result<ProxyConfig, StoreError> {
        let (vault, by) = (Arc::clone(&self.vault), by.clone());
        self.config.write(move |tx| configs::replace(tx, &vault, id, spec, &by)).await
    }

    async fn set_config_active(&self, id: ConfigId, active: bool, by: &Change) -> Result<(), StoreError> {
        let by = by.clone();
        self.config.write(move |tx| configs::set_active(tx, id, active, &by)).await
    }

    async fn delete_config(&self, id: ConfigId, by: &Change) -> Result<(), StoreError> {
        let by = by.clone();
        self.config.write(move |tx| configs::delete(tx, id, &by)).await?;
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

    async fn add_keys(
        &self,
        config: ConfigId,
        keys: Vec<NewKey>,
        by: &Change,
    ) -> Result<AddedKeys, StoreError> {
        let (vault, by) = (Arc::clone(&self.vault), by.clone());
        self.config.write(move |tx| keys::add(tx, &vault, config, &keys, &by)).await
    }

    async fn update_key(&self, id: KeyId, patch: KeyPatch, by: &Change) -> Result<ApiKey, StoreError> {
        let (vault, by) = (Arc::clone(&self.vault), by.clone());
        self.config.write(move |tx| keys::update(tx, &vault, id, &patch, &by)).await
    }

    async fn set_keys_active(
        &self,
        config: ConfigId,
        keys: &[KeyId],
        active: bool,
        by: &Change,
    ) -> Result<Vec<KeyId>, StoreError> {
        let (keys, by) = (KeySet::Among(keys.to_vec()), by.clone());
        self.config.write(move |tx| keys::set_active(tx, config, &keys, active, &by)).await
    }

    async fn delete_key(&self, id: KeyId, by: &Change) -> Result<(), StoreError> {
        let by = by.clone();
        self.config.write(move |tx| keys::delete(tx, id, &by)).await
    }

    async fn delete_keys(&self, config: ConfigId, filter: KeyFilter, by: &Change) -> Result<u64, StoreError> {
        let by = by.clone();
        self.config.write(move |tx| keys::delete_of(tx, config, &filter, &by)).await
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

    async fn audit(&self, action: AuditAction, by: &Change) -> Result<(), StoreError> {
        let by = by.clone();
        let note = move |tx: &rusqlite::Transaction<'_>| {
            let (name, object_id) = action.parts();
            audit::note(tx, name, object_id, &action.detail(), &by)
        };
        self.config.write(note).await
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
        self.requests.write(move |tx| requests::append(tx, &records).map_err(error::store)).await
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

    async fn put_error_samples(&self, samples: Vec<ErrorSample>) -> Result<(), StoreError> {
        self.requests.write(move |tx| samples::put(tx, &samples).map_err(error::store)).await
    }

    async fn error_samples(&self, config: ConfigId) -> Result<Vec<ErrorSample>, StoreError> {
        self.requests.read(move |tx| samples::of(tx, config).map_err(error::store)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.config.read(|tx| tx.query_one("SELECT 1", (), |_| Ok(())).map_err(error::store)).await
    }
}
