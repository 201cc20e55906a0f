use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

use http::header::AUTHORIZATION;
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{
    credential::{Credential, Place},
    model::{Strategy, Weight},
    secret::Secret,
};

pub(super) const STRATEGIES: [Strategy; 5] = [
    Strategy::RoundRobin,
    Strategy::Weighted,
    Strategy::LeastConnections,
    Strategy::Random,
    Strategy::Sticky,
];

#[derive(Default)]
struct Counter(AtomicU64);

impl Turns for Counter {
    fn next(&self) -> Turn<'_> {
        Turn::Now(self.0.fetch_add(1, Relaxed))
    }

    fn upcoming(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

pub(super) fn slot(id: i64, weight: i64) -> Arc<KeySlot> {
    let credential =
        Credential { place: Place::Header(AUTHORIZATION), template: "Bearer {key}".parse().unwrap() };
    let ready = credential.ready(&Secret::parse("sk-1").unwrap()).unwrap();
    Arc::new(KeySlot::new(KeyId(id), Weight::new(weight).unwrap(), ready))
}

fn pool_of(strategy: Strategy, slots: Vec<Arc<KeySlot>>) -> KeyPool {
    let health = Arc::new(Health::new(RestPolicy::default(), Instant::now()));
    KeyPool::new(strategy, slots, Groups::default(), Arc::<Counter>::default(), health)
}

fn wish(turn: u64, affinity: Option<u64>, tried: &[KeyId]) -> Wish<'_> {
    Wish { turn, affinity, model: None, tried, may_try: true, now: Instant::now() }
}

/// A pool of the keys 1 to `count`.
pub(super) fn pool(strategy: Strategy, count: i64) -> KeyPool {
    pool_of(strategy, (1..=count).map(|id| slot(id, 1)).collect())
}

fn weighted(weights: &[i64]) -> KeyPool {
    pool_of(Strategy::Weighted, (1..).zip(weights).map(|(id, weight)| slot(id, *weight)).collect())
}

fn turn(pool: &KeyPool) -> u64 {
    match pool.next_turn() {
        Turn::Now(turn) => turn,
        Turn::Later(_) => unreachable!("the counter is at hand"),
    }
}

/// The key of a turn, when nothing was tried before.
fn key_at(pool: &KeyPool, turn: u64) -> i64 {
    pool.pick(&wish(turn, None, &[])).unwrap().slot().id.0
}

/// The key of a conversation.
fn key_of(pool: &KeyPool, conversation: u64) -> i64 {
    pool.pick(&wish(0, Some(conversation), &[])).unwrap().slot().id.0
}

fn tally(keys: impl Iterator<Item = i64>) -> HashMap<i64, i64> {
    let mut counts = HashMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    counts
}

#[test]
fn concurrent_turns_go_around_exactly() {
    let pool = pool(Strategy::RoundRobin, 7);

    let picks: Vec<i64> = thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..1250).map(|_| key_at(&pool, turn(&pool))).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });

    let counts = tally(picks.into_iter());
    assert_eq!(counts.values().sum::<i64>(), 10_000);
    assert!(counts.len() == 7 && counts.values().all(|n| (1428..=1429).contains(n)), "{counts:?}");
}

#[test]
fn a_key_gets_exactly_its_weight_out_of_any_cycle_of_turns() {
    let pool = weighted(&[5, 1, 3, 2]);

    for start in [0, 1, 17, 1_000_003] {
        let counts = tally((start..start + 11).map(|turn| key_at(&pool, turn)));
        assert_eq!(counts, HashMap::from([(1, 5), (2, 1), (3, 3), (4, 2)]), "from turn {start}");
    }
}

#[test]
fn equal_weights_rotate_like_round_robin() {
    let pool = weighted(&[500; 7]);

    for start in 0..50 {
        assert_eq!((start..start + 7).map(|turn| key_at(&pool, turn)).collect::<HashSet<_>>().len(), 7);
    }
}

#[test]
fn a_heavy_key_does_not_come_in_bursts() {
    let pool = weighted(&[3, 3, 1]);

    let longest = (0..70)
        .map(|turn| key_at(&pool, turn))
        .collect::<Vec<_>>()
        .chunk_by(|a, b| a == b)
        .map(<[i64]>::len)
        .max();

    assert_eq!(longest, Some(1));
}

/// How far any key gets from its share at any time of a cycle, in requests.
fn farthest_from_share(weights: &[i64]) -> f64 {
    let pool = weighted(weights);
    let total: i64 = weights.iter().sum();
    let mut counts = vec![0_i64; weights.len()];
    let mut farthest = 0;
    for turn in 1..=total {
        counts[usize::try_from(key_at(&pool, turn.cast_unsigned() - 1)).unwrap() - 1] += 1;
        let gaps = counts.iter().zip(weights).map(|(count, weight)| (count * total - turn * weight).abs());
        farthest = gaps.fold(farthest, i64::max);
    }
    assert_eq!(counts, weights);
    f64::from(i32::try_from(farthest).unwrap()) / f64::from(i32::try_from(total).unwrap())
}

#[test]
fn three_keys_are_never_two_requests_from_their_share() {
    for (a, b, c) in (1..=9).flat_map(|a| (1..=9).flat_map(move |b| (1..=9).map(move |c| (a, b, c)))) {
        assert!(farthest_from_share(&[a, b, c]) < 2.0, "{a} : {b} : {c}");
    }
}

proptest! {
    #[test]
    fn no_key_is_ever_far_from_its_share(weights in prop::collection::vec(1..=20_i64, 1..8)) {
        prop_assert!(farthest_from_share(&weights) < 3.0);
    }

    #[test]
    fn every_key_is_found_before_none_and_none_twice(
        count in 0..100_i64,
        turn: u64,
        affinity: Option<u64>,
        strategy in prop::sample::select(&STRATEGIES),
    ) {
        let pool = pool(strategy, count);
        let mut tried = Vec::new();

        while let Some(picked) = pool.pick(&wish(turn, affinity, &tried)) {
            prop_assert!(!tried.contains(&picked.slot().id));
            tried.push(picked.slot().id);
        }

        prop_assert_eq!(tried.len(), usize::try_from(count).unwrap());
    }
}

#[test]
fn keys_tried_that_have_left_the_pool_do_not_end_the_search() {
    for strategy in STRATEGIES {
        let pool = pool(strategy, 2);
        assert!(pool.pick(&wish(0, Some(0), &[KeyId(1), KeyId(98), KeyId(99)])).is_some(), "{strategy:?}");
    }
}

#[test]
fn an_idle_key_is_preferred_and_otherwise_the_least_busy() {
    let pool = pool(Strategy::LeastConnections, 64);
    let mut busy: Vec<Picked> = (0..64).map(|_| pool.pick(&wish(0, None, &[])).unwrap()).collect();
    assert!(pool.slots().iter().all(|slot| slot.in_flight() == 1));

    let idle = busy.swap_remove(40).slot().id;
    let second = pool.pick(&wish(3, None, &[])).unwrap();
    assert_eq!(second.slot().id, idle);

    busy.extend((0..63).map(|turn| pool.pick(&wish(turn, None, &[])).unwrap()));
    assert_eq!(
        tally(pool.slots().iter().map(|slot| i64::from(slot.in_flight()))),
        HashMap::from([(1, 1), (2, 63)])
    );
    let least_busy = pool.slots().iter().find(|slot| slot.in_flight() == 1).unwrap().id;
    assert_eq!(pool.pick(&wish(9, None, &[])).unwrap().slot().id, least_busy);
}

#[test]
fn a_large_pool_at_rest_still_rotates_under_least_connections() {
    let pool = pool(Strategy::LeastConnections, 1000);

    assert_eq!((0..1000).map(|turn| key_at(&pool, turn)).collect::<HashSet<_>>().len(), 1000);
}

#[test]
fn chance_reaches_every_key_and_takes_no_turn() {
    let pool = pool(Strategy::Random, 7);

    let counts = tally((0..7000).map(|_| key_at(&pool, turn(&pool))));

    assert!(counts.len() == 7 && counts.values().all(|n| (700..1300).contains(n)), "{counts:?}");
    assert_eq!(turn(&pool), 0);
}

#[test]
fn conversations_share_the_keys_evenly() {
    for first in [1, 1000, 123_456_789] {
        let pool = pool_of(Strategy::Sticky, (first..first + 7).map(|id| slot(id, 1)).collect());

        let counts = tally((0..10_000).map(|conversation| key_of(&pool, conversation)));

        assert!(counts.len() == 7 && counts.values().all(|n| (1072..=1785).contains(n)), "{counts:?}");
    }
}

#[test]
fn a_key_that_goes_moves_its_own_conversations_only() {
    let before = pool(Strategy::Sticky, 7);
    let after = pool_of(Strategy::Sticky, [1, 2, 3, 5, 6, 7].map(|id| slot(id, 1)).into());

    let mut heirs = HashSet::new();
    for conversation in 0..10_000 {
        match (key_of(&before, conversation), key_of(&after, conversation)) {
            (4, heir) => drop(heirs.insert(heir)),
            (old, new) => assert_eq!(old, new, "conversation {conversation}"),
        }
    }
    assert_eq!(heirs.len(), 6, "the share of the key that went is spread over all others");
}

#[test]
fn a_conversation_whose_key_failed_goes_where_it_would_without_that_key() {
    let whole = pool(Strategy::Sticky, 7);
    let without = pool_of(Strategy::Sticky, [1, 2, 3, 5, 6, 7].map(|id| slot(id, 1)).into());

    for conversation in 0..2000 {
        let retried = whole.pick(&wish(0, Some(conversation), &[KeyId(4)])).unwrap();
        assert_eq!(retried.slot().id.0, key_of(&without, conversation));
    }
}

/// These numbers may never change: instances of two versions serve side by side during an upgrade.
#[test]
fn every_instance_and_version_gives_a_conversation_the_same_key() {
    let pool = pool_of(Strategy::Sticky, [7, 3, 1, 6, 2, 5, 4].map(|id| slot(id, 1)).into());

    assert_eq!([0, 1, 2, 3, u64::MAX].map(|conversation| key_of(&pool, conversation)), [1, 1, 6, 6, 4]);
}

#[test]
fn a_request_without_a_conversation_takes_its_turn_under_sticky() {
    let pool = pool(Strategy::Sticky, 7);

    assert_eq!((0..7).map(|turn| key_at(&pool, turn)).collect::<Vec<_>>(), (1..=7).collect::<Vec<_>>());
}

#[test]
fn a_key_is_in_flight_until_its_pick_is_dropped() {
    let pool = pool(Strategy::RoundRobin, 2);

    let first = pool.pick(&wish(0, None, &[])).unwrap();
    let second = pool.pick(&wish(2, None, &[])).unwrap();
    assert_eq!((pool.slots()[0].in_flight(), pool.slots()[1].in_flight()), (2, 0));

    drop((first, second));
    assert!(pool.slots().iter().all(|slot| slot.in_flight() == 0));
}

#[test]
fn what_a_key_served_is_taken_once_and_outlives_a_snapshot() {
    let (early, late) = (Timestamp::from_second(1000).unwrap(), Timestamp::from_second(2000).unwrap());
    let old = pool(Strategy::RoundRobin, 1);
    let renewed = Arc::into_inner(slot(1, 1)).unwrap().or_same(old.slots().first());

    let picked = old.pick(&wish(0, None, &[])).unwrap();
    picked.finish(true, late);
    picked.finish(false, early);

    let usage = renewed.take_usage().unwrap();
    assert_eq!(renewed.in_flight(), 1);
    assert_eq!((usage.key_id, usage.successes, usage.failures, usage.last_used_at), (KeyId(1), 1, 1, late));
    assert_eq!(old.slots()[0].take_usage(), None);
}

#[test]
fn a_key_that_was_changed_is_another() {
    let old = slot(1, 1);

    let renewed = Arc::into_inner(slot(1, 3)).unwrap().or_same(Some(&old));

    assert_eq!(renewed.weight.get(), 3);
}

#[test]
fn a_conversation_leaves_a_key_that_is_too_busy_and_comes_back() {
    let pool = pool(Strategy::Sticky, 8);
    let pick = || pool.pick(&wish(0, Some(99), &[])).unwrap();
    let home = pick().slot().id;

    let mut busy: Vec<_> = (0..40).map(|_| pick()).collect();
    let at_home = busy.iter().filter(|picked| picked.is_home() == Some(true)).count();
    assert!((4..=8).contains(&at_home), "{at_home}: a quarter more than 40 on 8 keys");
    assert!(busy.iter().all(|picked| (picked.slot().id == home) == (picked.is_home() == Some(true))));
    let most = pool.slots().iter().map(|slot| slot.in_flight()).max().unwrap();
    assert!(most <= 8, "{most}");
    busy.clear();
    assert_eq!((pick().slot().id, pick().is_home()), (home, Some(true)));
}
