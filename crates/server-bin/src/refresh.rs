//! Keeps what requests read in step with what the store has, and tells the store what keys served.

use std::{collections::HashMap, sync::Arc, time::Duration};

use rotator_core::{
    model::KeyId,
    routes::Routes,
    store::{KeyUsage, Store},
};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{clock, data::Data};

/// Changes that come close together are read together. An admin's own change is live already: this is for other
/// instances, and for a change that could not be read at once.
const GATHER: Duration = Duration::from_millis(500);
const RETRY: Duration = Duration::from_secs(2);
/// How often counts are written; what a crash may lose.
const FLUSH_PERIOD: Duration = Duration::from_secs(5);

/// Reads the routes anew whenever an instance says that they changed.
pub async fn follow_changes(data: Data) {
    let Data { store, cache, routes, health } = data;
    let mut revisions = cache.revisions();
    while revisions.changed().await.is_ok() {
        sleep(GATHER).await;
        let revision = *revisions.borrow_and_update();
        while let Err(error) = routes.reload(&*store).await {
            warn!(error = &error as &dyn std::error::Error, "routes cannot be read; serving the ones known");
            health.note_store(false);
            sleep(RETRY).await;
        }
        health.note_routes(clock::now());
        debug!(revision, "routes read");
    }
}

/// Counts of keys that the store does not have yet.
#[derive(Debug, Default)]
pub struct Usage(HashMap<KeyId, KeyUsage>);

impl Usage {
    /// Writes what keys served, every few seconds, and once more when it is over.
    pub async fn flush_until(mut self, over: CancellationToken, routes: Arc<Routes>, store: Arc<dyn Store>) {
        let mut ticks = interval(FLUSH_PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while over.run_until_cancelled(ticks.tick()).await.is_some() {
            self.flush(&routes, &*store).await;
        }
        self.flush(&routes, &*store).await;
    }

    /// Writes what keys served since the last time, and what could not be written then.
    async fn flush(&mut self, routes: &Routes, store: &dyn Store) {
        for usage in routes.take_usage().await {
            self.0.entry(usage.key_id).and_modify(|sum| add(sum, &usage)).or_insert(usage);
        }
        if self.0.is_empty() {
            return;
        }
        let usage: Vec<KeyUsage> = self.0.values().copied().collect();
        match store.add_key_usage(&usage).await {
            Ok(()) => self.0.clear(),
            Err(error) => warn!(error = &error as &dyn std::error::Error, "key counts kept for later"),
        }
    }
}

fn add(sum: &mut KeyUsage, more: &KeyUsage) {
    sum.successes += more.successes;
    sum.failures += more.failures;
    sum.last_used_at = sum.last_used_at.max(more.last_used_at);
}
