//! How the server is, found out in the background so that asking costs nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use jiff::Timestamp;
use rotator_core::{cache::Cache, store::Store};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{info, warn};

/// How the server is.
#[derive(Debug, Default)]
pub struct Health {
    draining: AtomicBool,
    store_down: AtomicBool,
    cache_down: AtomicBool,
    /// When the routes were last known to be what the store has, in seconds since 1970.
    routes_read: AtomicI64,
}

/// How the server is, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It serves.
    Ok,
    /// It serves what it knows: the store or the cache does not answer.
    Degraded,
    /// It is shutting down.
    Draining,
}

/// How often the store and the cache are asked.
const PERIOD: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(3);

impl Health {
    /// How the server is.
    pub fn status(&self) -> Status {
        if self.draining.load(Relaxed) {
            Status::Draining
        } else if self.store_down.load(Relaxed) || self.cache_down.load(Relaxed) {
            Status::Degraded
        } else {
            Status::Ok
        }
    }

    /// Nothing new is wanted from now on.
    pub fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    /// The store answered, or did not.
    pub fn note_store(&self, up: bool) {
        note("store", &self.store_down, up);
    }

    /// The cache answered, or did not.
    pub fn note_cache(&self, up: bool) {
        note("cache", &self.cache_down, up);
    }

    /// The routes are what the store has, as of `now`.
    pub fn note_routes(&self, now: Timestamp) {
        self.routes_read.store(now.as_second(), Relaxed);
    }

    /// How long ago the routes were last known to be what the store has, in seconds.
    pub fn routes_age(&self, now: Timestamp) -> i64 {
        now.as_second().saturating_sub(self.routes_read.load(Relaxed)).max(0)
    }

    /// Whether the store answered when it was last asked.
    pub fn store_is_up(&self) -> bool {
        !self.store_down.load(Relaxed)
    }

    /// Whether the cache answered when it was last asked.
    pub fn cache_is_up(&self) -> bool {
        !self.cache_down.load(Relaxed)
    }

    /// Asks the store and the cache again and again.
    pub async fn watch(self: Arc<Self>, store: Arc<dyn Store>, cache: Arc<dyn Cache>) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.note_store(matches!(timeout(PATIENCE, store.ping()).await, Ok(Ok(()))));
            self.note_cache(matches!(timeout(PATIENCE, cache.ping()).await, Ok(Ok(()))));
        }
    }
}

fn note(what: &str, down: &AtomicBool, up: bool) {
    let was_down = down.swap(!up, Relaxed);
    match (was_down, up) {
        (false, false) => warn!(what, "does not answer; serving what is known"),
        (true, true) => info!(what, "answers again"),
        _ => {}
    }
}
