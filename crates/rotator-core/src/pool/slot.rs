use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed},
};

use jiff::Timestamp;

use crate::{
    credential::ReadyCredential,
    model::{KeyId, Weight},
    store::KeyUsage,
};

/// A key in its pool: what the data path needs of it, and what happens to it.
#[derive(Debug)]
pub struct KeySlot {
    /// Which key.
    pub id: KeyId,
    /// Its share under `weighted`.
    pub weight: Weight,
    /// The key, ready to be put on a request.
    pub credential: ReadyCredential,
    /// Lives as long as the key does, over all snapshots.
    pub(crate) stats: Arc<KeyStats>,
}

/// What happens to a key, counted without a lock.
#[derive(Debug, Default)]
pub(crate) struct KeyStats {
    in_flight: AtomicU32,
    successes: AtomicU64,
    failures: AtomicU64,
    /// Milliseconds since the Unix epoch; 0 for never.
    last_used: AtomicI64,
}

/// A key picked for one attempt: in flight until it is dropped.
#[derive(Debug)]
pub struct Picked(Arc<KeySlot>);

impl KeySlot {
    /// A key that was not in the pool before.
    pub fn new(id: KeyId, weight: Weight, credential: ReadyCredential) -> Self {
        Self { id, weight, credential, stats: Arc::default() }
    }

    /// Attempts that this key serves right now.
    pub fn in_flight(&self) -> u32 {
        self.stats.in_flight.load(Relaxed)
    }

    /// Takes the counts since the last call; `None` when there are none.
    pub fn take_usage(&self) -> Option<KeyUsage> {
        self.stats.take_usage(self.id)
    }
}

impl KeyStats {
    pub(crate) fn take_usage(&self, key_id: KeyId) -> Option<KeyUsage> {
        let (successes, failures) = (self.successes.swap(0, Relaxed), self.failures.swap(0, Relaxed));
        let last_used_at = Timestamp::from_millisecond(self.last_used.load(Relaxed)).ok()?;
        (successes + failures > 0).then_some(KeyUsage { key_id, successes, failures, last_used_at })
    }
}

impl Picked {
    pub(crate) fn new(slot: Arc<KeySlot>) -> Self {
        slot.stats.in_flight.fetch_add(1, Relaxed);
        Self(slot)
    }

    /// The key.
    pub fn slot(&self) -> &KeySlot {
        &self.0
    }

    /// Counts what came of it.
    pub fn finish(&self, success: bool, now: Timestamp) {
        let stats = &self.0.stats;
        let counter = if success { &stats.successes } else { &stats.failures };
        counter.fetch_add(1, Relaxed);
        stats.last_used.store(now.as_millisecond(), Relaxed);
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.0.stats.in_flight.fetch_sub(1, Relaxed);
    }
}
