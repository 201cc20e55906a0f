use std::sync::{
    Arc,
    atomic::{
        AtomicI64, AtomicU8, AtomicU32, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

use jiff::Timestamp;

use super::Health;
use crate::{
    cache::Hold,
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
    /// A [`Standing`]; [`Health`] alone moves it, but for the step into a trial.
    standing: AtomicU8,
    in_flight: AtomicU32,
    successes: AtomicU64,
    failures: AtomicU64,
    /// Milliseconds since the Unix epoch; 0 for never.
    last_used: AtomicI64,
}

/// What a pick has to know of a key that may be picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Well = 0,
    /// It has rested, or rests: its next success is worth noting.
    Recovering = 1,
    /// It may be picked once, to find out.
    AwaitsTrial = 2,
    OnTrial = 3,
}

/// How one who picks a key finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Free,
    /// It is the picker's to find out how the key is.
    Trial,
    /// Somebody else is finding out.
    OnTrial,
}

/// A key picked for one attempt: in flight until it is dropped.
#[derive(Debug)]
pub struct Picked {
    slot: Arc<KeySlot>,
    /// What else it brings about when it ends; for most, nothing.
    duties: Option<Box<Duties>>,
    /// The requests of its pool that are in flight, where they are counted.
    crowd: Option<Arc<AtomicU32>>,
    is_home: Option<bool>,
}

/// What few attempts bring about when they end.
#[derive(Debug)]
struct Duties {
    /// Set while this attempt has to show how the key is.
    trial: Option<Arc<Health>>,
    /// Set where all instances count it as under way.
    _hold: Option<Hold>,
}

impl KeySlot {
    /// A key that was not in the pool before.
    pub fn new(id: KeyId, weight: Weight, credential: ReadyCredential) -> Self {
        Self {
            id,
            weight,
            credential: Box::new(credential),
            standing: AtomicU8::new(Standing::Well as u8),
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

    /// Whether nothing is known against it.
    pub(super) fn is_well(&self) -> bool {
        self.standing.load(Acquire) == Standing::Well as u8
    }

    pub(super) fn stand(&self, standing: Standing) {
        self.standing.store(standing as u8, Release);
    }

    /// Whether it may be picked: by anybody, or by one who `may_try` it.
    pub(super) fn is_open(&self, may_try: bool) -> bool {
        let standing = self.standing.load(Acquire);
        standing != Standing::OnTrial as u8 && (may_try || standing != Standing::AwaitsTrial as u8)
    }

    /// Takes the trial, if the key awaits one.
    pub(super) fn enter(&self) -> Entry {
        let (awaits, on_trial) = (Standing::AwaitsTrial as u8, Standing::OnTrial as u8);
        let standing = self.standing.load(Acquire);
        if standing == on_trial {
            return Entry::OnTrial;
        }
        if standing != awaits {
            return Entry::Free;
        }
        match self.standing.compare_exchange(awaits, on_trial, AcqRel, Acquire) {
            Ok(_) => Entry::Trial,
            Err(_) => Entry::OnTrial,
        }
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
    /// In flight from now on. With a `trial`, it has to show how the key is.
    pub(super) fn new(slot: Arc<KeySlot>, trial: Option<Arc<Health>>) -> Self {
        slot.in_flight.fetch_add(1, Relaxed);
        let duties = trial.map(|trial| Box::new(Duties { trial: Some(trial), _hold: None }));
        Self { slot, duties, crowd: None, is_home: None }
    }

    /// The same, counted by all instances.
    pub(super) fn holding(mut self, hold: Hold) -> Self {
        let trial = self.duties.take().and_then(|duties| duties.trial);
        self.duties = Some(Box::new(Duties { trial, _hold: Some(hold) }));
        self
    }

    /// The same for a conversation, whose own key it is or not.
    pub(super) fn of_conversation(mut self, crowd: &Arc<AtomicU32>, is_home: Option<bool>) -> Self {
        crowd.fetch_add(1, Relaxed);
        self.crowd = Some(Arc::clone(crowd));
        self.is_home = is_home;
        self
    }

    /// Under `sticky`, whether it is the conversation's own key; `None` without a conversation.
    pub fn is_home(&self) -> Option<bool> {
        self.is_home
    }

    /// The key.
    pub fn slot(&self) -> &KeySlot {
        &self.slot
    }

    /// Whether something is known against the key, so that a success is news.
    pub fn is_recovering(&self) -> bool {
        !self.slot.is_well()
    }

    /// Counts that the upstream took the key, or refused it. What says nothing of the key counts neither way.
    pub fn finish(&self, was_taken: bool, now: Timestamp) {
        self.slot.last_used.fetch_max(now.as_millisecond(), Relaxed);
        let counter = if was_taken { &self.slot.successes } else { &self.slot.failures };
        counter.fetch_add(1, Release);
    }

    /// It has shown how the key is, if it had to; whether it had.
    pub(super) fn settle(&mut self) -> bool {
        self.duties.as_mut().is_some_and(|duties| duties.trial.take().is_some())
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.slot.in_flight.fetch_sub(1, Relaxed);
        if let Some(crowd) = &self.crowd {
            crowd.fetch_sub(1, Relaxed);
        }
        if let Some(duties) = self.duties.take()
            && let Some(health) = &duties.trial
        {
            health.end_trial(self.slot.id);
        }
    }
}
