//! The port to shared, expiring data. `cache-memory` and `cache-redis` implement it; `contract-tests` says what it
//! means.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::model::ConfigId;

/// Shared, expiring data.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The turns of a pool. Asked for once, when the pool is built, so that a turn costs no look-up.
    fn turns(&self, pool: ConfigId) -> Arc<dyn Turns>;

    /// Counts `cost` events against a window, unless that would take it over its limit.
    async fn take(&self, window: &Window<'_>, cost: u32) -> Result<Taken, CacheError>;

    /// The number of configuration changes so far, over all instances.
    async fn revision(&self) -> Result<u64, CacheError>;
    /// Tells every instance that the configuration changed.
    async fn bump_revision(&self) -> Result<u64, CacheError>;
    /// The latest revision this instance heard of; changes as soon as it hears of a newer one.
    fn revisions(&self) -> watch::Receiver<u64>;

    /// Takes or renews the lease of a name for `ttl`; `None` while somebody else holds it. The token grows with each
    /// new holder, so that a late write by an old one can be told.
    async fn lease(&self, name: &str, holder: &str, ttl: Duration) -> Result<Option<LeaseToken>, CacheError>;

    /// Whether the cache answers.
    async fn ping(&self) -> Result<(), CacheError>;
}

/// The turns of one pool: 0, 1, 2, … each given out once, over all instances.
pub trait Turns: Send + Sync {
    /// The next turn.
    fn next(&self) -> Turn<'_>;
    /// The turn that would be next, without taking it; over several instances, as far as this one knows.
    fn upcoming(&self) -> u64;
}

/// A turn: at hand when the counter lives in this process, awaited when it is shared.
pub enum Turn<'a> {
    /// At hand.
    Now(u64),
    /// Asked for.
    Later(Pin<Box<dyn Future<Output = Result<u64, CacheError>> + Send + 'a>>),
}

/// A sliding window: at most `limit` events in any `period`. A name always goes with one period; its limit may change.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// What is counted, such as `login:203.0.113.7`.
    pub name: &'a str,
    /// How many.
    pub limit: u32,
    /// In how long.
    pub period: Duration,
}

/// Whether the events fit into the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// They did, and count.
    Yes,
    /// They did not, and do not count; they would after this long.
    No {
        /// How long to wait. A whole period for more events than the limit, which never fit.
        retry_after: Duration,
    },
}

/// Grows with each new holder of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeaseToken(pub u64);

/// Why the cache could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It does not answer, or not in time.
    #[error("the cache is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
