use std::sync::{
    Arc,
    atomic::{
        AtomicI64, AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
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
    /// Lives as long as the key does, over all snapshots. What else is to outlive a snapshot belongs here too.
    stats: Arc<KeyStats>,
}

/// What happens to a key, counted without a lock.
#[derive(Debug, Default)]
struct KeyStats {
    in_flight: AtomicU32,
    successes: AtomicU64,
    failures: AtomicU64,
    /// Milliseconds since the Unix epoch; 0 for never.
    last_used: AtomicI64,
}

/// A key that has left its pool, without its text: only what it still counts.
#[derive(Debug)]
pub struct RetiredKey {
    id: KeyId,
    stats: Arc<KeyStats>,
}

/// A key picked for one attempt: in flight until it is dropped.
#[derive(Debug)]
pub struct Picked(Arc<KeySlot>);

impl KeySlot {
    /// A key that was not in the pool before.
    pub fn new(id: KeyId, weight: Weight, credential: ReadyCredential) -> Self {
        Self { id, weight, credential, stats: Arc::default() }
    }

    /// This key, going on from what it was in an older snapshot.
    #[must_use]
    pub fn succeeding(self, before: &Self) -> Self {
        Self { stats: Arc::clone(&before.stats), ..self }
    }

    /// Attempts that this key serves right now.
    pub fn in_flight(&self) -> u32 {
        self.stats.in_flight.load(Relaxed)
    }

    /// Takes the counts since the last call; `None` when there are none.
    pub fn take_usage(&self) -> Option<KeyUsage> {
        self.stats.take_usage(self.id)
    }

    /// The counts, to be taken after the key has left: requests that it serves have yet to end.
    pub fn retire(&self) -> RetiredKey {
        RetiredKey { id: self.id, stats: Arc::clone(&self.stats) }
    }
}

impl RetiredKey {
    /// Like [`KeySlot::take_usage`].
    pub fn take_usage(&self) -> Option<KeyUsage> {
        self.stats.take_usage(self.id)
    }

    /// Whether nobody has the key any more, so that what it counted by now is all.
    pub fn is_gone(&mut self) -> bool {
        Arc::get_mut(&mut self.stats).is_some()
    }
}

impl KeyStats {
    fn take_usage(&self, key_id: KeyId) -> Option<KeyUsage> {
        // Whoever sees a count sees the time of use that was written before it.
        let (successes, failures) = (self.successes.swap(0, Acquire), self.failures.swap(0, Acquire));
        let last_used_at = Timestamp::from_millisecond(self.last_used.load(Relaxed)).ok()?;
        (successes + failures > 0).then_some(KeyUsage { key_id, successes, failures, last_used_at })
    }
}

impl Picked {
    pub(super) fn new(slot: Arc<KeySlot>) -> Self {
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
        stats.last_used.fetch_max(now.as_millisecond(), Relaxed);
        let counter = if success { &stats.successes } else { &stats.failures };
        counter.fetch_add(1, Release);
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.0.stats.in_flight.fetch_sub(1, Relaxed);
    }
}
