use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Health, KeySlot, Picked};
use crate::{
    cache::{Hold, Ledger},
    caps::RateWindow,
    model::Caps,
};

/// What each key of a pool may do at most, and what it has done here.
pub(super) struct Capped {
    pub(super) caps: Caps,
    /// What it has done in all instances, where there are others.
    pub(super) ledger: Option<Arc<dyn Ledger>>,
    concurrent: u32,
    requests: Option<Windows>,
    tokens: Option<Windows>,
}

/// A limit in a minute, and a window for each key, in the order of the keys.
struct Windows {
    limit: u32,
    of_keys: Box<[Arc<RateWindow>]>,
}

impl Windows {
    fn new(
        limit: Option<NonZeroU32>,
        slots: &[Arc<KeySlot>],
        before: Option<(&[Arc<KeySlot>], &Self)>,
        epoch: Instant,
    ) -> Option<Self> {
        let known = |slot: &Arc<KeySlot>| {
            let (slots, windows) = before?;
            let place = slots.binary_search_by_key(&slot.id, |slot| slot.id).ok()?;
            windows.of_keys.get(place).cloned()
        };
        let window = |slot| known(slot).unwrap_or_else(|| Arc::new(RateWindow::new(epoch)));
        Some(Self { limit: limit?.get(), of_keys: slots.iter().map(window).collect() })
    }

    /// How long until a key has room; nothing if it has.
    fn wait(&self, place: usize, now: Instant) -> Duration {
        self.of_keys.get(place).map_or(Duration::ZERO, |window| window.wait(self.limit, now))
    }
}

impl Capped {
    /// `None` for caps that bound nothing.
    pub(super) fn new(
        caps: Caps,
        slots: &[Arc<KeySlot>],
        before: Option<(&Arc<[Arc<KeySlot>]>, &Self)>,
        epoch: Instant,
    ) -> Option<Self> {
        if caps == Caps::default() {
            return None;
        }
        let windows = |limit, of: fn(&Self) -> Option<&Windows>| {
            let before = before.and_then(|(slots, capped)| Some((&**slots, of(capped)?)));
            Windows::new(limit, slots, before, epoch)
        };
        Some(Self {
            caps,
            ledger: None,
            concurrent: caps.concurrent.map_or(u32::MAX, NonZeroU32::get),
            requests: windows(caps.per_minute, |capped| capped.requests.as_ref()),
            tokens: windows(caps.tokens_per_minute, |capped| capped.tokens.as_ref()),
        })
    }

    /// Whether a key may do one request more.
    pub(super) fn has_room(&self, place: usize, slot: &KeySlot, now: Instant) -> bool {
        let mut windows = [&self.requests, &self.tokens].into_iter().flatten();
        slot.in_flight() < self.concurrent && windows.all(|windows| windows.wait(place, now).is_zero())
    }

    /// Counts one request of a key that has just been picked for it; `false` if it has no room. A key that has done all
    /// it may rests until it may do more: so nobody looks at it in vain.
    pub(super) fn take(&self, place: usize, slot: &Arc<KeySlot>, now: Instant, health: &Health) -> bool {
        // The request itself is in flight already.
        if slot.in_flight() > self.concurrent || self.rest_if_used_up(place, slot, now, health) {
            return false;
        }
        let Some(Windows { limit, of_keys }) = &self.requests else { return true };
        let Some(window) = of_keys.get(place) else { return true };
        match window.take(*limit, now) {
            Ok(0) => {
                health.rest_at_cap(slot, window.wait(*limit, now), now);
                true
            }
            Ok(_) => true,
            Err(wait) => {
                health.rest_at_cap(slot, wait, now);
                false
            }
        }
    }

    /// Counts one request of a key that all instances have let it do.
    pub(super) fn note(&self, place: usize, slot: &KeySlot, now: Instant, health: &Health) {
        let Some(Windows { limit, of_keys }) = &self.requests else { return };
        let Some(window) = of_keys.get(place) else { return };
        window.charge(1, now);
        let wait = window.wait(*limit, now);
        if !wait.is_zero() {
            health.rest_at_cap(slot, wait, now);
        }
    }

    /// A key that was picked without asking other instances: they are to know that it is at work.
    pub(super) fn holding(&self, picked: Picked) -> Picked {
        match &self.ledger {
            Some(ledger) if self.bounds_work() => {
                let number = ledger.hold(picked.slot().id);
                picked.holding(Hold::new(Arc::clone(ledger), number))
            }
            _ => picked,
        }
    }

    /// Counts the tokens that a key's request has used.
    pub(super) fn charge(&self, place: usize, slot: &KeySlot, tokens: u64, now: Instant, health: &Health) {
        if let (Some(ledger), Some(_)) = (&self.ledger, &self.tokens) {
            ledger.charge(slot.id, tokens);
        }
        if let Some(window) = self.tokens.as_ref().and_then(|windows| windows.of_keys.get(place)) {
            window.charge(tokens, now);
            self.rest_if_used_up(place, slot, now, health);
        }
    }

    /// Whether keys may be picked for so many requests at a time only.
    pub(super) fn bounds_work(&self) -> bool {
        self.concurrent < u32::MAX
    }

    /// Lets a key rest that has used all the tokens it may; whether it has.
    fn rest_if_used_up(&self, place: usize, slot: &KeySlot, now: Instant, health: &Health) -> bool {
        let wait = self.tokens.as_ref().map_or(Duration::ZERO, |windows| windows.wait(place, now));
        let is_used_up = !wait.is_zero();
        if is_used_up {
            health.rest_at_cap(slot, wait, now);
        }
        is_used_up
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering::Relaxed},
        thread,
    };

    use super::{
        super::{
            KeyPool, Now, Picked, Wish,
            tests::{STRATEGIES, pool},
        },
        *,
    };
    use crate::{model::Strategy, outcome::Outcome};

    /// A pool whose keys may do no more than this.
    fn capped(strategy: Strategy, keys: i64, concurrent: u32, per_minute: u32, start: Instant) -> KeyPool {
        let caps = Caps {
            concurrent: NonZeroU32::new(concurrent),
            per_minute: NonZeroU32::new(per_minute),
            ..Caps::default()
        };
        pool(strategy, keys).capped(caps, None, start)
    }

    fn pick_at(pool: &KeyPool, turn: u64, now: Instant) -> Option<Picked> {
        pool.pick(&Wish { turn, affinity: Some(turn), model: None, tried: &[], may_try: true, now })
    }

    #[test]
    fn no_key_does_more_at_a_time_than_it_may() {
        for strategy in STRATEGIES {
            let start = Instant::now();
            let pool = capped(strategy, 3, 2, 0, start);

            let mut busy: Vec<_> = (0..6).map(|turn| pick_at(&pool, turn, start).unwrap()).collect();
            assert!(pool.slots().iter().all(|slot| slot.in_flight() == 2), "{strategy:?}");
            assert!(pick_at(&pool, 0, start).is_none() && pool.may_be_at_work());
            let freed = busy.pop().unwrap().slot().id;
            assert_eq!(pick_at(&pool, 0, start).unwrap().slot().id, freed);
        }
    }

    #[test]
    fn no_key_does_more_in_a_minute_than_it_may_and_each_does_all_of_it() {
        for strategy in STRATEGIES {
            let start = Instant::now();
            let pool = capped(strategy, 4, 0, 5, start);
            let count = |turns: std::ops::Range<u64>, at: u64| {
                let now = start + Duration::from_secs(at);
                turns.filter(|turn| pick_at(&pool, *turn, now).is_some()).count()
            };

            assert_eq!((count(0..100, 1), count(100..200, 30)), (20, 0), "{strategy:?}");
            let (_, at) = pool.health().next_to_end().unwrap();
            assert!(at > start + Duration::from_secs(61) && at < start + Duration::from_secs(63), "{at:?}");
            assert_eq!(count(200..300, 63), 20, "{strategy:?}");
        }
    }

    #[test]
    fn many_threads_get_no_more_than_there_is() {
        let start = Instant::now();
        let pool = capped(Strategy::RoundRobin, 7, 3, 50, start);
        let most = AtomicU32::new(0);
        let picked: usize = thread::scope(|scope| {
            let work = || {
                let pick = |turn: &u64| {
                    let picked = pick_at(&pool, *turn, start)?;
                    most.fetch_max(picked.slot().in_flight(), Relaxed);
                    Some(picked)
                };
                (0..200).filter_map(|turn| pick(&turn)).count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });

        assert_eq!(picked, 7 * 50);
    }

    #[test]
    fn what_keys_have_done_counts_on_in_the_next_snapshot() {
        let start = Instant::now();
        let caps = Caps { per_minute: NonZeroU32::new(2), ..Caps::default() };
        let old = capped(Strategy::RoundRobin, 2, 0, 2, start);
        (0..3).for_each(|turn| drop(pick_at(&old, turn, start)));

        let new = pool(Strategy::RoundRobin, 3).capped(caps, Some(&old), start);
        assert_eq!((0..20).filter(|turn| pick_at(&new, *turn, start).is_some()).count(), 3);
    }

    #[test]
    fn keys_that_do_all_they_may_are_counted_unless_they_rest() {
        for (concurrent, per_minute) in [(1, 0), (0, 1), (1, 1)] {
            let start = Instant::now();
            let pool = capped(Strategy::RoundRobin, 5, concurrent, per_minute, start);
            let mut busy: Vec<_> = (0..3).map(|turn| pick_at(&pool, turn, start).unwrap()).collect();
            assert_eq!(pool.count_at_cap(start), 3);

            let now = Now { instant: start, wall: jiff::Timestamp::UNIX_EPOCH };
            pool.health().note(&mut busy[0], &Outcome::KeyRejected, "rule", None, start, now);
            assert_eq!((pool.count_at_cap(start), pool.health().count()), (2, [0, 0, 1]));

            drop(busy);
            assert_eq!(pool.count_at_cap(start + Duration::from_secs(63)), 0);
        }
        assert_eq!(pool(Strategy::RoundRobin, 2).count_at_cap(Instant::now()), 0);
    }

    fn token_capped(strategy: Strategy, keys: i64, tokens: u32, start: Instant) -> KeyPool {
        let caps = Caps { tokens_per_minute: NonZeroU32::new(tokens), ..Caps::default() };
        pool(strategy, keys).capped(caps, None, start)
    }

    #[test]
    fn a_key_that_has_used_its_tokens_is_passed_over_until_the_minute_is_over() {
        for strategy in STRATEGIES {
            let start = Instant::now();
            let pool = token_capped(strategy, 2, 100, start);
            let at = |seconds| start + Duration::from_secs(seconds);

            // However many enter before it is known what they use.
            let picked: Vec<_> = (0..10).map(|turn| pick_at(&pool, turn, start).unwrap()).collect();
            let first = picked[0].slot().id;
            pool.charge(first, 99, start);
            assert!((0..20).any(|turn| pick_at(&pool, turn, start).unwrap().slot().id == first));
            pool.charge(first, 1, at(1));
            let others = (0..20).map(|turn| pick_at(&pool, turn, at(2)).unwrap().slot().id);
            assert!(others.into_iter().all(|id| id != first), "{strategy:?}");
            let second = pick_at(&pool, 0, at(2)).unwrap().slot().id;
            pool.charge(second, 1_000, at(2));
            assert!(pick_at(&pool, 0, at(3)).is_none());
            // 99 tokens have left the window, 1 has not.
            assert_eq!(pick_at(&pool, 0, at(62)).unwrap().slot().id, first, "{strategy:?}");
            assert!((0..40).any(|turn| pick_at(&pool, turn, at(64)).unwrap().slot().id == second));
        }
    }

    #[test]
    fn what_keys_have_used_counts_on_in_the_next_snapshot_and_for_requests_of_an_older_one() {
        let start = Instant::now();
        let caps = Caps { tokens_per_minute: NonZeroU32::new(100), ..Caps::default() };
        let old = token_capped(Strategy::RoundRobin, 1, 100, start);
        let picked = pick_at(&old, 0, start).unwrap();
        let new = pool(Strategy::RoundRobin, 1).capped(caps, Some(&old), start);
        assert!(pick_at(&new, 0, start).is_some());

        old.charge(picked.slot().id, 100, start);
        assert!(pick_at(&new, 0, start).is_none());
    }
}
