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
///
/// Small on purpose: with the reference count around it, it fills one cache line, and a pick touches no other.
#[derive(Debug)]
pub struct KeySlot {
    /// Which key.
    pub id: KeyId,
    /// Its share under `weighted`.
    pub weight: Weight,
    /// The key, ready to be put on a request.
    pub credential: Box<ReadyCredential>,
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
        Self {
            id,
            weight,
            credential: Box::new(credential),
            in_flight: AtomicU32::new(0),
            successes: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            last_used: AtomicI64::new(0),
        }
    }

    /// This key, or the one of an older snapshot if that is the same, so that what happens to it goes on.
    #[must_use]
    pub fn or_same(self, before: Option<&Arc<Self>>) -> Arc<Self> {
        let is_same =
            |before: &&Arc<Self>| before.weight == self.weight && before.credential == self.credential;
        before.filter(is_same).map_or_else(|| Arc::new(self), Arc::clone)
    }

    /// Attempts that this key serves right now.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Takes the counts since the last call; `None` when there are none.
    pub fn take_usage(&self) -> Option<KeyUsage> {
        // Whoever sees a count sees the time of use that was written before it.
        let (successes, failures) = (self.successes.swap(0, Acquire), self.failures.swap(0, Acquire));
        let last_used_at = Timestamp::from_millisecond(self.last_used.load(Relaxed)).ok()?;
        (successes + failures > 0).then_some(KeyUsage { key_id: self.id, successes, failures, last_used_at })
    }
}

impl Picked {
    pub(super) fn new(slot: Arc<KeySlot>) -> Self {
        slot.in_flight.fetch_add(1, Relaxed);
        Self(slot)
    }

    /// The key.
    pub fn slot(&self) -> &KeySlot {
        &self.0
    }

    /// Counts what came of it.
    pub fn finish(&self, success: bool, now: Timestamp) {
        let slot = &*self.0;
        slot.last_used.fetch_max(now.as_millisecond(), Relaxed);
        let counter = if success { &slot.successes } else { &slot.failures };
        counter.fetch_add(1, Release);
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}
