use std::{
    collections::HashMap,
    ops::Deref,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{Acquire, Release},
        },
    },
    time::{Duration, Instant},
};

use super::availability::Availability;

/// Which keys of a pool may be picked, for requests in general and for single models. Read by every pick, moved by
/// [`Health`](super::Health) alone.
pub(super) struct Views {
    keys: usize,
    all: Availability,
    has_models: AtomicBool,
    models: RwLock<HashMap<Box<str>, Arc<Availability>>>,
    epoch: Instant,
    /// When something ends next, in milliseconds since the epoch.
    next_wake: AtomicU64,
    /// Until when nobody is picked, in milliseconds since the epoch.
    closed_until: AtomicU64,
    /// A key to pick before any other, if it may be; [`NOBODY`] otherwise.
    preferred: AtomicUsize,
}

const NOBODY: usize = usize::MAX;

/// The view of one request.
pub(super) enum View<'a> {
    All(&'a Availability),
    Model(Arc<Availability>),
}

impl Views {
    /// More models at a time are not told apart.
    pub(super) const MAX_MODELS: usize = 64;

    /// Of this many keys, all available.
    pub(super) fn full(keys: usize, epoch: Instant) -> Self {
        Self {
            keys,
            all: Availability::full(keys),
            has_models: AtomicBool::new(false),
            models: RwLock::default(),
            epoch,
            next_wake: AtomicU64::new(u64::MAX),
            closed_until: AtomicU64::new(0),
            preferred: AtomicUsize::new(NOBODY),
        }
    }

    /// Whether any model has a view of its own, so that it matters which one a request is for.
    pub(super) fn has_models(&self) -> bool {
        self.has_models.load(Acquire)
    }

    /// Whether every key is available for every request.
    pub(super) fn is_full(&self) -> bool {
        self.all.is_full() && !self.has_models()
    }

    /// What a request for this model sees.
    pub(super) fn of(&self, model: Option<&str>) -> View<'_> {
        if self.has_models()
            && let Some(model) = model
            && let Some(view) = self.models.read().unwrap_or_else(PoisonError::into_inner).get(model)
        {
            return View::Model(Arc::clone(view));
        }
        View::All(&self.all)
    }

    /// Whether something has ended.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let next = self.next_wake.load(Acquire);
        next != u64::MAX && next <= self.millis(now)
    }

    pub(super) fn wake_at(&self, next: Option<Instant>) {
        self.next_wake.store(next.map_or(u64::MAX, |next| self.millis(next)), Release);
    }

    /// Whether nobody is picked although keys await their trial.
    pub(super) fn is_closed(&self, now: Instant) -> bool {
        let until = self.closed_until.load(Acquire);
        until > 0 && until > self.millis(now)
    }

    /// Nobody is picked until then.
    pub(super) fn close(&self, until: Instant) {
        self.closed_until.store(self.millis(until), Release);
    }

    pub(super) fn open(&self) {
        self.closed_until.store(0, Release);
    }

    /// When the next trial may begin, if a key awaits one.
    pub(super) fn next_trial(&self) -> Option<Instant> {
        let until = self.closed_until.load(Acquire);
        let awaits_one = until > 0 && self.all.count() > 0;
        awaits_one.then(|| self.epoch + Duration::from_millis(until))
    }

    /// The key to pick before any other, if it may be.
    pub(super) fn preferred(&self) -> Option<usize> {
        let key = self.preferred.load(Acquire);
        (key != NOBODY).then_some(key)
    }

    pub(super) fn prefer(&self, key: Option<usize>) {
        self.preferred.store(key.unwrap_or(NOBODY), Release);
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// Takes a key out or puts it back: for all requests, or those for the models that are told.
    pub(super) fn set(&self, key: usize, available: bool, also_for: impl Fn(&str) -> bool) {
        set(&self.all, key, available);
        for (model, view) in &*self.models.read().unwrap_or_else(PoisonError::into_inner) {
            set(view, key, available && also_for(model));
        }
    }

    /// Sees to it that a model has a view of its own.
    pub(super) fn make(&self, model: &str) {
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        if models.contains_key(model) {
            return;
        }
        let view = Availability::full(self.keys);
        (0..self.keys).filter(|key| !self.all.has(*key)).for_each(|key| set(&view, key, false));
        models.insert(model.into(), Arc::new(view));
        self.has_models.store(true, Release);
    }

    /// No key rests for this model any more.
    pub(super) fn forget(&self, model: &str) {
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        models.remove(model);
        self.has_models.store(!models.is_empty(), Release);
    }
}

fn set(view: &Availability, index: usize, available: bool) {
    if available {
        view.add(index);
    } else {
        view.remove(index);
    }
}

impl Deref for View<'_> {
    type Target = Availability;

    fn deref(&self) -> &Availability {
        match self {
            Self::All(view) => view,
            Self::Model(view) => view,
        }
    }
}
