//! Keys that rest, over a restart.

use rotator_core::{
    model::KeyId,
    pool::{Ailment, Resting},
    store::Store,
};

use super::samples::{add_one, at, change, insert};

fn rest(key: KeyId, model: Option<&str>, ailment: Ailment) -> Resting {
    Resting {
        key,
        model: model.map(Into::into),
        ailment,
        reason: "too many requests".into(),
        since: at(10),
        until: at(20),
        strikes: 3,
    }
}

pub async fn rests_are_kept_by_key_and_model(store: &dyn Store) {
    let (a, b) = (insert(store, "a").await.id, insert(store, "b").await.id);
    let (one, two) = (add_one(store, a, "sk-1").await, add_one(store, b, "sk-2").await);
    let rests = [
        rest(one, None, Ailment::Invalid),
        rest(one, Some("gpt-5"), Ailment::Exhausted),
        rest(two, None, Ailment::Cooling),
    ];

    store.put_rests(&[one, two], &rests).await.unwrap();

    let [whole, model, other] = rests;
    assert_eq!(store.rests().await.unwrap(), [(a, whole), (a, model), (b, other)]);
}

pub async fn rests_of_a_key_are_replaced_and_others_stay(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    let (one, two) = (add_one(store, config, "sk-1").await, add_one(store, config, "sk-2").await);
    let (first, other) = (rest(one, None, Ailment::Invalid), rest(two, None, Ailment::Cooling));
    store.put_rests(&[one, two], &[first, other.clone()]).await.unwrap();

    let second = rest(one, Some("m"), Ailment::Cooling);
    store.put_rests(&[one], std::slice::from_ref(&second)).await.unwrap();
    assert_eq!(store.rests().await.unwrap(), [(config, second), (config, other.clone())]);

    store.put_rests(&[one], &[]).await.unwrap();
    store.put_rests(&[], &[]).await.unwrap();
    assert_eq!(store.rests().await.unwrap(), [(config, other)]);
}

pub async fn a_key_that_is_gone_rests_no_more(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    let (gone, late) = (add_one(store, config, "sk-1").await, add_one(store, config, "sk-2").await);
    store.put_rests(&[gone], &[rest(gone, None, Ailment::Invalid)]).await.unwrap();

    store.delete_key(gone, &change()).await.unwrap();
    assert_eq!(store.rests().await.unwrap(), []);

    store.delete_key(late, &change()).await.unwrap();
    store.put_rests(&[late], &[rest(late, None, Ailment::Invalid)]).await.unwrap();
    assert_eq!(store.rests().await.unwrap(), []);
}
