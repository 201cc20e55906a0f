use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use rotator_core::{
    model::{ApiKey, KeyId, ProxyConfig},
    probe::{KeyProbe, ProbeReport},
};

/// Sends nothing, and remembers which key it was asked about.
#[derive(Default)]
pub(crate) struct FakeProbe {
    pub(crate) asked: Mutex<Vec<(String, KeyId)>>,
}

#[async_trait]
impl KeyProbe for FakeProbe {
    async fn probe(&self, config: &ProxyConfig, key: &ApiKey) -> ProbeReport {
        self.asked.lock().unwrap().push((config.spec.slug.to_string(), key.id));
        let (latency, message) = (Duration::from_millis(12), "the service refused the key".into());
        ProbeReport { ok: false, status: Some(401), latency, message }
    }
}
