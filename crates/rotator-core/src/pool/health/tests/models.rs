//! Limits of single models.

use super::*;

#[test]
fn a_limit_of_one_model_leaves_the_others_alone() {
    let mut scene = scene(Strategy::RoundRobin, 2);
    assert!(!scene.pool.tells_models());
    let (mut picked, now) = (scene.take(1), scene.now().instant);
    scene.note_for(&mut picked, &limited_for_the_model(30), Some("large"), now);

    assert!(scene.pool.tells_models());
    assert_eq!([scene.pick_for(0, "large"), scene.pick_for(1, "large")], [2, 2]);
    assert_eq!([scene.pick_for(0, "small"), scene.pick_for(1, "small")], [1, 2]);
    assert_eq!(scene.keys(0..2), [1, 2]);

    // A key that rests as a whole rests for every model, and comes back for those of which nothing else is known.
    scene.happens(1, &limited(Some(10)));
    scene.happens(2, &limited(Some(5)));
    scene.wait(5 * SECOND);
    assert_eq!([scene.pick_for(0, "large"), scene.pick_for(0, "small")], [2, 2]);
    scene.wait(5 * SECOND);
    assert_eq!([scene.pick_for(0, "large"), scene.pick_for(0, "small")], [2, 1]);

    scene.wait(20 * SECOND);
    assert_eq!([scene.pick_for(0, "large"), scene.pick_for(1, "large")], [1, 2]);
    assert!(!scene.pool.tells_models());
}

#[test]
fn a_limit_of_a_model_that_nobody_knows_rests_the_key() {
    let scene = scene(Strategy::RoundRobin, 2);
    scene.happens(1, &limited_for_the_model(30));

    assert_eq!(scene.keys(0..2), [2, 2]);
}

#[test]
fn more_models_than_can_be_told_apart_rest_the_key() {
    let scene = scene(Strategy::RoundRobin, 2);
    for model in 0..100 {
        if let Some(mut picked) = scene.pool.pick(&Wish { tried: &[KeyId(2)], ..scene.wish(0) }) {
            let now = scene.now().instant;
            scene.note_for(&mut picked, &limited_for_the_model(30), Some(&model.to_string()), now);
        }
    }

    assert_eq!(scene.keys(0..2), [2, 2]);
    assert!(scene.rests().len() <= 65);
}
