//! Rows that a hand has changed.

use rotator_core::store::{ConfigQuery, Store, StoreError};

use crate::support::{add, change, connect, folder, insert, open};

#[tokio::test]
async fn a_row_that_makes_no_sense_harms_no_other() {
    let folder = folder();
    let store = open(folder.path()).await;
    let (good, bad, worse) =
        (insert(&store, "a").await, insert(&store, "b").await, insert(&store, "c").await);
    add(&store, good, &["sk-1"]).await;
    connect(folder.path())
        .execute_batch(
            "UPDATE proxy_configs SET target_base_url = 'gopher://x' WHERE id = 2;
             UPDATE proxy_configs SET options = '{' WHERE id = 3;",
        )
        .unwrap();

    let sources = store.route_sources().await.unwrap();
    let listed = store.configs(&ConfigQuery::default()).await.unwrap();

    assert_eq!(sources.iter().map(|source| source.config.id).collect::<Vec<_>>(), [good]);
    assert_eq!(listed.items.iter().map(|item| item.config.id).collect::<Vec<_>>(), [good]);
    for id in [bad, worse] {
        let error = store.config(id).await.unwrap_err();
        assert!(matches!(&error, StoreError::Inconsistent { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("config {id}")), "{error}");
    }
}

#[tokio::test]
async fn a_row_that_makes_no_sense_can_be_replaced_or_deleted() {
    let folder = folder();
    let store = open(folder.path()).await;
    let (good, bad, worse) =
        (insert(&store, "a").await, insert(&store, "b").await, insert(&store, "c").await);
    connect(folder.path()).execute_batch("UPDATE proxy_configs SET config_type = '?' WHERE id > 1").unwrap();
    let spec = store.config(good).await.unwrap().unwrap().config.spec;
    store.delete_config(good, &change()).await.unwrap();

    store.replace_config(bad, spec.clone(), &change()).await.unwrap();
    store.delete_config(worse, &change()).await.unwrap();

    assert_eq!(store.config(bad).await.unwrap().unwrap().config.spec, spec);
}
