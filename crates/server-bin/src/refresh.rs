//! Keeps what requests read in step with what the store has, and tells the store what keys served.

use std::{collections::HashMap, sync::Arc, time::Duration};

use rotator_core::{
    model::KeyId,
    routes::Routes,
    store::{KeyUsage, Store, StoreError},
};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{clock, data::Data};

/// Changes that come close together are read together. An admin's own change is live already: this is for other
/// instances, and for a change that could not be read at once.
const GATHER: Duration = Duration::from_millis(500);
/// The store is asked after so long whether it has changed, though nobody said so: there may be nobody who could.
const POLL: Duration = Duration::from_secs(4);
/// How often counts are written; what a crash may lose.
const FLUSH_PERIOD: Duration = Duration::from_secs(5);

/// Reads the routes anew when the store has changed: soon where another instance says so, and in a few seconds where none can.
pub async fn follow_changes(data: Data) {
    let Data { store, cache, routes, health } = data;
    let mut told = cache.revisions();
    loop {
        // Instances that were started together do not ask together.
        match timeout(POLL.mul_f64(0.75 + fastrand::f64() / 4.0), told.changed()).await {
            Ok(Ok(())) => sleep(GATHER).await,
            Ok(Err(_)) => return,
            Err(_) => {}
        }
        told.borrow_and_update();
        match routes.refresh(&*store).await {
            Ok(has_changed) => {
                health.note_routes(clock::now());
                if has_changed {
                    debug!("routes read");
                }
            }
            Err(error) => {
                if health.store_is_up() {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "routes cannot be read; serving the ones known"
                    );
                }
                health.note_store(false);
            }
        }
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
            flush_rests(&routes, &*store).await;
            flush_proxy_key_uses(&routes, &*store).await;
        }
        self.flush(&routes, &*store).await;
        flush_rests(&routes, &*store).await;
        flush_proxy_key_uses(&routes, &*store).await;
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
            // Rather lost than counted twice.
            Err(error @ StoreError::Unconfirmed(_)) => {
                warn!(error = &error as &dyn std::error::Error, "key counts may be lost");
                self.0.clear();
            }
            Err(error) => warn!(error = &error as &dyn std::error::Error, "key counts kept for later"),
        }
    }
}

/// Writes down which keys rest, where that has changed.
async fn flush_rests(routes: &Routes, store: &dyn Store) {
    let (keys, rests) = routes.take_rests().await;
    if keys.is_empty() {
        return;
    }
    if let Err(error) = store.put_rests(&keys, &rests).await {
        warn!(error = &error as &dyn std::error::Error, "the rests of keys are kept for later");
        routes.keep_rests(&keys).await;
    }
}

/// Writes when proxy keys were last shown. What cannot be written is soon overtaken.
async fn flush_proxy_key_uses(routes: &Routes, store: &dyn Store) {
    let uses = routes.table().load().proxy_keys().take_uses();
    if !uses.is_empty()
        && let Err(error) = store.note_proxy_key_uses(&uses).await
    {
        warn!(error = &error as &dyn std::error::Error, "when proxy keys were last used is not written");
    }
}

fn add(sum: &mut KeyUsage, more: &KeyUsage) {
    sum.successes += more.successes;
    sum.failures += more.failures;
    sum.last_used_at = sum.last_used_at.max(more.last_used_at);
}

#[cfg(test)]
mod tests {
    use rotator_core::{
        model::{ConfigFields, ConfigSpec, ConfigType},
        store::Change,
    };
    use tempfile::TempDir;
    use tokio::time::Instant;

    use super::*;
    use crate::data;

    fn service() -> ConfigSpec {
        let text = |text: &str| Some(text.to_owned());
        let fields = ConfigFields {
            name: "echo".into(),
            slug: "echo".into(),
            config_type: "GENERIC".into(),
            is_active: true,
            api_key_location: text("header"),
            api_key_name: text("x-key"),
            target_url: text("http://127.0.0.1:9"),
            ..ConfigFields::default()
        };
        ConfigSpec::try_from(&fields).unwrap()
    }

    #[tokio::test]
    async fn a_change_by_another_instance_is_live_soon() {
        let folder = TempDir::new().unwrap();
        let (data, _store) = data::tests::open(&folder).await;
        tokio::spawn(follow_changes(data.clone()));
        let by = Change { at: clock::now(), actor: "admin".into(), address: None, request_id: "r1".into() };
        data.store.insert_config(service(), &by).await.unwrap();
        assert!(data.routes.table().load().find(ConfigType::Generic, "echo").is_none());

        data.cache.bump_revision().await.unwrap();
        while data.routes.table().load().find(ConfigType::Generic, "echo").is_none() {
            sleep(GATHER / 10).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_nobody_tells_of_is_live_within_five_seconds() {
        let folder = TempDir::new().unwrap();
        let (data, _store) = data::tests::open(&folder).await;
        let by = Change { at: clock::now(), actor: "admin".into(), address: None, request_id: "r1".into() };
        data.store.insert_config(service(), &by).await.unwrap();
        let written = Instant::now();
        tokio::spawn(follow_changes(data.clone()));

        while data.routes.table().load().find(ConfigType::Generic, "echo").is_none() {
            sleep(GATHER / 10).await;
        }
        assert!(written.elapsed() <= Duration::from_secs(5), "{:?}", written.elapsed());
    }

    #[tokio::test]
    async fn counts_that_cannot_be_written_are_kept() {
        let folder = TempDir::new().unwrap();
        let (data, store) = data::tests::open(&folder).await;
        store.close().await;
        let count = KeyUsage { key_id: KeyId(1), successes: 2, failures: 1, last_used_at: clock::now() };
        let mut usage = Usage(HashMap::from([(count.key_id, count)]));
        usage.flush(&data.routes, &*data.store).await;

        assert_eq!(usage.0.values().copied().collect::<Vec<_>>(), [count]);
    }
}
