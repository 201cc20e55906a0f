//! The servers that run on the store, and which of them leads.

use std::time::Duration;

use rotator_core::store::{Dependency, Instance, LiveInstance, Store};
use tokio::time::sleep;

use super::{concurrency::together, samples::at};

const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(20);

pub(super) fn instance(id: &str) -> Instance {
    Instance {
        id: id.into(),
        hostname: "a' \"machine\" ü".into(),
        version: "1.2.3".into(),
        build: "enterprise".into(),
        started_at: at(0),
        told_at: at(1000),
        revision: Some(u64::MAX),
        snapshot_age: 3,
        database: Dependency { is_up: true, since: at(1) },
        cache: Dependency { is_up: false, since: at(2) },
    }
}

pub async fn an_instance_is_listed_as_it_told_last_until_it_leaves(store: &dyn Store) {
    assert_eq!(store.instances().await.unwrap(), []);
    let later = Instance { told_at: at(2000), revision: None, ..instance("one") };

    store.beat(&instance("one"), LONG).await.unwrap();
    let term = store.beat(&later, LONG).await.unwrap();
    store.beat(&instance("two"), LONG).await.unwrap();

    let one = LiveInstance { instance: later, term };
    let two = LiveInstance { instance: instance("two"), term: None };
    assert!(term.is_some());
    assert_eq!(store.instances().await.unwrap(), [one, two.clone()]);

    store.leave("one").await.unwrap();
    assert_eq!(store.instances().await.unwrap(), [two]);
}

pub async fn of_many_instances_one_leads(store: &dyn Store) {
    let all: Vec<Instance> = (0..10).map(|n| instance(&format!("i-{n}"))).collect();

    let terms = together(all.iter().map(|one| async { store.beat(one, LONG).await.unwrap() })).await;

    let live = store.instances().await.unwrap();
    assert_eq!(live.len(), 10);
    assert_eq!(live.iter().map(|one| one.term).collect::<Vec<_>>(), terms);
    assert_eq!(terms.iter().flatten().count(), 1);
}

pub async fn a_leader_goes_on_leading_in_the_same_term(store: &dyn Store) {
    let term = store.beat(&instance("one"), SHORT).await.unwrap();
    let renewed = store.beat(&instance("one"), LONG).await.unwrap();
    assert!(term.is_some() && renewed == term);

    sleep(2 * SHORT).await;
    assert_eq!(store.beat(&instance("two"), LONG).await.unwrap(), None);
}

pub async fn who_leaves_leads_no_more(store: &dyn Store) {
    let first = store.beat(&instance("one"), LONG).await.unwrap();
    assert_eq!(store.beat(&instance("two"), LONG).await.unwrap(), None);

    store.leave("two").await.unwrap();
    assert_eq!(store.beat(&instance("three"), LONG).await.unwrap(), None);
    store.leave("one").await.unwrap();
    let second = store.beat(&instance("three"), LONG).await.unwrap();

    assert!(second > first, "{second:?}");
    assert_eq!(store.beat(&instance("one"), LONG).await.unwrap(), None);
}

pub async fn who_beats_no_more_is_gone_and_another_leads(store: &dyn Store) {
    let first = store.beat(&instance("one"), SHORT).await.unwrap();
    sleep(2 * SHORT).await;
    assert_eq!(store.instances().await.unwrap(), []);

    let second = store.beat(&instance("two"), LONG).await.unwrap();

    assert!(second > first, "{second:?}");
    assert_eq!(store.beat(&instance("one"), LONG).await.unwrap(), None);
    assert_eq!(store.instances().await.unwrap().len(), 2);
}
