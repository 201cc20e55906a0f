//! What the snapshot is built from.

use rotator_core::{
    model::ConfigId,
    store::{RouteSource, Store},
};

use super::samples::{add, change, disabled, insert, key, text};

fn pool(source: &RouteSource) -> (&str, Vec<(&str, bool)>) {
    (source.config.spec.slug.as_str(), source.keys.iter().map(|key| (text(key), key.is_active)).collect())
}

pub async fn route_sources_hold_every_config_with_every_key(store: &dyn Store) {
    let (one, two) = (insert(store, "one").await.id, insert(store, "two").await.id);
    insert(store, "empty").await;
    add(store, one, vec![key("sk-1"), disabled("sk-2")]).await;
    add(store, two, vec![key("sk-3")]).await;
    add(store, one, vec![key("sk-4")]).await;
    store.set_config_active(two, false, &change()).await.unwrap();

    let mut sources = store.route_sources().await.unwrap();
    sources.sort_by_key(|source| source.config.id);

    assert_eq!(sources.len(), 3);
    assert_eq!(pool(&sources[0]), ("one", vec![("sk-1", true), ("sk-2", false), ("sk-4", true)]));
    assert_eq!(pool(&sources[1]), ("two", vec![("sk-3", true)]));
    assert_eq!(pool(&sources[2]), ("empty", vec![]));
    assert!(sources[0].config.spec.is_active && !sources[1].config.spec.is_active);
}

pub async fn a_route_source_holds_one_config_with_its_keys(store: &dyn Store) {
    let (one, two) = (insert(store, "one").await.id, insert(store, "two").await.id);
    add(store, one, vec![key("sk-1"), disabled("sk-2")]).await;
    add(store, two, vec![key("sk-3")]).await;

    let source = store.route_source(one).await.unwrap().unwrap();

    assert_eq!(pool(&source), ("one", vec![("sk-1", true), ("sk-2", false)]));
    assert!(store.route_source(ConfigId(4711)).await.unwrap().is_none());
}
