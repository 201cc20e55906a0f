//! What instances tell each other.

use std::{
    pin::pin,
    task::{Context, Waker},
};

use jiff::SignedDuration;

use super::*;
use crate::{
    model::ConfigId,
    pool::{News, NewsReceiver, NewsSender},
};

const CONFIG: ConfigId = ConfigId(42);

/// One of several instances.
struct Instance {
    scene: Scene,
    told: NewsReceiver,
}

impl Instance {
    fn new(keys: i64, group: impl Fn(i64) -> Option<&'static str>) -> Self {
        let (sender, told) = NewsSender::with_room(1000);
        let start = Instant::now();
        let health = Health::new(RestPolicy::default(), start).telling(CONFIG, sender);
        let slots = (1..=keys).map(|id| slot(id, 1)).collect();
        let groups = (1..=keys).filter_map(|id| Some((KeyId(id), group(id)?))).collect();
        let pool = KeyPool::new(Strategy::RoundRobin, slots, groups, Arc::new(NoTurns), Arc::new(health));
        Self { scene: Scene::new(pool, start), told }
    }

    /// What it has to tell since it was last asked.
    fn news(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        let _ = pin!(self.told.receive(&mut news, 1000)).poll(&mut Context::from_waker(Waker::noop()));
        news.into_iter()
            .map(|(config, news)| {
                assert_eq!(config, CONFIG);
                news
            })
            .collect()
    }

    /// Passes on to another what this one has to tell.
    fn tell(&mut self, other: &Self) {
        let news = self.news();
        other.scene.pool.health().learn(news, other.scene.now());
    }
}

fn two(keys: i64) -> [Instance; 2] {
    [(); 2].map(|()| Instance::new(keys, |_| None))
}

#[test]
fn a_limit_that_one_instance_meets_rests_the_key_for_another_as_long() {
    let [mut one, mut other] = two(3);
    one.scene.happens(2, &limited(Some(30)));
    one.tell(&other);

    assert_eq!(other.scene.rests(), [(2, Ailment::Cooling, 1)]);
    assert_eq!(other.scene.keys(0..4), [1, 3, 1, 3]);
    other.scene.wait(30 * SECOND);
    assert_eq!(other.scene.keys(0..3), [1, 2, 3]);
    assert_eq!(other.news(), [], "what was heard is not told on");
}

#[test]
fn a_clock_that_is_ahead_makes_a_rest_no_shorter_and_one_that_is_behind_none_longer() {
    for skew in [-40, 40] {
        let [mut one, mut other] = two(3);
        one.scene.happens(2, &limited(Some(30)));
        let here = other.scene.now();
        let now = Now { wall: here.wall + SignedDuration::from_secs(skew), ..here };
        other.scene.pool.health().learn(one.news(), now);

        assert_eq!(other.scene.keys(0..4), [1, 3, 1, 3], "{skew}");
        other.scene.wait(30 * SECOND);
        assert_eq!(other.scene.keys(0..3), [1, 2, 3], "{skew}");
    }
}

#[test]
fn whoever_finds_out_that_a_key_is_well_tells_the_others() {
    let [mut one, mut other] = two(3);
    one.scene.happens(2, &Outcome::KeyRejected);
    one.tell(&other);
    for instance in [&mut one, &mut other] {
        instance.scene.wait(60 * SECOND);
    }

    other.scene.happens(2, &Outcome::Success);
    other.tell(&one);

    assert_eq!((one.scene.rests(), other.scene.rests()), (vec![], vec![]));
    assert_eq!(one.news(), []);
}

#[test]
fn a_trial_that_fails_anywhere_lets_the_key_rest_longer_everywhere() {
    let [mut one, mut other] = two(3);
    one.scene.happens(2, &Outcome::KeyRejected);
    one.tell(&other);
    for instance in [&mut one, &mut other] {
        instance.scene.wait(60 * SECOND);
    }

    other.scene.happens(2, &Outcome::KeyRejected);
    other.tell(&one);

    assert_eq!(one.scene.rests(), [(2, Ailment::Invalid, 2)]);
    assert_eq!(one.scene.cycle(0..2), [1, 3]);
}

#[test]
fn a_late_word_that_a_key_recovered_ends_no_newer_rest() {
    let [mut one, mut other] = two(2);
    one.scene.happens(1, &limited(Some(5)));
    one.tell(&other);
    for instance in [&mut one, &mut other] {
        instance.scene.wait(6 * SECOND);
    }
    one.scene.happens(1, &Outcome::Success);
    other.scene.happens(1, &limited(Some(30)));
    one.tell(&other);

    assert_eq!(other.scene.keys(0..2), [2, 2]);
}

#[test]
fn of_two_rests_the_worse_reason_and_the_longer_time_count_wherever_each_was_met_first() {
    let [mut one, mut other] = two(2);
    one.scene.happens(1, &limited(Some(300)));
    other.scene.happens(1, &Outcome::KeyRejected);
    let (first, second) = (one.news(), other.news());
    other.scene.pool.health().learn(first, other.scene.now());
    one.scene.pool.health().learn(second, one.scene.now());

    for instance in [&mut one, &mut other] {
        assert_eq!(instance.scene.rests(), [(1, Ailment::Invalid, 1)]);
        instance.scene.wait(299 * SECOND);
        assert_eq!(instance.scene.keys(0..2), [2, 2]);
        instance.scene.wait(SECOND);
        assert_eq!(instance.scene.cycle(0..2), [1, 2]);
    }
}

#[test]
fn a_reset_is_one_everywhere_and_attempts_under_way_say_nothing_any_more() {
    let [mut one, mut other] = two(2);
    one.scene.happens(1, &limited(Some(30)));
    one.tell(&other);
    let (mut under_way, began) = (other.scene.take(2), other.scene.now().instant);
    for instance in [&mut one, &mut other] {
        instance.scene.wait(SECOND);
    }

    for key in [1, 2] {
        one.scene.pool.health().reset(KeyId(key), one.scene.now());
    }
    one.tell(&other);
    other.scene.note_for(&mut under_way, &limited(Some(30)), None, began);

    assert_eq!(other.scene.rests(), []);
    assert_eq!(other.scene.cycle(0..2), [1, 2]);
}

#[test]
fn a_rest_that_began_before_a_reset_is_not_heard_again() {
    let [mut one, other] = two(2);
    one.scene.happens(1, &Outcome::KeyRejected);
    one.tell(&other);
    one.scene.wait(SECOND);
    one.scene.pool.health().reset(KeyId(1), one.scene.now());
    other.scene.happens(2, &limited(Some(30)));
    let (known, told) = (other.scene.pool.health().resting(), other.scene.pool.health());
    let told = told.rests_as_news(other.scene.now().instant);

    one.scene.pool.health().learn(told, one.scene.now());
    one.scene.pool.health().restore(known, one.scene.now());

    assert_eq!(one.scene.rests(), [(2, Ailment::Cooling, 1)]);
}

#[test]
fn word_of_an_earlier_reset_that_comes_late_undoes_no_later_one() {
    let [mut one, mut other] = two(2);
    let earlier = News::Reset { key: KeyId(1), at: one.scene.now().wall };
    for instance in [&mut one, &mut other] {
        instance.scene.wait(SECOND);
    }
    other.scene.happens(1, &Outcome::KeyRejected);
    let rest = other.scene.pool.health().rests_as_news(other.scene.now().instant);
    for instance in [&mut one, &mut other] {
        instance.scene.wait(SECOND);
    }
    one.scene.pool.health().reset(KeyId(1), one.scene.now());

    one.scene.pool.health().learn(vec![earlier], one.scene.now());
    one.scene.pool.health().learn(rest, one.scene.now());

    assert_eq!(one.scene.rests(), []);
}

#[test]
fn a_reset_of_which_nobody_heard_is_made_up_for() {
    let [mut one, mut other] = two(2);
    one.scene.happens(1, &Outcome::KeyRejected);
    one.tell(&other);
    let (mut under_way, began) = (other.scene.take(2), other.scene.now().instant);
    for instance in [&mut one, &mut other] {
        instance.scene.wait(SECOND);
    }
    let reset = [1, 2].map(|key| (KeyId(key), one.scene.now().wall));
    let catch_up = |other: &Instance| {
        other.scene.pool.health().catch_up(reset, other.scene.now().instant);
        other.scene.rests()
    };

    assert_eq!(catch_up(&other), []);
    other.scene.note_for(&mut under_way, &limited(Some(30)), None, began);
    assert_eq!(other.scene.rests(), [], "what began before says nothing any more");
    other.scene.wait(SECOND);
    other.scene.happens(1, &limited(Some(30)));
    assert_eq!(catch_up(&other), [(1, Ailment::Cooling, 1)], "it has rested anew since");
    assert_eq!(other.news().len(), 1, "a reset is not told on");
}

#[test]
fn a_rest_that_was_the_requests_fault_is_taken_back_everywhere() {
    let [mut one, other] = two(2);
    let penalty = one.scene.happens(1, &Outcome::KeyRejected).unwrap();
    one.tell(&other);
    one.scene.pool.health().refund(penalty);
    one.tell(&other);

    assert_eq!(other.scene.rests(), []);
}

#[test]
fn keys_that_rest_together_do_so_everywhere_until_one_trial_anywhere() {
    let group = |key| (key <= 3).then_some("account");
    let [mut one, mut other] = [(); 2].map(|()| Instance::new(4, group));
    let quota = Rest { scope: Scope::QuotaGroup, told: Some(30 * SECOND) };
    one.scene.happens(2, &Outcome::QuotaExhausted(quota));
    one.tell(&other);
    assert_eq!(other.scene.keys(0..3), [4, 4, 4]);
    for instance in [&mut one, &mut other] {
        instance.scene.wait(30 * SECOND);
    }

    let mut envoy = other.scene.pick(0).unwrap();
    assert_ne!(envoy.slot().id, KeyId(4));
    other.scene.note(&mut envoy, &Outcome::Success);
    other.tell(&one);

    assert_eq!((one.scene.rests(), other.scene.rests()), (vec![], vec![]));
    assert_eq!(one.scene.cycle(0..4), [1, 2, 3, 4]);
}

#[test]
fn a_rest_for_a_model_is_one_for_that_model_everywhere() {
    let [mut one, other] = two(2);
    let mut picked = one.scene.take(1);
    one.scene.note_for(&mut picked, &limited_for_the_model(30), Some("large"), one.scene.now().instant);
    one.tell(&other);

    assert_eq!([other.scene.pick_for(0, "large"), other.scene.pick_for(1, "large")], [2, 2]);
    assert_eq!(other.scene.cycle(0..2), [1, 2]);
}

#[test]
fn what_befalls_a_key_is_written_down_by_the_instance_where_it_did() {
    let [mut one, mut other] = two(2);
    let changes = |instance: &Instance| instance.scene.pool.health().take_changes();
    one.scene.happens(1, &limited(Some(30)));
    one.tell(&other);
    let rests = one.scene.pool.health().resting();
    assert_eq!((changes(&one), changes(&other)), ((vec![KeyId(1)], rests.clone()), (vec![], vec![])));
    other.scene.pool.health().restore(rests, other.scene.now());
    assert_eq!(changes(&other), (vec![], vec![]), "what was read is not written back");

    other.scene.pool.health().reset(KeyId(1), other.scene.now());
    other.tell(&one);

    assert_eq!((changes(&one), changes(&other)), ((vec![], vec![]), (vec![KeyId(1)], vec![])));
}

#[test]
fn what_is_restored_after_a_restart_is_not_told_again() {
    let [one, mut other] = two(2);
    one.scene.happens(1, &limited(Some(30)));
    let known = one.scene.pool.health().resting();
    other.scene.pool.health().restore(known, other.scene.now());

    assert_eq!(other.news(), []);
}
