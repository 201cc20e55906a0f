//! What keys served.

use rotator_core::{
    model::KeyId,
    store::{KeyUsage, Store},
};

use super::samples::{add_one, at, change, insert};

fn usage(key_id: KeyId, successes: u64, failures: u64, last: i64) -> KeyUsage {
    KeyUsage { key_id, successes, failures, last_used_at: at(last) }
}

pub async fn usage_adds_up(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    let (one, two) = (add_one(store, config, "sk-1").await, add_one(store, config, "sk-2").await);

    store.add_key_usage(&[usage(one, 5, 1, 10), usage(two, 1, 0, 20)]).await.unwrap();
    store.add_key_usage(&[usage(one, 2, 0, 30), usage(one, 1, 1, 40)]).await.unwrap();
    store.add_key_usage(&[]).await.unwrap();

    let (one, two) = (store.key(one).await.unwrap().unwrap(), store.key(two).await.unwrap().unwrap());
    assert_eq!((one.success_count, one.failure_count, one.last_used_at), (8, 2, Some(at(40))));
    assert_eq!((two.success_count, two.failure_count, two.last_used_at), (1, 0, Some(at(20))));
}

pub async fn usage_of_a_key_that_is_gone_is_passed_over(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    let (gone, kept) = (add_one(store, config, "sk-1").await, add_one(store, config, "sk-2").await);
    store.delete_key(gone, &change()).await.unwrap();

    store.add_key_usage(&[usage(gone, 5, 1, 10), usage(kept, 3, 0, 20)]).await.unwrap();

    assert_eq!(store.key(kept).await.unwrap().unwrap().success_count, 3);
    assert!(store.key(gone).await.unwrap().is_none());
}

pub async fn the_last_use_never_goes_back(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    let id = add_one(store, config, "sk-1").await;

    store.add_key_usage(&[usage(id, 1, 0, 50), usage(id, 1, 0, 20)]).await.unwrap();

    assert_eq!(store.key(id).await.unwrap().unwrap().last_used_at, Some(at(50)));
}
