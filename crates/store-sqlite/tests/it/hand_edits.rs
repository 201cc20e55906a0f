//! Rows that a hand has changed.

use contract_tests::fixtures::{add, change, insert, insert_at};
use rotator_core::store::{ConfigQuery, Store, StoreError};

use crate::support::{connect, folder, open};

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

#[tokio::test]
async fn a_config_that_was_pointed_elsewhere_gets_no_key_until_an_admin_saves_it() {
    let folder = folder();
    let store = open(folder.path()).await;
    let (victim, other) = (insert(&store, "a").await, insert(&store, "b").await);
    add(&store, victim, &["sk-1"]).await;
    let spec = store.config(victim).await.unwrap().unwrap().config.spec;
    let mine = "(SELECT vouched FROM proxy_configs WHERE id = 3)";
    let evil = insert_at(&store, "c", "https://evil.example").await;

    for edit in [
        "target_base_url = 'https://evil.example'".to_owned(),
        "target_base_url = 'http://api.example.com'".to_owned(),
        "target_base_url = 'https://api.example.com:8443'".to_owned(),
        "options = json_set(options, '$.accept_invalid_certs', json('true'))".to_owned(),
        "vouched = NULL".to_owned(),
        format!("target_base_url = 'https://evil.example', vouched = {mine}"),
    ] {
        connect(folder.path())
            .execute_batch(&format!("UPDATE proxy_configs SET {edit} WHERE id = {victim}"))
            .unwrap();

        let served = store.route_sources().await.unwrap();
        assert_eq!(served.iter().map(|source| source.config.id).collect::<Vec<_>>(), [other, evil], "{edit}");
        let error = store.route_source(victim).await.unwrap_err();
        assert!(error.to_string().contains("save the config again"), "{edit}: {error}");

        store.replace_config(victim, spec.clone(), &change()).await.unwrap();
        assert_eq!(store.route_source(victim).await.unwrap().unwrap().keys.len(), 1, "{edit}");
    }
}

#[tokio::test]
async fn a_path_on_the_same_host_is_no_other_destination() {
    let folder = folder();
    let store = open(folder.path()).await;
    let id = insert(&store, "a").await;
    connect(folder.path())
        .execute_batch("UPDATE proxy_configs SET target_base_url = 'https://api.example.com/v2', name = 'n'")
        .unwrap();

    assert_eq!(store.config(id).await.unwrap().unwrap().config.spec.target.url().path(), "/v2");
}
