use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use rotator_core::{
    cache::{Turn, Turns},
    model::ConfigId,
};

/// The counters of all pools. A counter is kept for the life of the process, so that a pool that is built anew goes on
/// where it was; they are asked for when a pool is built, never for a request.
#[derive(Default)]
pub(crate) struct Pools(Mutex<HashMap<ConfigId, Arc<Counter>>>);

#[derive(Default)]
struct Counter(AtomicU64);

impl Pools {
    pub(crate) fn turns(&self, pool: ConfigId) -> Arc<dyn Turns> {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(counters.entry(pool).or_default()) as Arc<dyn Turns>
    }
}

impl Turns for Counter {
    fn next(&self) -> Turn<'_> {
        Turn::Now(self.0.fetch_add(1, Relaxed))
    }

    fn upcoming(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
