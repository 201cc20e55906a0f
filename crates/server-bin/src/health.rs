//! How the server is, found out in the background so that asking costs nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use jiff::Timestamp;
use rotator_core::{
    cache::Cache,
    store::{Dependency, Store},
};
use serde::Serialize;
use tokio::{
    join,
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::{info, warn};

use crate::clock;

/// How the server is.
#[derive(Debug)]
pub struct Health {
    draining: AtomicBool,
    store: Watched,
    cache: Watched,
    /// When the routes were last known to be what the store has, in seconds since 1970.
    routes_read: AtomicI64,
    /// When a snapshot was last kept on disk, in seconds since 1970; 0 before.
    snapshot_kept: AtomicI64,
}

/// Something that is asked how it is.
#[derive(Debug)]
struct Watched {
    what: &'static str,
    down: AtomicBool,
    /// Since when it is as it is, in seconds since 1970.
    since: AtomicI64,
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
const PERIOD: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);

impl Default for Health {
    /// Well.
    fn default() -> Self {
        Self {
            draining: AtomicBool::default(),
            store: Watched::new("store"),
            cache: Watched::new("cache"),
            routes_read: AtomicI64::default(),
            snapshot_kept: AtomicI64::default(),
        }
    }
}

impl Health {
    /// How the server is.
    pub fn status(&self) -> Status {
        if self.draining.load(Relaxed) {
            Status::Draining
        } else if !self.store_is_up() || !self.cache_is_up() {
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
        self.store.note(up);
    }

    /// The cache answered, or did not.
    pub fn note_cache(&self, up: bool) {
        self.cache.note(up);
    }

    /// The routes are what the store has, as of `now`.
    pub fn note_routes(&self, now: Timestamp) {
        self.routes_read.store(now.as_second(), Relaxed);
    }

    /// How long ago the routes were last known to be what the store has, in seconds.
    pub fn routes_age(&self, now: Timestamp) -> i64 {
        now.as_second().saturating_sub(self.routes_read.load(Relaxed)).max(0)
    }

    /// A snapshot of `taken_at` is on disk.
    pub fn note_kept(&self, taken_at: Timestamp) {
        self.snapshot_kept.store(taken_at.as_second(), Relaxed);
    }

    /// Of when the snapshot on disk is, where this server has kept or found one.
    pub fn kept_at(&self) -> Option<Timestamp> {
        let second = Some(self.snapshot_kept.load(Relaxed)).filter(|second| *second > 0);
        second.and_then(|second| Timestamp::from_second(second).ok())
    }

    /// Whether the store answered when it was last asked.
    pub fn store_is_up(&self) -> bool {
        self.store().is_up
    }

    /// Whether the cache answered when it was last asked.
    pub fn cache_is_up(&self) -> bool {
        self.cache().is_up
    }

    /// How the store is, and since when.
    pub fn store(&self) -> Dependency {
        self.store.get()
    }

    /// How the cache is, and since when.
    pub fn cache(&self) -> Dependency {
        self.cache.get()
    }

    /// Asks the store and the cache again and again. One that hangs does not keep the other waiting.
    pub async fn watch(self: Arc<Self>, store: Arc<dyn Store>, cache: Arc<dyn Cache>) {
        join!(self.store.watch(|| store.ping()), self.cache.watch(|| cache.ping()));
    }
}

impl Watched {
    fn new(what: &'static str) -> Self {
        Self { what, down: AtomicBool::default(), since: AtomicI64::new(clock::now().as_second()) }
    }

    fn get(&self) -> Dependency {
        let since = Timestamp::from_second(self.since.load(Relaxed)).unwrap_or_default();
        Dependency { is_up: !self.down.load(Relaxed), since }
    }

    async fn watch<F: Future<Output = Result<(), E>>, E>(&self, ping: impl Fn() -> F) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.note(matches!(timeout(PATIENCE, ping()).await, Ok(Ok(()))));
        }
    }

    fn note(&self, up: bool) {
        let (what, was_down) = (self.what, self.down.swap(!up, Relaxed));
        if was_down == up {
            self.since.store(clock::now().as_second(), Relaxed);
        }
        match (was_down, up) {
            (false, false) => warn!(what, "does not answer; serving what is known"),
            (true, true) => info!(what, "answers again"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        future::{pending, ready},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_is_down_when_patience_ends_and_keeps_the_other_not_waiting() {
        let (hung, well, asked) = (Watched::new("store"), Watched::new("cache"), Cell::new(0));
        let answers = || {
            asked.set(asked.get() + 1);
            ready(Ok::<(), ()>(()))
        };

        let both = async { join!(hung.watch(pending::<Result<(), ()>>), well.watch(answers)) };
        assert!(timeout(PATIENCE + PERIOD / 2, both).await.is_err());

        assert_eq!((hung.get().is_up, well.get().is_up, asked.get()), (false, true, 4));
    }
}
