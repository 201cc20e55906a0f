//! Who this instance is among all, and how it tells of itself.

use jiff::Timestamp;
use rotator_core::{routes::Routes, store::Instance};

use crate::{backends::BUILD, clock, health::Health};

/// What stays the same of an instance as long as it runs.
#[derive(Debug, Clone)]
pub struct Identity {
    id: String,
    hostname: String,
    started_at: Timestamp,
}

impl Identity {
    /// Another one with every call: once for each start.
    pub fn begin() -> Self {
        Self {
            id: format!("{:016x}", fastrand::u64(..)),
            hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            started_at: clock::now(),
        }
    }

    /// Its own: another process has another one.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it tells of itself now.
    pub fn describe(&self, routes: &Routes, health: &Health) -> Instance {
        let now = clock::now();
        Instance {
            id: self.id.clone(),
            hostname: self.hostname.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            build: BUILD.into(),
            started_at: self.started_at,
            told_at: now,
            revision: *routes.revision().borrow(),
            snapshot_age: health.routes_age(now).unsigned_abs(),
            database: health.store(),
            cache: health.cache(),
        }
    }
}
