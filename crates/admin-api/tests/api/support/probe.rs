use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use rotator_core::{
    model::{ApiKey, KeyId, ProxyConfig},
    probe::{KeyProbe, ProbeReport},
    secret::Secret,
};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

/// Sends nothing, and remembers which keys it was asked about. A key with `good` in it is taken, any other refused.
#[derive(Default)]
pub(crate) struct FakeProbe {
    pub(crate) asked: Mutex<Vec<(String, KeyId)>>,
    times: watch::Sender<Vec<Instant>>,
    held: Mutex<Option<Arc<Semaphore>>>,
}

impl FakeProbe {
    /// From now on each answer takes one of these permits.
    pub(crate) fn hold(&self) -> Arc<Semaphore> {
        let permits = Arc::new(Semaphore::new(0));
        *self.held.lock().unwrap() = Some(permits.clone());
        permits
    }

    /// Waits until it has been asked so often.
    pub(crate) async fn is_asked(&self, often: usize) {
        self.times.subscribe().wait_for(|times| times.len() >= often).await.unwrap();
    }

    /// When it was asked.
    pub(crate) fn times(&self) -> Vec<Instant> {
        self.times.borrow().clone()
    }
}

#[async_trait]
impl KeyProbe for FakeProbe {
    async fn probe(&self, config: &ProxyConfig, key: &ApiKey) -> ProbeReport {
        self.asked.lock().unwrap().push((config.spec.slug.to_string(), key.id));
        self.times.send_modify(|times| times.push(Instant::now()));
        let held = self.held.lock().unwrap().clone();
        if let Some(permits) = held {
            permits.acquire().await.unwrap().forget();
        }
        let text = key.secret.as_ref().map_or("", Secret::expose);
        assert!(!text.contains("panic"), "as it is told");
        let ok = text.contains("good");
        let (status, message) =
            if ok { (200, "the service takes the key") } else { (401, "the service refused the key") };
        ProbeReport { ok, status: Some(status), latency: Duration::from_millis(12), message: message.into() }
    }
}
