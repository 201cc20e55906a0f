//! The port to one test request with a given key. The data path implements it, the admin API asks for it.

use std::time::Duration;

use async_trait::async_trait;

use crate::model::{ApiKey, ProxyConfig};

/// Sends one harmless request upstream with a key, to see whether the key works.
#[async_trait]
pub trait KeyProbe: Send + Sync {
    /// Sends it and waits for the answer's head.
    async fn probe(&self, config: &ProxyConfig, key: &ApiKey) -> ProbeReport;
}

/// What a test request showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeReport {
    /// Whether the upstream took the key.
    pub ok: bool,
    /// What it answered; `None` when it could not be reached.
    pub status: Option<u16>,
    /// How long it took.
    pub latency: Duration,
    /// A sentence for people; never the key.
    pub message: String,
}
