//! Keys that share a quota.

use super::*;

/// Six keys: 1 to 3 are of one account, 4 and 5 of another, 6 of none.
fn accounts() -> Scene {
    grouped(Strategy::RoundRobin, 6, |key| match key {
        1..=3 => Some("one"),
        4 | 5 => Some("other"),
        _ => None,
    })
}

fn group_limited(told: u64) -> Outcome {
    Outcome::RateLimited(Rest { scope: Scope::QuotaGroup, told: Some(Duration::from_secs(told)) })
}

fn group_exhausted(told: u64) -> Outcome {
    Outcome::QuotaExhausted(Rest { scope: Scope::QuotaGroup, told: Some(Duration::from_secs(told)) })
}

/// The keys that requests get now, one after the other, in ascending order; each of them succeeds.
fn serving(scene: &Scene) -> Vec<i64> {
    let served = (0..30).filter_map(|turn| scene.pick(turn)).map(|mut picked| {
        scene.note(&mut picked, &Outcome::Success);
        picked.slot().id.0
    });
    served.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The same pool after a change of its keys.
fn replace(scene: &mut Scene, keys: &[i64], group: &'static str) {
    let slots = keys.iter().map(|id| slot(*id, 1)).collect();
    let groups = keys.iter().map(|id| (KeyId(*id), group)).collect();
    let health = Arc::clone(scene.pool.health());
    scene.pool = KeyPool::new(Strategy::RoundRobin, slots, groups, Arc::new(NoTurns), health);
}

#[test]
fn a_limit_of_an_account_rests_all_its_keys_until_it_ends_and_no_others() {
    let mut scene = accounts();
    scene.happens(2, &group_limited(30));

    assert_eq!(serving(&scene), [4, 5, 6]);
    assert_eq!(scene.rests(), [1, 2, 3].map(|key| (key, Ailment::Cooling, 1)));
    scene.wait(Duration::from_millis(29_999));
    assert_eq!(serving(&scene), [4, 5, 6]);
    scene.wait(Duration::from_millis(1));
    assert_eq!(serving(&scene), [1, 2, 3, 4, 5, 6]);
    assert_eq!(scene.rests(), []);
}

#[test]
fn a_key_without_a_group_or_alone_in_its_own_rests_alone() {
    let scene = accounts();
    scene.happens(6, &group_limited(30));
    assert_eq!(serving(&scene), [1, 2, 3, 4, 5]);

    let alone = grouped(Strategy::RoundRobin, 2, |key| (key == 1).then_some("one"));
    alone.happens(1, &group_exhausted(30));
    assert_eq!((serving(&alone), alone.rests()), (vec![2], vec![(1, Ailment::Exhausted, 1)]));
}

#[test]
fn a_limit_of_one_model_rests_the_account_for_that_model_only() {
    let mut scene = accounts();
    let limited =
        Outcome::RateLimited(Rest { scope: Scope::QuotaGroupModel, told: Some(Duration::from_secs(30)) });
    let (mut picked, now) = (scene.take(1), scene.now().instant);
    scene.note_for(&mut picked, &limited, Some("large"), now);

    let of = |scene: &Scene, model| (0..6).map(|turn| scene.pick_for(turn, model)).collect::<BTreeSet<_>>();
    assert_eq!(of(&scene, "large"), [4, 5, 6].into());
    assert_eq!(of(&scene, "small"), (1..=6).collect());
    scene.wait(30 * SECOND);
    assert_eq!(of(&scene, "large"), (1..=6).collect());
    assert!(!scene.pool.tells_models());
}

#[test]
fn of_a_used_up_quota_one_key_finds_out_for_all_and_the_next_request_is_its_trial() {
    let mut scene = accounts();
    scene.happens(2, &group_exhausted(30));
    scene.wait(30 * SECOND);

    let mut trial = scene.pick(5).unwrap();
    assert_eq!(trial.slot().id.0, 2);
    assert_eq!(serving(&scene), [4, 5, 6], "nobody else of the account is tried meanwhile");
    scene.note(&mut trial, &Outcome::Success);

    assert_eq!(scene.rests(), []);
    assert_eq!(serving(&scene), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_trial_that_fails_rests_the_account_on_and_longer_in_a_row() {
    let mut scene = accounts();
    scene.happens(2, &group_exhausted(30));

    for strike in 2..5 {
        scene.wait(30 * SECOND);
        let mut trial = scene.pick(0).unwrap();
        assert_eq!(trial.slot().id.0, 2);
        scene.note(&mut trial, &group_exhausted(30));
        assert_eq!(serving(&scene), [4, 5, 6]);
        assert_eq!(scene.rests(), [1, 2, 3].map(|key| (key, Ailment::Exhausted, strike)));
    }
}

#[test]
fn a_success_of_one_ends_the_row_for_all() {
    let mut scene = accounts();
    for key in [1, 2, 3] {
        scene.happens(key, &Outcome::RateLimited(Rest { scope: Scope::QuotaGroup, told: None }));
        assert_eq!(scene.rests(), [1, 2, 3].map(|key| (key, Ailment::Cooling, 1)));
        scene.wait(5 * SECOND);
        scene.pick(0);
        scene.happens(key, &Outcome::Success);
        assert_eq!(scene.rests(), []);
    }
}

#[test]
fn a_trial_that_shows_nothing_is_the_next_requests_and_a_limit_of_one_model_is_no_failure() {
    let mut scene = accounts();
    scene.happens(1, &group_exhausted(30));
    scene.wait(30 * SECOND);

    scene.note(&mut scene.pick(0).unwrap(), &Outcome::UpstreamFailed);
    let mut trial = scene.pick(0).unwrap();
    assert_eq!(trial.slot().id.0, 1);
    let now = scene.now().instant;
    scene.note_for(&mut trial, &limited_for_the_model(10), Some("large"), now);
    assert_eq!(serving(&scene), [1, 2, 3, 4, 5, 6], "the account has quota");
}

#[test]
fn where_the_key_that_would_find_out_cannot_another_one_does() {
    let rejected = |scene: &mut Scene| {
        scene.note(&mut scene.pick(0).unwrap(), &Outcome::KeyRejected);
    };
    let reset = |scene: &mut Scene| {
        scene.pool.health().reset(KeyId(1), scene.now());
        assert!(serving(scene).contains(&1), "it alone is free");
    };
    let removed = |scene: &mut Scene| replace(scene, &[2, 3, 6], "one");
    for (what, fate) in
        [("rejected", &rejected as &dyn Fn(&mut Scene)), ("reset", &reset), ("removed", &removed)]
    {
        let mut scene = grouped(Strategy::RoundRobin, 6, |key| (key < 4).then_some("one"));
        scene.happens(1, &group_exhausted(30));
        scene.wait(30 * SECOND);
        let was_trial = scene.pick(0).map(|picked| picked.slot().id.0);
        assert_eq!(was_trial, Some(1), "{what}");

        fate(&mut scene);
        let served = serving(&scene);
        assert!(served.contains(&2) && served.contains(&3), "{what}: {served:?}");
    }
}

#[test]
fn a_reset_frees_one_key_and_what_was_under_way_with_it_or_its_mates_says_nothing_of_it() {
    let mut scene = accounts();
    let (began, mut under_way) = (scene.now().instant, scene.take(2));
    scene.happens(1, &group_limited(30));
    scene.wait(SECOND);

    scene.pool.health().reset(KeyId(3), scene.now());
    assert_eq!(serving(&scene), [3, 4, 5, 6]);
    scene.note_for(&mut under_way, &group_limited(90), None, began);
    assert_eq!(serving(&scene), [3, 4, 5, 6]);
    scene.happens(3, &group_limited(200));
    assert_eq!(serving(&scene), [4, 5, 6], "what began after it counts");
}

#[test]
fn many_requests_that_meet_the_same_limit_at_once_rest_the_account_once() {
    let mut scene = accounts();
    let mut attempts = [1, 2, 3, 1].map(|key| scene.take(key));
    let [first, others @ ..] = &mut attempts;
    assert!(scene.note(first, &group_limited(30)).is_some());
    scene.pool.health().take_changes();

    for attempt in others {
        scene.wait(Duration::from_millis(300));
        assert!(scene.note(attempt, &group_limited(30)).is_none());
    }
    assert_eq!(scene.pool.health().take_changes().0, []);
    assert_eq!(serving(&scene), [4, 5, 6]);
}

#[test]
fn what_is_worse_or_longer_for_one_key_stays_as_it_is() {
    let mut scene = accounts();
    let mut under_way = scene.take(3);
    scene.happens(1, &Outcome::KeyRejected);
    scene.happens(2, &limited(Some(90)));
    scene.note(&mut under_way, &group_limited(30));

    scene.wait(30 * SECOND);
    assert_eq!(serving(&scene), [3, 4, 5, 6]);
    scene.wait(30 * SECOND);
    assert_eq!(serving(&scene), [1, 3, 4, 5, 6]);
    scene.wait(30 * SECOND);
    assert_eq!(serving(&scene), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_penalty_of_an_account_is_taken_back_whole_but_for_what_has_happened_since() {
    let mut scene = accounts();
    scene.happens(3, &limited(Some(10)));
    let penalty = scene.happens(1, &group_exhausted(30)).unwrap();
    assert_eq!(serving(&scene), [4, 5, 6]);
    scene.pool.health().refund(penalty);
    assert_eq!(scene.rests(), [(3, Ailment::Cooling, 1)], "as it was before");
    scene.wait(10 * SECOND);
    assert_eq!(serving(&scene), [1, 2, 3, 4, 5, 6]);

    let mut under_way = scene.take(2);
    let penalty = scene.happens(1, &group_exhausted(30)).unwrap();
    scene.note(&mut under_way, &Outcome::KeyRejected);
    scene.pool.health().refund(penalty);
    assert_eq!(scene.rests(), [(2, Ailment::Invalid, 1)]);
}

#[test]
fn a_trial_that_is_taken_back_leaves_the_account_as_it_was() {
    let mut scene = accounts();
    scene.happens(1, &group_exhausted(30));
    scene.wait(30 * SECOND);

    let mut trial = scene.pick(0).unwrap();
    let penalty = scene.note(&mut trial, &group_exhausted(30)).unwrap();
    scene.pool.health().refund(penalty);

    assert_eq!(scene.rests(), [1, 2, 3].map(|key| (key, Ailment::Exhausted, 1)));
    let _trial = scene.pick(0).unwrap();
    assert_eq!(serving(&scene), [4, 5, 6], "one finds out, as before");
}

#[test]
fn after_a_restart_one_key_still_finds_out_for_all() {
    let before = accounts();
    before.happens(2, &group_exhausted(30));
    let told = before.pool.health().resting();
    assert!(told.iter().any(|rest| &*rest.reason == "its quota group rests: the rule"));

    let mut after = accounts();
    after.pool.health().restore(told, after.now());
    assert_eq!(serving(&after), [4, 5, 6]);
    after.wait(30 * SECOND);
    let mut trial = after.pick(0).unwrap();
    assert_eq!(serving(&after), [4, 5, 6]);
    after.note(&mut trial, &Outcome::Success);
    assert_eq!(serving(&after), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn keys_that_are_passed_over_for_their_account_are_told_so() {
    let scene = accounts();
    scene.happens(6, &limited(Some(30)));
    scene.happens(4, &group_limited(30));

    let (mut told, more) = scene.pool.health().passed_over(None, 10);
    told.sort_unstable();
    assert_eq!(told, [(KeyId(4), "quota_group"), (KeyId(5), "quota_group"), (KeyId(6), "cooling")]);
    assert_eq!(more, 0);
}

#[test]
fn an_account_of_twenty_thousand_keys_comes_back_while_requests_go_on() {
    const KEYS: i64 = 100_000;
    let mut scene = grouped(Strategy::RoundRobin, KEYS, |key| (key <= 20_000).then_some("large"));
    scene.happens(1, &group_limited(30));
    assert_eq!(scene.pool.health().count(), [20_000, 0, 0]);
    assert!((0..100).all(|turn| scene.pick(turn).unwrap().slot().id.0 > 20_000));

    scene.wait(30 * SECOND);
    for turn in 0..20 {
        assert!(scene.pick(turn).is_some());
    }
    assert_eq!(scene.pool.health().count(), [0; 3]);
    assert_eq!(scene.pick(7).unwrap().slot().id.0, 8);
}

proptest! {
    #[test]
    fn whatever_happens_to_accounts_every_rest_ends(
        keys in 1_i64..40,
        events in prop::collection::vec((any::<u64>(), 0_u8..10, 0_u64..100), 0..150),
    ) {
        let mut scene = grouped(Strategy::RoundRobin, keys, |key| match key % 4 {
            0 => None,
            1 => Some("one"),
            _ => Some("two"),
        });
        let mut under_way = Vec::new();
        let mut penalties = Vec::new();
        for (turn, what, seconds) in events {
            let now = scene.now();
            let rest = |scope| Rest { scope, told: Some(Duration::from_secs(seconds)) };
            let outcome = match what {
                0 => Outcome::Success,
                1 => Outcome::KeyRejected,
                2 => Outcome::RateLimited(rest(Scope::QuotaGroup)),
                3 => Outcome::QuotaExhausted(rest(Scope::QuotaGroup)),
                4 => Outcome::QuotaExhausted(rest(Scope::QuotaGroupModel)),
                5 => Outcome::QuotaExhausted(rest(Scope::Key)),
                6 => Outcome::UpstreamFailed,
                7 => {
                    scene.pool.health().reset(KeyId(turn.cast_signed().rem_euclid(keys) + 1), now);
                    continue;
                }
                8 => {
                    under_way.extend(scene.pick(turn).map(|picked| (picked, now.instant)));
                    scene.wait(Duration::from_secs(seconds));
                    continue;
                }
                _ => {
                    penalties.drain(..).for_each(|penalty| scene.pool.health().refund(penalty));
                    continue;
                }
            };
            under_way.extend(scene.pick(turn).map(|picked| (picked, now.instant)));
            if let Some((mut picked, started)) = (!under_way.is_empty()).then(|| under_way.swap_remove(0)) {
                penalties.extend(scene.note_for(&mut picked, &outcome, Some("large"), started));
            }
        }
        drop(under_way);
        scene.wait(Duration::from_hours(24 * 31));
        for turn in 0..5 * keys.cast_unsigned() {
            // Where no key serves, trials keep their distance.
            scene.wait(SECOND);
            if let Some(mut picked) = scene.pick(turn) {
                scene.note(&mut picked, &Outcome::Success);
            }
        }
        prop_assert_eq!(scene.cycle(0..keys.cast_unsigned()), (1..=keys).collect::<Vec<_>>());
        prop_assert_eq!(scene.pool.health().count(), [0; 3]);
        prop_assert!(!scene.pool.tells_models());
    }
}
