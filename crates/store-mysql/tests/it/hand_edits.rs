//! Rows that other hands wrote.

use contract_tests::fixtures::{add, change, insert};
use rotator_core::store::{ConfigQuery, Store, StoreError};

use crate::support::Scratch;

#[tokio::test]
async fn a_row_that_makes_no_sense_hides_no_other() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    let (good, bad, worse) =
        (insert(&store, "a").await, insert(&store, "b").await, insert(&store, "c").await);
    scratch
        .execute(
            "UPDATE proxy_configs SET target_base_url = 'gopher://x' WHERE id = 2;
             UPDATE proxy_configs SET options = '{' WHERE id = 3",
        )
        .await;

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
async fn a_config_that_was_pointed_elsewhere_gets_no_key_until_an_admin_saves_it() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    let victim = insert(&store, "a").await;
    add(&store, victim, &["sk-1"]).await;
    let spec = store.config(victim).await.unwrap().unwrap().config.spec;

    for edit in ["target_base_url = 'https://evil.example'", "vouched = NULL"] {
        scratch.execute(&format!("UPDATE proxy_configs SET {edit}")).await;

        assert!(store.route_sources().await.unwrap().is_empty(), "{edit}");
        let error = store.route_source(victim).await.unwrap_err();
        assert!(error.to_string().contains("save the config again"), "{edit}: {error}");

        store.replace_config(victim, spec.clone(), &change()).await.unwrap();
        assert_eq!(store.route_source(victim).await.unwrap().unwrap().keys.len(), 1, "{edit}");
    }
}
