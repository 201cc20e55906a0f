use std::{
    iter::successors,
    num::NonZeroUsize,
    sync::{
        OnceLock,
        atomic::{
            AtomicU32, AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

/// Keys to a word.
const WORD: usize = 64;
/// Keys to a group.
const GROUP: usize = WORD * WORD;

/// Which keys of a pool may be picked: a bit for each, and an order in which those that may come first, so that any of
/// them is found in one step.
///
/// Readers take no lock; those who change it take turns. A reader that meets a change finds a key that has just become
/// unavailable at the worst.
pub(super) struct Availability {
    keys: usize,
    available: AtomicUsize,
    words: Box<[AtomicU64]>,
    /// How many keys of each group are available.
    groups: Box<[AtomicU32]>,
    /// Made when the first key becomes unavailable.
    order: OnceLock<Order>,
}

/// Every key, the available ones first.
struct Order {
    keys: Box<[AtomicU32]>,
    places: Box<[AtomicU32]>,
}

impl Availability {
    /// All of this many keys available.
    pub(super) fn full(keys: usize) -> Self {
        let left = |start: usize, size: usize| keys.saturating_sub(start).min(size);
        let word = |n: usize| AtomicU64::new(ones(left(n * WORD, WORD)));
        let group = |n: usize| AtomicU32::new(small(left(n * GROUP, GROUP)));
        Self {
            keys,
            available: AtomicUsize::new(keys),
            words: (0..keys.div_ceil(WORD)).map(word).collect(),
            groups: (0..keys.div_ceil(GROUP)).map(group).collect(),
            order: OnceLock::new(),
        }
    }

    /// How many keys are available.
    pub(super) fn count(&self) -> usize {
        self.available.load(Acquire)
    }

    /// Whether all keys are available.
    pub(super) fn is_full(&self) -> bool {
        self.count() == self.keys
    }

    /// Whether this key is available.
    pub(super) fn has(&self, key: usize) -> bool {
        self.words.get(key / WORD).is_some_and(|word| word.load(Acquire) & bit(key) != 0)
    }

    /// Makes a key available; `false` when it was already.
    pub(super) fn add(&self, key: usize) -> bool {
        if key >= self.keys || self.has(key) {
            return false;
        }
        let count = self.count();
        self.order().swap(key, count);
        self.words[key / WORD].fetch_or(bit(key), Release);
        self.groups[key / GROUP].fetch_add(1, Release);
        self.available.store(count + 1, Release);
        true
    }

    /// Makes a key unavailable; `false` when it was already.
    pub(super) fn remove(&self, key: usize) -> bool {
        if !self.has(key) {
            return false;
        }
        let count = self.count() - 1;
        self.available.store(count, Release);
        self.words[key / WORD].fetch_and(!bit(key), Release);
        self.groups[key / GROUP].fetch_sub(1, Release);
        self.order().swap(key, count);
        true
    }

    /// An available key for a rank, counted around: neighbouring ranks give different keys, and a cycle of them every one.
    /// `None` when none is available.
    pub(super) fn nth(&self, rank: u64) -> Option<usize> {
        let count = NonZeroUsize::new(self.count())?;
        // The remainder is smaller than a count of keys, so it fits.
        let place = usize::try_from(rank % count.get() as u64).unwrap_or(0);
        let key = self.order.get().map_or(place, |order| order.key_at(place));
        // Unless it has just become unavailable.
        if self.has(key) { Some(key) } else { self.next(key) }
    }

    fn order(&self) -> &Order {
        self.order.get_or_init(|| Order::new(self.keys))
    }

    /// The first available key from `start` on, and around.
    fn next(&self, start: usize) -> Option<usize> {
        self.around(start).next()
    }

    /// Every available key once, from `start` on and around.
    pub(super) fn around(&self, start: usize) -> impl Iterator<Item = usize> {
        let until = |start: usize, end: usize| {
            let first = self.next_below(start, end);
            successors(first, move |key| self.next_below(key + 1, end))
        };
        until(start, self.keys).chain(until(0, start.min(self.keys)))
    }

    /// The first available key from `start` on that is below `end`.
    fn next_below(&self, start: usize, end: usize) -> Option<usize> {
        let mut key = start;
        while key < end {
            if key.is_multiple_of(GROUP) && self.groups.get(key / GROUP)?.load(Acquire) == 0 {
                key += GROUP;
                continue;
            }
            let bits = self.words.get(key / WORD)?.load(Acquire) & !ones(key % WORD);
            if bits != 0 {
                let found = key / WORD * WORD + bits.trailing_zeros() as usize;
                return (found < end).then_some(found);
            }
            key = (key / WORD + 1) * WORD;
        }
        None
    }
}

impl Order {
    fn new(keys: usize) -> Self {
        let each = || (0..keys).map(|key| AtomicU32::new(small(key))).collect();
        Self { keys: each(), places: each() }
    }

    fn key_at(&self, place: usize) -> usize {
        self.keys.get(place).map_or(0, |key| key.load(Relaxed) as usize)
    }

    /// Puts a key into a place, and what is there into the key's own.
    fn swap(&self, key: usize, place: usize) {
        let other = self.key_at(place);
        let former = self.places[key].load(Relaxed) as usize;
        for (key, place) in [(key, place), (other, former)] {
            self.keys[place].store(small(key), Relaxed);
            self.places[key].store(small(place), Relaxed);
        }
    }
}

/// No pool has more than four billion keys.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The bit of a key in its word.
fn bit(key: usize) -> u64 {
    1 << (key % WORD)
}

/// This many ones from the low end, at most 64.
fn ones(count: usize) -> u64 {
    if count >= WORD { u64::MAX } else { (1 << count) - 1 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_available_key_is_found_by_rank_and_by_neighbour(
            keys in prop_oneof![1_usize..200, 4000_usize..9000],
            moves in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..300),
            places in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
            ranks in prop::collection::vec(any::<u64>(), 1..4),
        ) {
            let availability = Availability::full(keys);
            let mut set: BTreeSet<usize> = (0..keys).collect();
            for (comes, place) in moves {
                let key = place.index(keys);
                if comes {
                    prop_assert_eq!(availability.add(key), set.insert(key));
                } else {
                    prop_assert_eq!(availability.remove(key), set.remove(&key));
                }
            }

            prop_assert_eq!(availability.count(), set.len());
            prop_assert_eq!(availability.is_full(), set.len() == keys);
            for place in places {
                let start = place.index(keys);
                let next = set.range(start..).next().or_else(|| set.first()).copied();
                prop_assert_eq!(availability.next(start), next);
                prop_assert_eq!(availability.has(start), set.contains(&start));
                let around: Vec<_> = set.range(start..).chain(set.range(..start)).copied().collect();
                prop_assert_eq!(availability.around(start).collect::<Vec<_>>(), around);
            }
            for rank in ranks.into_iter().map(|rank| rank / 2) {
                let cycle = (rank..rank + set.len() as u64).map_while(|rank| availability.nth(rank));
                prop_assert_eq!(cycle.collect::<BTreeSet<_>>(), set.clone());
            }
        }
    }

    #[test]
    fn nobody_is_found_where_nobody_is() {
        let availability = Availability::full(3);
        (0..3).for_each(|key| assert!(availability.remove(key)));

        assert_eq!((availability.nth(7), availability.next(1), availability.count()), (None, None, 0));
        assert!(!availability.add(3) && !availability.remove(64), "there is no such key");
        assert_eq!(Availability::full(0).nth(0), None);
    }
}
