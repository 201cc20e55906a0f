//! The [`Cache`] port in this process's memory, for an installation of one instance.
//!
//! Exact, not approximate: turns are one atomic counter per pool, windows remember every event they count. Nothing
//! outlives the process.

mod turns;
mod windows;

use std::sync::Arc;

use async_trait::async_trait;
use rotator_core::{
    cache::{Cache, CacheError, Taken, Turns, Window},
    model::ConfigId,
};
use tokio::{sync::watch, time::Instant};

use turns::Pools;
use windows::Windows;

/// Shared, expiring data in this process's memory.
#[derive(Default)]
pub struct MemoryCache {
    pools: Pools,
    windows: Windows,
    revision: watch::Sender<u64>,
}

impl MemoryCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Cache for MemoryCache {
    fn turns(&self, pool: ConfigId) -> Arc<dyn Turns> {
        self.pools.turns(pool)
    }

    async fn take(&self, window: &Window<'_>, cost: u32) -> Result<Taken, CacheError> {
        Ok(self.windows.take(window, cost, Instant::now()))
    }

    async fn bump_revision(&self) -> Result<u64, CacheError> {
        let mut bumped = 0;
        self.revision.send_modify(|revision| {
            *revision += 1;
            bumped = *revision;
        });
        Ok(bumped)
    }

    fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    async fn ping(&self) -> Result<(), CacheError> {
        Ok(())
    }
}
