//! Which key is next.
//!
//! A pool is immutable; only counters inside it move. A pick takes no lock, allocates nothing, and takes the same time
//! at 10 keys as at 100 000. Every strategy is a file of its own that turns a turn, or a conversation, into a key; keys
//! that this request has tried already are passed over.

mod guide;
mod least_connections;
mod slot;
mod sticky;
mod weighted;

use std::{fmt, sync::Arc};

use crate::{
    cache::{Turn, Turns},
    model::{KeyId, Strategy},
};
use sticky::Ring;
use weighted::WeightTable;

pub use slot::{KeySlot, Picked};

/// The keys of one config that are in rotation, and whose turn it is.
pub struct KeyPool {
    slots: Box<[Arc<KeySlot>]>,
    chooser: Chooser,
    turns: Arc<dyn Turns>,
}

/// A strategy with what it precomputes.
enum Chooser {
    RoundRobin,
    Weighted(WeightTable),
    LeastConnections,
    Random,
    Sticky(Ring),
}

impl KeyPool {
    /// A pool of these keys.
    pub fn new(strategy: Strategy, slots: Vec<Arc<KeySlot>>, turns: Arc<dyn Turns>) -> Self {
        let chooser = match strategy {
            Strategy::RoundRobin => Chooser::RoundRobin,
            Strategy::Weighted => Chooser::Weighted(WeightTable::new(slots.iter().map(|s| s.weight))),
            Strategy::LeastConnections => Chooser::LeastConnections,
            Strategy::Random => Chooser::Random,
            Strategy::Sticky => Chooser::Sticky(Ring::new(slots.iter().map(|s| s.id))),
        };
        Self { slots: slots.into(), chooser, turns }
    }

    /// The keys in rotation.
    pub fn slots(&self) -> &[Arc<KeySlot>] {
        &self.slots
    }

    /// Whether a pick heeds the affinity, so that the caller need not compute one otherwise.
    pub fn wants_affinity(&self) -> bool {
        matches!(self.chooser, Chooser::Sticky(_))
    }

    /// Takes the next turn of this pool. Every attempt takes one of its own, so that the requests which a failing key
    /// sends on spread over all other keys. Under `random` there are none to take: always 0, at hand.
    pub fn next_turn(&self) -> Turn<'_> {
        match self.chooser {
            Chooser::Random => Turn::Now(0),
            _ => self.turns.next(),
        }
    }

    /// The key for this turn, and for this conversation under `sticky`, that is not among those `tried` already;
    /// `None` when no key is left.
    pub fn pick(&self, turn: u64, affinity: Option<u64>, tried: &[KeyId]) -> Option<Picked> {
        let count = self.slots.len();
        if count == 0 {
            return None;
        }
        let is_left = |index: &usize| !tried.contains(&self.slots[*index].id);
        let left_from = |first: usize| around(first, count).filter(is_left);
        let index = match (&self.chooser, affinity) {
            (Chooser::Sticky(ring), Some(affinity)) => ring.at(affinity, is_left),
            (Chooser::RoundRobin | Chooser::Sticky(_), _) => left_from(nth(turn, count)).next(),
            (Chooser::Weighted(table), _) => left_from(table.at(turn)).next(),
            (Chooser::LeastConnections, _) => {
                least_connections::choose(&self.slots, left_from(nth(turn, count)))
            }
            (Chooser::Random, _) => left_from(fastrand::usize(..count)).next(),
        };
        index.map(|index| Picked::new(Arc::clone(&self.slots[index])))
    }
}

/// The index of a turn in a pool of `count` keys, which is not 0.
fn nth(turn: u64, count: usize) -> usize {
    // The remainder is smaller than `count`, so it fits.
    usize::try_from(turn % count as u64).unwrap_or(0)
}

/// Every index below `count` once: from `first` on, then from 0.
fn around(first: usize, count: usize) -> impl Iterator<Item = usize> {
    (first..count).chain(0..first.min(count))
}

impl fmt::Debug for KeyPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPool({} keys)", self.slots.len())
    }
}

#[cfg(test)]
mod tests;
