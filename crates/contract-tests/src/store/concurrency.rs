//! Many callers at once.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use rotator_core::store::{ConfigQuery, KeyQuery, KeyUsage, Store, StoreError};

use super::samples::{add, add_one, assert_slug_conflict, at, change, insert, key, keys, spec};

/// Runs all of them at once and answers what each answered, in their order.
pub(super) async fn together<'a, T>(
    futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'a>,
) -> Vec<T> {
    let mut pending: Vec<Pin<Box<dyn Future<Output = T> + Send + 'a>>> = Vec::new();
    pending.extend(futures.into_iter().map(|future| Box::pin(future) as _));
    let mut answers: Vec<Option<T>> = pending.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, answer) in pending.iter_mut().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                *answer = Some(value);
            }
        }
        if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}

pub async fn one_of_many_inserts_of_a_slug_wins(store: &dyn Store) {
    let results =
        together((0..20).map(|_| async { store.insert_config(spec("same"), &change()).await })).await;

    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    lost.into_iter().for_each(assert_slug_conflict);
    assert_eq!(store.configs(&ConfigQuery::default()).await.unwrap().total, 1);
}

pub async fn one_of_many_additions_of_a_key_adds_it(store: &dyn Store) {
    let config = insert(store, "c").await.id;

    let added = together((0..20).map(|_| add(store, config, vec![key("sk-1"), key("sk-2")]))).await;

    assert_eq!(added.iter().map(|added| added.ids.len()).sum::<usize>(), 2);
    assert_eq!(added.iter().map(|added| added.duplicates).sum::<u64>(), 38);
}

pub async fn fifty_writers_lose_nothing(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    let shared = add_one(store, config, "sk-shared").await;
    let usage = [KeyUsage { key_id: shared, successes: 1, failures: 0, last_used_at: at(1) }];

    let writer = async |n: usize| -> Result<(), StoreError> {
        let own = store.insert_config(spec(&format!("own-{n}")), &change()).await?;
        store.add_keys(own.id, keys(3), &change()).await?;
        store.add_keys(config, vec![key(&format!("sk-{n}"))], &change()).await?;
        store.add_key_usage(&usage).await
    };
    let results =
        together((0..50).map(|n| Box::pin(writer(n)) as Pin<Box<dyn Future<Output = _> + Send + '_>>)).await;

    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(store.configs(&ConfigQuery::default()).await.unwrap().total, 51);
    assert_eq!(store.keys(config, &KeyQuery::default()).await.unwrap().total, 51);
    assert_eq!(store.key(shared).await.unwrap().unwrap().success_count, 50);
    assert_eq!(store.audit_entries(1000).await.unwrap().len(), 2 + 3 * 50);
}

pub async fn reading_goes_on_beside_writing(store: &dyn Store) {
    let config = insert(store, "c").await.id;

    let write = async {
        for n in 0..20 {
            add(store, config, vec![key(&format!("sk-a-{n}")), key(&format!("sk-b-{n}"))]).await;
        }
        true
    };
    let read = async {
        let mut whole = true;
        for _ in 0..20 {
            let source = store.route_source(config).await.unwrap().unwrap();
            // A batch is seen as a whole or not at all.
            whole &= source.keys.len() % 2 == 0;
        }
        whole
    };
    let both: [Pin<Box<dyn Future<Output = bool> + Send + '_>>; 2] = [Box::pin(write), Box::pin(read)];

    assert_eq!(together(both).await, [true, true]);
}

pub async fn the_store_answers_a_ping(store: &dyn Store) {
    store.ping().await.unwrap();
}
