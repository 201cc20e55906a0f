//! Which key is next.
//!
//! A pool is immutable; only counters and bits inside it move. A pick takes no lock, allocates nothing, and takes about
//! the same time at 10 keys as at 100 000, however many of them rest. Every strategy is a file of its own that turns a
//! turn, or a conversation, into a key; keys that rest, or that this request has tried already, are passed over.
//!
//! [`Health`] says who rests, and until when; `views` shows it to the picks.

mod availability;
mod capped;
mod groups;
mod guide;
mod health;
mod least_connections;
mod news;
mod patient;
mod shared;
mod slot;
mod sticky;
mod views;
mod ward;
mod weighted;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Instant,
};

use crate::{
    cache::{Turn, Turns},
    model::{Caps, KeyId, Strategy},
};
use capped::Capped;
use sticky::Ring;
use views::{View, Views};
use weighted::WeightTable;

pub use groups::Groups;
pub use health::{Ailment, Health, Now, Penalty, RestPolicy, Resting};
pub use news::{News, NewsReceiver, NewsSender};
use slot::Entry;
pub use slot::{KeySlot, Picked};
pub use sticky::affinity_of;

/// The keys of one config that are in rotation, whose turn it is, and who rests.
pub struct KeyPool {
    /// In ascending order of their ids.
    slots: Arc<[Arc<KeySlot>]>,
    chooser: Chooser,
    turns: Arc<dyn Turns>,
    health: Arc<Health>,
    views: Arc<Views>,
    /// Where keys may not do as much as anybody likes.
    caps: Option<Capped>,
}

/// What a pick is for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Whose turn it is, from [`KeyPool::next_turn`].
    pub turn: u64,
    /// Which conversation it is, under `sticky`.
    pub affinity: Option<u64>,
    /// The model that the request is for; needed only if [`KeyPool::tells_models`].
    pub model: Option<&'a str>,
    /// Keys that this request has tried already.
    pub tried: &'a [KeyId],
    /// Whether a key may be tried of which nobody knows if it is well again: another can take its place.
    pub may_try: bool,
    /// When it is.
    pub now: Instant,
}

/// A strategy with what it precomputes.
enum Chooser {
    RoundRobin,
    Weighted(WeightTable),
    LeastConnections,
    Random,
    /// With the requests of the pool that are in flight.
    Sticky(Ring, Arc<AtomicU32>),
}

/// The place of a key, and under `sticky` whether it is the conversation's own.
type Choice = (usize, Option<bool>);

/// Under `sticky`, a key gives its conversations away while it has a quarter more to do than the mean, and this much at
/// least: a full key answers late, or not at all.
const LEAST_CROWD: u32 = 4;

impl KeyPool {
    /// A pool of these keys, of which some share their quota; those that rest already go on doing so.
    pub fn new(
        strategy: Strategy,
        mut slots: Vec<Arc<KeySlot>>,
        groups: Groups,
        turns: Arc<dyn Turns>,
        health: Arc<Health>,
    ) -> Self {
        slots.sort_unstable_by_key(|slot| slot.id);
        let chooser = match strategy {
            Strategy::RoundRobin => Chooser::RoundRobin,
            Strategy::Weighted => Chooser::Weighted(WeightTable::new(slots.iter().map(|s| s.weight))),
            Strategy::LeastConnections => Chooser::LeastConnections,
            Strategy::Random => Chooser::Random,
            Strategy::Sticky => Chooser::Sticky(Ring::new(slots.iter().map(|s| s.id)), Arc::default()),
        };
        let slots: Arc<[Arc<KeySlot>]> = slots.into();
        let views = health.attach(&slots, groups);
        Self { slots, chooser, turns, health, views, caps: None }
    }

    /// The same with a bound on what each key may do. Keys that an older snapshot had too have done what they did there.
    #[must_use]
    pub fn capped(self, caps: Caps, before: Option<&Self>, epoch: Instant) -> Self {
        let before = before.and_then(|pool| Some((&pool.slots, pool.caps.as_ref()?)));
        Self { caps: Capped::new(caps, &self.slots, before, epoch), ..self }
    }

    /// The keys in rotation.
    pub fn slots(&self) -> &[Arc<KeySlot>] {
        &self.slots
    }

    /// Whether this key is in rotation.
    pub fn has(&self, key: KeyId) -> bool {
        self.slot(key).is_some()
    }

    /// This key, if it is in rotation.
    pub fn slot(&self, key: KeyId) -> Option<&Arc<KeySlot>> {
        let place = self.slots.binary_search_by_key(&key, |slot| slot.id).ok()?;
        self.slots.get(place)
    }

    /// How the keys stand.
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Whether no key rests, for whatever model.
    pub fn is_well(&self) -> bool {
        self.views.is_full()
    }

    /// Whether a pick heeds the affinity, so that the caller need not compute one otherwise.
    pub fn wants_affinity(&self) -> bool {
        matches!(self.chooser, Chooser::Sticky(..))
    }

    /// Whether keys rest for single models, so that the caller need not read the model otherwise.
    pub fn tells_models(&self) -> bool {
        self.views.has_models()
    }

    /// Takes the next turn of this pool. Every attempt takes one of its own, so that the requests which a failing key
    /// sends on spread over all other keys. Under `random` there are none to take: always 0, at hand.
    pub fn next_turn(&self) -> Turn<'_> {
        match self.chooser {
            Chooser::Random => Turn::Now(0),
            _ => self.turns.next(),
        }
    }

    /// The key for a request; `None` when no key is left. Whoever gets a key tells its [`Health`] what came of it.
    pub fn pick(&self, wish: &Wish<'_>) -> Option<Picked> {
        let view = self.view(wish)?;
        loop {
            let (place, is_home) = self.choose(&view, wish)?;
            let slot = self.slots.get(place)?;
            // Somebody else was quicker: the next choice passes it over.
            let Some(picked) = self.enter(slot, wish.now) else { continue };
            let picked = match &self.caps {
                None => picked,
                Some(caps) if caps.take(place, slot, wish.now, &self.health) => caps.holding(picked),
                Some(_) => continue,
            };
            return Some(self.in_crowd(picked, is_home));
        }
    }

    /// What a request sees; `None` while nobody is picked.
    #[inline]
    fn view(&self, wish: &Wish<'_>) -> Option<View<'_>> {
        if self.views.is_due(wish.now) {
            self.health.wake(&self.views, wish.now);
        }
        (!self.views.is_closed(wish.now)).then(|| self.views.of(wish.model))
    }

    /// Picks a key, unless somebody else is finding out how it is.
    #[inline]
    fn enter(&self, slot: &Arc<KeySlot>, now: Instant) -> Option<Picked> {
        match slot.enter() {
            Entry::Free => Some(Picked::new(Arc::clone(slot), None)),
            Entry::Trial => {
                self.health.begin_trial(slot.id, now);
                Some(Picked::new(Arc::clone(slot), Some(Arc::clone(&self.health))))
            }
            Entry::OnTrial => None,
        }
    }

    /// The same, counted where conversations are.
    #[inline]
    fn in_crowd(&self, picked: Picked, is_home: Option<bool>) -> Picked {
        match &self.chooser {
            Chooser::Sticky(_, crowd) => picked.of_conversation(crowd, is_home),
            _ => picked,
        }
    }

    /// Counts the tokens that a key's request has used, where that is capped.
    pub fn charge(&self, key: KeyId, tokens: u64, now: Instant) {
        if let (Some(caps), Ok(place)) = (&self.caps, self.slots.binary_search_by_key(&key, |slot| slot.id)) {
            caps.charge(place, &self.slots[place], tokens, now, &self.health);
        }
    }

    /// Whether a key may only be waiting for its requests to end.
    pub fn may_be_at_work(&self) -> bool {
        self.caps.as_ref().is_some_and(Capped::bounds_work)
    }

    /// How many keys do not rest, and yet may not do one request more now.
    pub fn count_at_cap(&self, now: Instant) -> usize {
        let Some(caps) = &self.caps else { return 0 };
        let full = self.slots.iter().enumerate().filter(|(place, slot)| !caps.has_room(*place, slot, now));
        self.health.count_at_cap(full.map(|(_, slot)| slot.id).collect(), now)
    }

    /// The keys that a request would try if each refused it, at most `count`, beginning with the turn that is next.
    /// Nothing is taken. Under `random` and among equals it may turn out otherwise.
    pub fn preview(
        &self,
        affinity: Option<u64>,
        model: Option<&str>,
        count: usize,
        now: Instant,
    ) -> Vec<KeyId> {
        if self.views.is_due(now) {
            self.health.wake(&self.views, now);
        }
        let view = self.views.of(model);
        let mut tried = Vec::new();
        for turn in (self.turns.upcoming()..).take(count) {
            let wish = Wish { turn, affinity, model, tried: &tried, may_try: true, now };
            let Some(slot) = self.choose(&view, &wish).and_then(|(place, _)| self.slots.get(place)) else {
                break;
            };
            tried.push(slot.id);
        }
        tried
    }

    /// Some keys that were not accepted and may be tried again, at most `limit`.
    pub fn awaiting_trial(&self, limit: usize, now: Instant) -> Vec<KeyId> {
        if self.views.is_due(now) {
            self.health.wake(&self.views, now);
        }
        self.health.awaiting_trial(limit)
    }

    /// Whether a request may have a key.
    #[inline]
    fn is_left(&self, view: &View<'_>, wish: &Wish<'_>) -> impl Fn(&usize) -> bool + Copy {
        let is_full = view.is_full();
        move |index| {
            let slot = &self.slots[*index];
            (is_full || view.has(*index))
                && slot.is_open(wish.may_try)
                && !wish.tried.contains(&slot.id)
                && self.caps.as_ref().is_none_or(|caps| caps.has_room(*index, slot, wish.now))
        }
    }

    fn choose(&self, view: &View<'_>, wish: &Wish<'_>) -> Option<Choice> {
        let count = self.slots.len();
        if count == 0 || view.count() == 0 {
            return None;
        }
        let turn = wish.turn;
        let is_full = view.is_full();
        let is_left = self.is_left(view, wish);
        if let Some(place) = self.views.preferred().filter(is_left) {
            let is_home = wish.affinity.filter(|_| self.wants_affinity()).map(|_| false);
            return Some((place, is_home));
        }
        // The first that is left, beginning with one that has been chosen among those available.
        let left_from = |first: usize| {
            if is_left(&first) { Some(first) } else { view.around(first + 1).find(is_left) }
        };
        let fair = |rank: u64| if is_full { Some(nth(rank, count)) } else { view.nth(rank) };
        let place = match &self.chooser {
            Chooser::Sticky(ring, crowd) if let Some(affinity) = wish.affinity => {
                let most = crowd_limit(crowd.load(Relaxed), view.count());
                let has_time = |index: &usize| is_left(index) && self.slots[*index].in_flight() < most;
                let (place, is_home) = ring.at(affinity, has_time, || left_from(fair(affinity)?))?;
                return Some((place, Some(is_home)));
            }
            Chooser::RoundRobin | Chooser::Sticky(..) => left_from(fair(turn)?),
            Chooser::Weighted(table) => left_from(table.among(turn, |index| view.has(index))),
            Chooser::LeastConnections => {
                let first = fair(turn)?;
                let candidates = std::iter::once(first).chain(view.around(first + 1)).filter(is_left);
                least_connections::choose(&self.slots, candidates)
            }
            Chooser::Random => left_from(fair(fastrand::u64(..))?),
        };
        place.map(|place| (place, None))
    }
}

/// How much a key may have to do before it gives conversations away: a quarter more than the mean.
fn crowd_limit(crowd: u32, keys: usize) -> u32 {
    let keys = u32::try_from(keys).unwrap_or(u32::MAX).max(1);
    let mean_and_a_quarter = (5 * (u64::from(crowd) + 1)).div_ceil(4 * u64::from(keys));
    u32::try_from(mean_and_a_quarter).unwrap_or(u32::MAX).max(LEAST_CROWD)
}

/// The index of a turn in a pool of `count` keys, which is not 0.
fn nth(turn: u64, count: usize) -> usize {
    // The remainder is smaller than `count`, so it fits.
    usize::try_from(turn % count as u64).unwrap_or(0)
}

impl fmt::Debug for KeyPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPool({} keys)", self.slots.len())
    }
}

#[cfg(test)]
mod tests;
