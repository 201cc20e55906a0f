//! The port to durable data. `store-sqlite` and `store-mysql` implement it; `contract-tests` says what it means.
//!
//! Rules: a look-up answers `Ok(None)` for what is not there, a write answers [`StoreError::NotFound`]; time is
//! passed in; every write leaves its audit entry in the same transaction, so that nothing changes unseen; a write
//! that was answered is on disk.

mod audit;
pub mod column;
mod instances;
pub mod migrations;
mod opening;
mod requests;
mod stats;
mod stored;

use std::{fs::File, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::{
    audit::{AuditAction, AuditDetail, AuditEntry, Change},
    instances::{Dependency, Instance, LiveInstance, Term},
    opening::{Adoption, Found, OpenReport},
    requests::{LoggedRequest, RequestPage, RequestQuery},
    stats::{KeyStats, Stats, StatsQuery},
    stored::{StoredConfig, StoredProxyKey},
};
use crate::{
    model::{
        ApiKey, ConfigId, ConfigSpec, ConfigType, KeyCounts, KeyId, KeyState, ProxyConfig, ProxyKey,
        ProxyKeyId, ProxyKeySpec, QuotaGroup, Weight,
    },
    notifications::Notifications,
    pool::Resting,
    prices::PriceRow,
    record::{ErrorSample, RequestId, RequestRecord},
    secret::Secret,
};

/// Durable data.
#[async_trait]
pub trait Store: Send + Sync {
    /// Proxy configs, newest first.
    async fn configs(&self, query: &ConfigQuery) -> Result<Page<ConfigSummary>, StoreError>;
    /// One proxy config.
    async fn config(&self, id: ConfigId) -> Result<Option<ConfigSummary>, StoreError>;
    /// The ids of all proxy configs, ascending.
    async fn config_ids(&self) -> Result<Vec<ConfigId>, StoreError>;
    /// Adds a proxy config. `Conflict` when the slug is taken.
    async fn insert_config(&self, spec: ConfigSpec, by: &Change) -> Result<ProxyConfig, StoreError>;
    /// Replaces what an admin wrote. `Conflict` when the slug is taken.
    async fn replace_config(
        &self,
        id: ConfigId,
        spec: ConfigSpec,
        by: &Change,
    ) -> Result<ProxyConfig, StoreError>;
    /// Switches a config on or off.
    async fn set_config_active(&self, id: ConfigId, active: bool, by: &Change) -> Result<(), StoreError>;
    /// Deletes a config, its keys and its error samples.
    async fn delete_config(&self, id: ConfigId, by: &Change) -> Result<(), StoreError>;

    /// Keys of a config, in the order they were added. `NotFound` when there is no such config.
    async fn keys(&self, config: ConfigId, query: &KeyQuery) -> Result<Page<ApiKey>, StoreError>;
    /// The ids of some of a config's keys, ascending. `NotFound` when there is no such config.
    async fn key_ids(&self, config: ConfigId, filter: KeyFilter) -> Result<Vec<KeyId>, StoreError>;
    /// One key.
    async fn key(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError>;
    /// How many of these keys a config has already. `NotFound` when there is no such config.
    async fn count_known_keys(&self, config: ConfigId, keys: Vec<Secret>) -> Result<u64, StoreError>;
    /// Adds keys in one transaction. Those the config has already, or that occur twice, are counted, not added.
    async fn add_keys(
        &self,
        config: ConfigId,
        keys: Vec<NewKey>,
        by: &Change,
    ) -> Result<AddedKeys, StoreError>;
    /// Changes a key.
    async fn update_key(&self, id: KeyId, patch: KeyPatch, by: &Change) -> Result<ApiKey, StoreError>;
    /// Switches keys of a config on or off in one transaction; answers those that are there, ascending. Ids that are gone,
    /// or another config's, are passed over.
    async fn set_keys_active(
        &self,
        config: ConfigId,
        keys: &[KeyId],
        active: bool,
        by: &Change,
    ) -> Result<Vec<KeyId>, StoreError>;
    /// Switches keys of a config on, and notes that they were put back then, whatever they suffered from, in one
    /// transaction; answers as [`Store::set_keys_active`] does.
    async fn reset_keys(
        &self,
        config: ConfigId,
        keys: &[KeyId],
        by: &Change,
    ) -> Result<Vec<KeyId>, StoreError>;
    /// Deletes a key.
    async fn delete_key(&self, id: KeyId, by: &Change) -> Result<(), StoreError>;
    /// Deletes some of a config's keys; answers how many.
    async fn delete_keys(&self, config: ConfigId, filter: KeyFilter, by: &Change) -> Result<u64, StoreError>;
    /// Adds what keys served since the last call. Ids that are gone are passed over.
    async fn add_key_usage(&self, usage: &[KeyUsage]) -> Result<(), StoreError>;

    /// Replaces what is kept of how these keys rest. Keys that are gone are passed over.
    async fn put_rests(&self, keys: &[KeyId], rests: &[Resting]) -> Result<(), StoreError>;
    /// Every rest that is kept, with the config of its key.
    async fn rests(&self) -> Result<Vec<(ConfigId, Resting)>, StoreError>;

    /// Every config with every key, for the snapshot that requests read.
    async fn route_sources(&self) -> Result<Vec<RouteSource>, StoreError>;
    /// One config with every key.
    async fn route_source(&self, id: ConfigId) -> Result<Option<RouteSource>, StoreError>;
    /// How often configs, keys, proxy keys or prices were written, in whichever instance. A write counts when it is there to be read:
    /// whoever reads this first, and then them, misses none.
    async fn revision(&self) -> Result<u64, StoreError>;

    /// The proxy keys that admins made, in the order in which they were made.
    async fn proxy_keys(&self) -> Result<Vec<ProxyKey>, StoreError>;
    /// Adds a proxy key, of which it keeps no more than the digest. `Conflict` when there is this one already.
    async fn insert_proxy_key(
        &self,
        key: &Secret,
        spec: ProxyKeySpec,
        by: &Change,
    ) -> Result<ProxyKey, StoreError>;
    /// Replaces what an admin wrote.
    async fn replace_proxy_key(
        &self,
        id: ProxyKeyId,
        spec: ProxyKeySpec,
        by: &Change,
    ) -> Result<ProxyKey, StoreError>;
    /// Deletes a proxy key.
    async fn delete_proxy_key(&self, id: ProxyKeyId, by: &Change) -> Result<(), StoreError>;
    /// Notes when proxy keys were last shown; never an earlier time. Those that are gone are passed over.
    async fn note_proxy_key_uses(&self, uses: &[(ProxyKeyId, Timestamp)]) -> Result<(), StoreError>;

    /// The prices that an admin wrote, in their order; none before the first time. `Inconsistent` when they make no sense.
    async fn prices(&self) -> Result<Vec<PriceRow>, StoreError>;
    /// Replaces them all.
    async fn replace_prices(&self, rows: &[PriceRow], by: &Change) -> Result<(), StoreError>;

    /// Where operators are told of what happens. `Inconsistent` when it makes no sense.
    async fn notifications(&self) -> Result<Notifications, StoreError>;
    /// Replaces all of it.
    async fn replace_notifications(
        &self,
        notifications: &Notifications,
        by: &Change,
    ) -> Result<(), StoreError>;

    /// Notes an action that changes no row, such as showing a key. Sign-ins are noted too.
    async fn audit(&self, action: AuditAction, by: &Change) -> Result<(), StoreError>;
    /// The latest audit entries, newest first.
    async fn audit_entries(&self, limit: u32) -> Result<Vec<AuditEntry>, StoreError>;

    /// Ends a session: its token is refused until it would have expired anyway.
    async fn revoke_session(&self, session: &str, expires_at: Timestamp) -> Result<(), StoreError>;
    /// The revoked sessions that have not expired at `now`.
    async fn revoked_sessions(&self, now: Timestamp) -> Result<Vec<String>, StoreError>;

    /// Appends to the request log, in one transaction.
    async fn append_requests(&self, records: Vec<RequestRecord>) -> Result<(), StoreError>;
    /// Request records, newest first: in the order in which they ended, the last one first.
    ///
    /// There may be millions, and no index but their order: a call looks at so many and no more. A page may hold fewer
    /// records than asked for, or none, and still have a `next` to go on with. A clock that was put back may hide
    /// records from a search by time.
    async fn requests(&self, query: &RequestQuery) -> Result<RequestPage, StoreError>;
    /// The record of one request. Looks for it from the newest on, in small pieces, so that nothing waits long; a
    /// caller who gives up ends it.
    async fn request(&self, id: RequestId) -> Result<Option<LoggedRequest>, StoreError>;
    /// Deletes request records older than `before`, and the oldest ones while the log is larger than `max_bytes`;
    /// in small pieces, so that nothing waits long. Answers how many went. Error samples older than `before` go too.
    async fn prune_requests(&self, before: Timestamp, max_bytes: u64) -> Result<u64, StoreError>;

    /// What the requests of a span of time came to. It is counted when they are appended, so that asking is cheap.
    async fn stats(&self, query: &StatsQuery) -> Result<Stats, StoreError>;
    /// Makes the counts of the hours that ended before `hours_until` one row each, and deletes those from before `since`: for
    /// whoever leads in this term. What a former leader asks for late is not done.
    async fn condense_stats(
        &self,
        hours_until: Timestamp,
        since: Timestamp,
        term: Term,
    ) -> Result<(), StoreError>;

    /// Keeps samples: of a config's with the same status and rule the newest, and of all those the
    /// [`ErrorSample::MAX_PER_CONFIG`] newest.
    async fn put_error_samples(&self, samples: Vec<ErrorSample>) -> Result<(), StoreError>;
    /// The samples of a config, newest first; none of one that is not there.
    async fn error_samples(&self, config: ConfigId) -> Result<Vec<ErrorSample>, StoreError>;

    /// Says that an instance lives and will do so for `ttl`, and makes it the leader for as long if nobody else is;
    /// answers in which term it leads. Only the store's own clock counts.
    async fn beat(&self, instance: &Instance, ttl: Duration) -> Result<Option<Term>, StoreError>;
    /// An instance ends: it lives and leads no more.
    async fn leave(&self, id: &str) -> Result<(), StoreError>;
    /// The instances that live, by their ids.
    async fn instances(&self) -> Result<Vec<LiveInstance>, StoreError>;

    /// A copy of all but the request log, as it is at one moment: a file that nobody else can find. `None` where the
    /// database has tools of its own for that.
    async fn backup(&self) -> Result<Option<File>, StoreError>;

    /// Whether the store answers.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// A key to add.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The key.
    pub secret: Secret,
    /// Whether it is used at once.
    pub is_active: bool,
    /// Its share under `weighted`.
    pub weight: Weight,
    /// Whose limits it shares.
    pub quota_group: QuotaGroup,
    /// For people.
    pub note: String,
}

/// What to change of a key; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPatch {
    /// Whether it is used.
    pub is_active: Option<bool>,
    /// Its share under `weighted`.
    pub weight: Option<Weight>,
    /// Whose limits it shares.
    pub quota_group: Option<QuotaGroup>,
    /// For people.
    pub note: Option<String>,
}

/// What became of a batch of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddedKeys {
    /// The new keys, in the order they were given.
    pub ids: Vec<KeyId>,
    /// How many the config had already, or that occurred twice in the batch.
    pub duplicates: u64,
}

/// What a key served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUsage {
    /// Which key.
    pub key_id: KeyId,
    /// Requests that the upstream took it for.
    pub successes: u64,
    /// Requests that the upstream refused because of it.
    pub failures: u64,
    /// When the last of them was.
    pub last_used_at: Timestamp,
}

/// A config and how its keys stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSummary {
    /// The config.
    pub config: ProxyConfig,
    /// Its keys by state.
    pub keys: KeyCounts,
}

/// A config with its whole pool.
#[derive(Debug, Clone)]
pub struct RouteSource {
    /// The config.
    pub config: ProxyConfig,
    /// All its keys.
    pub keys: Vec<ApiKey>,
}

/// Which configs to list.
#[derive(Debug, Clone, Default)]
pub struct ConfigQuery {
    /// Part of a name or slug, in either case.
    pub search: Option<String>,
    /// Of this type only.
    pub config_type: Option<ConfigType>,
    /// How many, and after which.
    pub page: PageRequest,
}

/// Which of a config's keys are meant: those of which everything holds that is set here.
#[derive(Debug, Clone, Default)]
pub struct KeyFilter {
    /// In this state.
    pub state: Option<KeyState>,
    /// Of this set.
    pub set: Option<KeySet>,
    /// Of this quota group; the empty one means keys without a group.
    pub quota_group: Option<QuotaGroup>,
}

/// Which keys to list.
#[derive(Debug, Clone, Default)]
pub struct KeyQuery {
    /// These only.
    pub filter: KeyFilter,
    /// Part of a note in either case, or a whole key.
    pub search: Option<String>,
    /// How many, and after which.
    pub page: PageRequest,
}

/// Some keys, by their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySet {
    /// These.
    Among(Vec<KeyId>),
    /// All but these.
    Except(Vec<KeyId>),
}

/// How many items to list, after which one.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest {
    /// At most this many.
    pub limit: u32,
    /// The `next` of the page before; `None` for the first.
    pub after: Option<i64>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: 50, after: None }
    }
}

/// A piece of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<i64>,
    /// How many items the whole list has.
    pub total: u64,
}

/// Why the store could not do what was asked, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row to change is not there.
    #[error("not found")]
    NotFound,
    /// Another row has this value already.
    #[error("{field} is already in use")]
    Conflict {
        /// The field whose value is taken.
        field: &'static str,
    },
    /// What is stored makes no sense: written by hand, or by a newer version.
    #[error("stored data is inconsistent: {what}")]
    Inconsistent {
        /// Which row, and what is wrong with it.
        what: String,
    },
    /// There is no room left to write.
    #[error("no space left to write")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database does not answer, or not in time.
    #[error("the database is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database was told to commit and did not say whether it has: what was written may be there, or may not.
    #[error("the database did not confirm the write")]
    Unconfirmed(#[source] Box<dyn std::error::Error + Send + Sync>),
}
