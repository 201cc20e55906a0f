//! Keys that rest and come back.

mod groups;
mod models;
mod news;
mod restarts;
mod trials;

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::super::{tests::slot, *};
use crate::{
    model::Strategy,
    outcome::{Outcome, Rest, Scope},
};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
struct NoTurns;

impl Turns for NoTurns {
    fn next(&self) -> Turn<'_> {
        unreachable!("the tests tell the turn")
    }

    fn upcoming(&self) -> u64 {
        unreachable!("the tests tell the turn")
    }
}

/// A pool, and two clocks that the test moves: it jumps the one that shows the time of day.
struct Scene {
    pool: KeyPool,
    start: Instant,
    passed: Duration,
    jumped: SignedDuration,
}

fn scene(strategy: Strategy, keys: i64) -> Scene {
    grouped(strategy, keys, |_| None)
}

/// The same with quota groups.
fn grouped(strategy: Strategy, keys: i64, group: impl Fn(i64) -> Option<&'static str>) -> Scene {
    let start = Instant::now();
    let health = Arc::new(Health::new(RestPolicy::default(), start));
    let slots = (1..=keys).map(|id| slot(id, 1)).collect();
    let groups = (1..=keys).filter_map(|id| Some((KeyId(id), group(id)?))).collect();
    Scene::new(KeyPool::new(strategy, slots, groups, Arc::new(NoTurns), health), start)
}

fn limited(told: Option<u64>) -> Outcome {
    Outcome::RateLimited(Rest { scope: Scope::Key, told: told.map(Duration::from_secs) })
}

fn limited_for_the_model(told: u64) -> Outcome {
    Outcome::RateLimited(Rest { scope: Scope::KeyModel, told: Some(Duration::from_secs(told)) })
}

fn exhausted(told: u64) -> Outcome {
    Outcome::QuotaExhausted(Rest { scope: Scope::Key, told: Some(Duration::from_secs(told)) })
}

impl Scene {
    fn new(pool: KeyPool, start: Instant) -> Self {
        Self { pool, start, passed: Duration::ZERO, jumped: SignedDuration::ZERO }
    }

    fn now(&self) -> Now {
        let wall: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        Now { instant: self.start + self.passed, wall: wall + self.passed + self.jumped }
    }

    fn wait(&mut self, time: Duration) {
        self.passed += time;
    }

    fn wish(&self, turn: u64) -> Wish<'static> {
        Wish { turn, affinity: None, model: None, tried: &[], may_try: true, now: self.now().instant }
    }

    fn pick(&self, turn: u64) -> Option<Picked> {
        self.pool.pick(&self.wish(turn))
    }

    fn pick_for(&self, turn: u64, model: &str) -> i64 {
        self.pool.pick(&Wish { model: Some(model), ..self.wish(turn) }).unwrap().slot().id.0
    }

    /// The keys of these turns, in ascending order.
    fn cycle(&self, turns: std::ops::Range<u64>) -> Vec<i64> {
        let mut keys = self.keys(turns);
        keys.sort_unstable();
        keys
    }

    /// The keys of these turns.
    fn keys(&self, turns: std::ops::Range<u64>) -> Vec<i64> {
        turns.map_while(|turn| self.pick(turn)).map(|picked| picked.slot().id.0).collect()
    }

    /// The key itself, whatever the strategy.
    fn take(&self, key: i64) -> Picked {
        let others: Vec<KeyId> = self.pool.slots().iter().map(|s| s.id).filter(|id| id.0 != key).collect();
        self.pool.pick(&Wish { tried: &others, ..self.wish(0) }).unwrap_or_else(|| panic!("key {key} rests"))
    }

    fn note(&self, picked: &mut Picked, outcome: &Outcome) -> Option<Penalty> {
        self.note_for(picked, outcome, None, self.now().instant)
    }

    fn note_for(
        &self,
        picked: &mut Picked,
        outcome: &Outcome,
        model: Option<&str>,
        started: Instant,
    ) -> Option<Penalty> {
        self.pool.health().note(picked, outcome, "the rule", model, started, self.now())
    }

    /// An attempt with this key comes to this.
    fn happens(&self, key: i64, outcome: &Outcome) -> Option<Penalty> {
        self.note(&mut self.take(key), outcome)
    }

    fn rests(&self) -> Vec<(i64, Ailment, u32)> {
        let mut rests: Vec<_> = (self.pool.health().resting().into_iter())
            .map(|told| (told.key.0, told.ailment, told.strikes))
            .collect();
        rests.sort_unstable();
        rests
    }
}

#[test]
fn a_limited_key_is_passed_over_until_its_time_is_up_and_no_longer() {
    let mut scene = scene(Strategy::RoundRobin, 3);
    scene.happens(2, &limited(Some(20)));

    assert_eq!(scene.keys(0..4), [1, 3, 1, 3]);
    scene.wait(Duration::from_millis(19_998));
    assert_eq!(scene.keys(0..4), [1, 3, 1, 3]);
    scene.wait(Duration::from_millis(2));
    assert_eq!(scene.keys(0..4), [1, 2, 3, 1]);
}

#[test]
fn whoever_is_left_shares_the_turns_exactly() {
    for strategy in [Strategy::RoundRobin, Strategy::LeastConnections] {
        let scene = scene(strategy, 10);
        for key in [1, 2, 3, 7, 10] {
            scene.happens(key, &limited(Some(60)));
        }

        let mut counts: HashMap<i64, u32> = HashMap::new();
        scene.keys(0..1000).into_iter().for_each(|key| *counts.entry(key).or_default() += 1);

        assert_eq!(counts, HashMap::from([(4, 200), (5, 200), (6, 200), (8, 200), (9, 200)]), "{strategy:?}");
    }
}

#[test]
fn the_share_of_one_that_rests_goes_to_the_others_by_their_weights() {
    let start = Instant::now();
    let health = Arc::new(Health::new(RestPolicy::default(), start));
    let slots = [(1, 1), (2, 4), (3, 2), (4, 2)].map(|(id, weight)| slot(id, weight)).into();
    let pool = KeyPool::new(Strategy::Weighted, slots, Groups::default(), Arc::new(NoTurns), health);
    let scene = Scene::new(pool, start);
    scene.happens(2, &limited(Some(60)));

    let mut counts: HashMap<i64, i32> = HashMap::new();
    scene.keys(0..5000).into_iter().for_each(|key| *counts.entry(key).or_default() += 1);

    for (key, share) in [(1, 1000), (3, 2000), (4, 2000)] {
        assert!((counts[&key] - share).abs() < 150, "{counts:?}");
    }
}

#[test]
fn nobody_is_picked_when_all_rest_and_the_first_to_come_back_is_known() {
    let mut scene = scene(Strategy::Random, 3);
    assert_eq!(scene.pool.health().next_to_end(), None);
    for (key, told) in [(1, 30), (2, 10), (3, 20)] {
        scene.happens(key, &limited(Some(told)));
    }

    assert!(scene.pick(0).is_none());
    assert_eq!(
        scene.pool.health().next_to_end(),
        Some((Ailment::Cooling, scene.now().instant + 10 * SECOND))
    );
    scene.wait(10 * SECOND);
    assert_eq!(scene.keys(0..3), [2, 2, 2]);
}

#[test]
fn without_a_word_from_the_upstream_each_limit_in_a_row_rests_longer_up_to_a_bound() {
    let mut scene = scene(Strategy::RoundRobin, 1);
    let policy = RestPolicy::default();

    for strike in 0..12_u32 {
        scene.happens(1, &limited(None));
        let rest = scene.pool.health().next_to_end().unwrap().1 - scene.now().instant;
        let longest = (policy.first_cooldown * 2_u32.pow(strike)).min(policy.max_cooldown);
        assert!((longest / 2..=longest).contains(&rest), "strike {strike}: {rest:?}");
        scene.wait(rest);
    }
    scene.happens(1, &Outcome::Success);
    assert_eq!(scene.rests(), []);
    scene.happens(1, &limited(None));
    assert_eq!(scene.rests(), [(1, Ailment::Cooling, 1)]);
}

#[test]
fn what_an_upstream_says_is_believed_within_reason() {
    for (outcome, seconds) in [
        (limited(Some(0)), 0.1),
        (limited(Some(7200)), 7200.0),
        (limited(Some(560_000)), 86_400.0),
        (exhausted(172_800), 172_800.0),
    ] {
        let scene = scene(Strategy::RoundRobin, 1);
        scene.happens(1, &outcome);
        let rest = scene.pool.health().next_to_end().unwrap().1 - scene.now().instant;
        assert_eq!(rest, Duration::from_secs_f64(seconds), "{outcome:?}");
    }
}

#[test]
fn of_several_limits_the_longest_counts_and_a_shorter_one_takes_nothing_off() {
    for order in [[10, 60, 20], [60, 20, 10], [20, 10, 60]] {
        let mut scene = scene(Strategy::RoundRobin, 2);
        let mut attempts: Vec<Picked> = (0..3).map(|_| scene.take(1)).collect();
        for (attempt, told) in attempts.iter_mut().zip(order) {
            scene.note(attempt, &limited(Some(told)));
        }

        scene.wait(59 * SECOND);
        assert_eq!(scene.keys(0..2), [2, 2]);
        assert_eq!(scene.rests(), [(1, Ailment::Cooling, 1)], "several at once are one");
        scene.wait(SECOND);
        assert_eq!(scene.keys(0..2), [1, 2]);
    }
}

#[test]
fn a_limit_does_not_make_a_rejected_key_look_better() {
    let mut scene = scene(Strategy::RoundRobin, 2);
    let mut attempts: Vec<Picked> = (0..2).map(|_| scene.take(1)).collect();
    scene.note(&mut attempts[0], &Outcome::KeyRejected);
    scene.note(&mut attempts[1], &limited(Some(1)));

    scene.wait(2 * SECOND);
    assert_eq!(scene.keys(0..2), [2, 2]);
    assert_eq!(scene.rests(), [(1, Ailment::Invalid, 1)]);
}

#[test]
fn a_success_that_began_before_the_limit_does_not_lift_it() {
    let scene = scene(Strategy::RoundRobin, 2);
    let (mut early, mut late) = (scene.take(1), scene.take(1));
    scene.note(&mut late, &limited(Some(30)));

    scene.note(&mut early, &Outcome::Success);

    assert_eq!(scene.keys(0..2), [2, 2]);
}

#[test]
fn a_reset_brings_a_key_back_at_once_and_what_was_under_way_says_nothing_any_more() {
    let mut scene = scene(Strategy::RoundRobin, 2);
    let began = scene.now().instant;
    let mut under_way = scene.take(1);
    scene.happens(1, &Outcome::KeyRejected);
    scene.wait(SECOND);

    scene.pool.health().reset(KeyId(1), scene.now());
    assert_eq!(scene.keys(0..2), [1, 2]);
    scene.note_for(&mut under_way, &Outcome::KeyRejected, None, began);
    assert_eq!(scene.keys(0..2), [1, 2]);
    scene.happens(1, &Outcome::KeyRejected);
    assert_eq!(scene.keys(0..2), [2, 2], "what began after it counts");
}

#[test]
fn a_penalty_is_taken_back_unless_something_else_has_happened_since() {
    let mut scene = scene(Strategy::RoundRobin, 3);
    let first = scene.happens(1, &Outcome::KeyRejected).unwrap();
    let second = scene.happens(2, &Outcome::KeyRejected).unwrap();
    scene.pool.health().refund(first);
    scene.pool.health().refund(second);
    assert_eq!(scene.keys(0..3), [1, 2, 3]);
    assert_eq!(scene.rests(), []);

    let mut attempts: Vec<Picked> = (0..2).map(|_| scene.take(1)).collect();
    let first = scene.note(&mut attempts[0], &Outcome::KeyRejected).unwrap();
    scene.note(&mut attempts[1], &Outcome::KeyRejected).unwrap();
    scene.pool.health().refund(first);
    assert_eq!(scene.cycle(0..2), [2, 3]);

    scene.wait(60 * SECOND);
    let again = scene.happens(1, &Outcome::KeyRejected).unwrap();
    scene.pool.health().refund(again);
    assert_eq!(scene.rests(), [(1, Ailment::Invalid, 1)]);
    assert_eq!(scene.pick(0).unwrap().slot().id.0, 1, "it awaits its trial as before");
}

proptest! {
    #[test]
    fn whatever_happens_every_rest_ends_and_nobody_who_rests_is_picked(
        strategy in prop::sample::select(&[
            Strategy::RoundRobin, Strategy::Weighted, Strategy::LeastConnections, Strategy::Random, Strategy::Sticky,
        ][..]),
        keys in 1_i64..80,
        events in prop::collection::vec((any::<u64>(), 0_u8..7, 0_u64..100, prop::option::of(0_u8..3)), 0..120),
    ) {
        let mut scene = scene(strategy, keys);
        for (turn, what, seconds, model) in events {
            let model = model.map(|model| format!("model-{model}"));
            let wish = Wish { affinity: Some(turn), model: model.as_deref(), ..scene.wish(turn) };
            let Some(mut picked) = scene.pool.pick(&wish) else {
                scene.wait(Duration::from_secs(seconds));
                continue;
            };
            let key = picked.slot().id;
            let rests = scene.pool.health().resting_of(key);
            let now = scene.now();
            let is_bound = |told: &Resting| told.until > now.wall && (told.model.is_none() || told.model.as_deref() == model.as_deref());
            prop_assert!(!rests.iter().any(is_bound), "{rests:?}");
            let rest = |scope| Rest { scope, told: Some(Duration::from_secs(seconds)) };
            let outcome = match what {
                0 | 1 => Outcome::Success,
                2 => Outcome::KeyRejected,
                3 => Outcome::RateLimited(rest(Scope::Key)),
                4 => Outcome::RateLimited(rest(Scope::KeyModel)),
                5 => Outcome::QuotaExhausted(rest(Scope::KeyModel)),
                _ => { scene.wait(Duration::from_secs(seconds)); Outcome::UpstreamFailed }
            };
            let penalty = scene.pool.health().note(&mut picked, &outcome, "rule", model.as_deref(), now.instant, scene.now());
            if seconds % 5 == 0 && let Some(penalty) = penalty {
                scene.pool.health().refund(penalty);
            }
        }
        scene.wait(Duration::from_hours(24));
        for key in 1..=keys {
            for model in ["model-0", "model-1", "model-2"] {
                // Where no key serves, trials keep their distance.
                scene.wait(SECOND);
                scene.pool.pick(&scene.wish(0));
                scene.wait(SECOND);
                let others: Vec<KeyId> = (1..=keys).filter(|id| *id != key).map(KeyId).collect();
                let wish = Wish { model: Some(model), tried: &others, ..scene.wish(0) };
                prop_assert!(scene.pool.pick(&wish).is_some(), "key {key} for {model}");
            }
        }
        prop_assert!(!scene.pool.tells_models());
    }
}
