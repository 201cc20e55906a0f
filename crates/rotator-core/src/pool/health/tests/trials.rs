//! Keys that were not accepted: one request finds out.

use super::*;

#[test]
fn a_rejected_key_is_given_one_trial_and_comes_back_if_it_succeeds() {
    let mut scene = scene(Strategy::RoundRobin, 2);
    scene.happens(1, &Outcome::KeyRejected);
    assert_eq!(scene.keys(0..2), [2, 2]);
    scene.wait(RestPolicy::default().first_trial);

    let mut trial = scene.pick(0).unwrap();
    assert_eq!(trial.slot().id.0, 1);
    assert_eq!(scene.keys(0..4), [2, 2, 2, 2], "one at a time");
    scene.note(&mut trial, &Outcome::Success);

    assert_eq!(scene.keys(0..2), [1, 2]);
    assert_eq!(scene.rests(), []);
}

#[test]
fn a_key_that_fails_its_trial_rests_longer_and_is_never_given_up() {
    let mut scene = scene(Strategy::RoundRobin, 1);
    let policy = RestPolicy::default();

    for strike in 1..12_u32 {
        scene.happens(1, &Outcome::KeyRejected);
        assert_eq!(scene.rests(), [(1, Ailment::Invalid, strike)]);
        let rest = scene.pool.health().next_to_end().unwrap().1 - scene.now().instant;
        let longest = (policy.first_trial * 4_u32.pow(strike - 1)).min(policy.max_trial);
        assert!((longest / 2..=longest).contains(&rest), "strike {strike}: {rest:?}");
        scene.wait(rest);
    }
}

#[test]
fn where_no_key_serves_one_a_second_is_tried_and_all_of_them_as_soon_as_one_does() {
    let mut scene = scene(Strategy::RoundRobin, 50);
    for key in 1..=50 {
        scene.happens(key, &Outcome::KeyRejected);
    }
    scene.wait(RestPolicy::default().first_trial);

    for _ in 0..10 {
        let mut trial = scene.pick(0).unwrap();
        assert!(scene.pick(1).is_none(), "another one at the same time");
        scene.note(&mut trial, &Outcome::KeyRejected);
        scene.wait(Duration::from_millis(999));
        assert!(scene.pick(2).is_none());
        assert_eq!(
            scene.pool.health().next_to_end(),
            Some((Ailment::Invalid, scene.now().instant + Duration::from_millis(1)))
        );
        scene.wait(Duration::from_millis(1));
    }

    let mut trial = scene.pick(0).unwrap();
    scene.note(&mut trial, &Outcome::Success);
    let mut trials: Vec<Picked> = (0..100).map_while(|turn| scene.pick(turn)).collect();
    trials.retain(|picked| picked.slot().id != trial.slot().id);
    assert_eq!(trials.len(), 39, "ten have failed theirs");
}

#[test]
fn a_key_that_was_only_limited_is_not_kept_waiting_by_trials() {
    let mut scene = scene(Strategy::RoundRobin, 3);
    scene.happens(1, &Outcome::KeyRejected);
    scene.happens(2, &Outcome::KeyRejected);
    scene.happens(3, &limited(Some(61)));
    scene.wait(60 * SECOND);
    let trial = scene.pick(0).unwrap();
    assert!(trial.slot().id.0 < 3 && scene.pick(1).is_none());

    scene.wait(SECOND);
    assert!(scene.keys(0..9).contains(&3));
}

#[test]
fn a_trial_that_shows_nothing_is_the_next_requests() {
    let mut scene = scene(Strategy::RoundRobin, 2);
    scene.happens(1, &exhausted(30));
    scene.wait(30 * SECOND);

    for inconclusive in [None, Some(Outcome::UpstreamFailed), Some(Outcome::RequestFault)] {
        let mut trial = scene.pick(0).unwrap();
        assert_eq!(trial.slot().id.0, 1);
        assert_eq!(scene.keys(0..2), [2, 2]);
        if let Some(outcome) = inconclusive {
            scene.note(&mut trial, &outcome);
        }
    }
    assert_eq!(scene.rests(), [(1, Ailment::Exhausted, 1)]);
}

#[test]
fn a_request_that_cannot_be_repeated_is_no_trial() {
    let mut scene = scene(Strategy::RoundRobin, 2);
    scene.happens(1, &Outcome::KeyRejected);
    scene.wait(60 * SECOND);

    let once_only = |turn| scene.pool.pick(&Wish { may_try: false, ..scene.wish(turn) }).unwrap().slot().id.0;
    assert_eq!((once_only(0), once_only(1)), (2, 2));
    assert_eq!(scene.pick(0).unwrap().slot().id.0, 1);
}
