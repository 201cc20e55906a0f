//! The port to shared, expiring data. `cache-memory` and `cache-redis` implement it; `contract-tests` says what it
//! means.

mod ledger;
#[cfg(test)]
pub(crate) mod others;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

use crate::{model::ConfigId, pool::News};

pub use ledger::{Claim, Claimed, Claiming, Granted, Hold, Ledger, Scope};

/// Shared, expiring data.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The turns of a pool. Asked for once, when the pool is built, so that a turn costs no look-up.
    fn turns(&self, pool: ConfigId) -> Arc<dyn Turns>;

    /// What is done in a scope, counted over all instances; `None` where this process is the only one. Asked for when a pool
    /// or an entrance is built that has caps.
    fn ledger(&self, _scope: Scope) -> Option<Arc<dyn Ledger>> {
        None
    }

    /// Counts `cost` events against a window, unless that would take it over its limit.
    async fn take(&self, window: &Window<'_>, cost: u32) -> Result<Taken, CacheError>;

    /// Tells every instance that the configuration changed; answers how often it has.
    async fn bump_revision(&self) -> Result<u64, CacheError>;
    /// The latest revision this instance heard of; changes as soon as it hears of a newer one.
    fn revisions(&self) -> watch::Receiver<u64>;

    /// Tells every other instance what befell keys here. One that is alone has nobody to tell.
    async fn tell(&self, _: &[(ConfigId, News)]) -> Result<(), CacheError> {
        Ok(())
    }
    /// What other instances tell; `None` where there can be no others.
    fn news(&self) -> Option<broadcast::Receiver<Vec<(ConfigId, News)>>> {
        None
    }

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

/// A turn: at hand when the counter lives in this process, awaited when it is shared. There is always one: an instance that
/// cannot reach the others counts by itself.
pub enum Turn<'a> {
    /// At hand.
    Now(u64),
    /// Asked for.
    Later(Pin<Box<dyn Future<Output = u64> + Send + 'a>>),
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

/// Why the cache could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It does not answer, or not in time.
    #[error("the cache is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
