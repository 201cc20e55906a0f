//! New snapshots, restarts, and times of day that jump.

use super::*;

#[test]
fn a_new_snapshot_changes_nothing_for_those_who_rest() {
    let mut scene = scene(Strategy::RoundRobin, 3);
    scene.happens(1, &limited(Some(30)));
    scene.happens(3, &Outcome::KeyRejected);
    let (mut picked, now) = (scene.take(2), scene.now().instant);
    scene.note_for(&mut picked, &limited_for_the_model(30), Some("large"), now);

    let health = Arc::clone(scene.pool.health());
    let slots = [5, 4, 2, 1].map(|id| slot(id, 1)).into();
    let old = std::mem::replace(
        &mut scene.pool,
        KeyPool::new(Strategy::RoundRobin, slots, Groups::default(), Arc::new(NoTurns), health),
    );

    assert_eq!(scene.cycle(0..3), [2, 4, 5]);
    let mut large = [scene.pick_for(0, "large"), scene.pick_for(1, "large")];
    large.sort_unstable();
    assert_eq!(large, [4, 5]);
    assert_eq!(scene.rests().len(), 2, "key 3 has left");
    // Requests that still have the old snapshot disturb nobody.
    assert!(old.pick(&scene.wish(0)).is_some());
    scene.wait(30 * SECOND);
    assert!(old.pick(&scene.wish(0)).is_some());
    assert_eq!(scene.keys(0..4), [1, 2, 4, 5]);
}

#[test]
fn after_a_restart_everyone_rests_on() {
    let mut before = scene(Strategy::RoundRobin, 3);
    before.happens(1, &limited(Some(30)));
    before.happens(2, &Outcome::KeyRejected);
    before.wait(10 * SECOND);
    let told = before.pool.health().resting();

    let mut after = scene(Strategy::RoundRobin, 3);
    after.wait(10 * SECOND);
    after.pool.health().restore(told, after.now());

    assert_eq!(after.keys(0..2), [3, 3]);
    assert_eq!(after.rests(), [(1, Ailment::Cooling, 1), (2, Ailment::Invalid, 1)]);
    after.wait(20 * SECOND);
    assert_eq!(after.cycle(0..2), [1, 3]);
}

const JUMPS: [SignedDuration; 4] = [
    SignedDuration::from_hours(-24),
    SignedDuration::from_hours(-1),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(24),
];

#[test]
fn a_time_of_day_that_jumps_makes_no_rest_longer_or_shorter() {
    for jump in JUMPS {
        let mut scene = scene(Strategy::RoundRobin, 5);
        scene.happens(1, &limited(Some(60)));
        scene.happens(2, &exhausted(60));
        scene.happens(3, &Outcome::KeyRejected);

        scene.jumped = jump;
        scene.happens(4, &limited(Some(60)));
        scene.wait(Duration::from_secs(29));
        assert_eq!(scene.keys(0..3), [5, 5, 5], "{jump}");
        scene.jumped = -jump;
        scene.wait(Duration::from_secs(31));

        let back: Vec<Picked> = (0..20).map_while(|turn| scene.pick(turn)).collect();
        let back: BTreeSet<i64> = back.iter().map(|picked| picked.slot().id.0).collect();
        assert_eq!(back, (1..=5).collect(), "{jump}");
    }
}

#[test]
fn a_time_of_day_that_jumps_over_a_restart_makes_no_rest_longer_than_it_was() {
    for jump in JUMPS {
        let before = scene(Strategy::RoundRobin, 2);
        before.happens(1, &limited(Some(60)));

        let mut after = scene(Strategy::RoundRobin, 2);
        after.jumped = jump;
        after.pool.health().restore(before.pool.health().resting(), after.now());
        after.wait(60 * SECOND);

        assert_eq!(after.cycle(0..2), [1, 2], "{jump}");
    }
}
