//! Keys at rest.

use contract_tests::fixtures::{add, change, insert, kek, text};
use rotator_core::{store::Store, vault::KeyEncryptionKeys};
use store_sqlite::Error;

use crate::support::{connect, files, files_with, folder, open, open_with, options};

#[tokio::test]
async fn no_file_holds_a_key() {
    let folder = folder();
    let store = open(folder.path()).await;
    let config = insert(&store, "c").await;
    let ids = add(&store, config, &["sk-canary-1", "sk-canary-2"]).await;
    store.delete_key(ids[0], &change()).await.unwrap();

    assert_eq!(files_with(folder.path(), "sk-canary"), [""; 0]);
    store.close().await;
    assert_eq!(files_with(folder.path(), "sk-canary"), [""; 0]);
}

#[tokio::test]
async fn a_deleted_key_leaves_nothing_in_the_files() {
    let folder = folder();
    let store = open(folder.path()).await;
    let config = insert(&store, "c").await;
    let ids = add(&store, config, &["sk-1", "sk-2"]).await;
    let sealed: String = connect(folder.path())
        .query_row("SELECT key_value FROM api_keys WHERE id = 1", (), |row| row.get(0))
        .unwrap();
    assert!(!files_with(folder.path(), &sealed).is_empty());

    store.delete_key(ids[0], &change()).await.unwrap();
    store.close().await;

    assert_eq!(files_with(folder.path(), &sealed), [""; 0]);
}

#[tokio::test]
async fn the_same_key_is_sealed_differently_in_every_row() {
    let folder = folder();
    let store = open(folder.path()).await;
    for slug in ["a", "b"] {
        let config = insert(&store, slug).await;
        add(&store, config, &["sk-1"]).await;
    }

    let sql = "SELECT count(DISTINCT key_value) + count(DISTINCT fingerprint) FROM api_keys";
    let different: i64 = connect(folder.path()).query_row(sql, (), |row| row.get(0)).unwrap();

    assert_eq!(different, 4);
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_the_files_stay_as_they_were() {
    let folder = folder();
    let store = open(folder.path()).await;
    insert(&store, "c").await;
    store.close().await;
    let before = files(folder.path());

    let keys = KeyEncryptionKeys { primary: kek('b'), previous: vec![kek('c')] };
    let error = open_with(store_sqlite::OpenOptions { keys, ..options(folder.path()) }).await.unwrap_err();

    assert!(matches!(error, Error::WrongKey { .. }), "{error:?}");
    assert!(error.to_string().contains("ENCRYPTION_KEY"), "{error}");
    assert!(files(folder.path()) == before);
}

#[tokio::test]
async fn a_previous_key_opens_and_the_primary_one_takes_over() {
    let folder = folder();
    let store = open(folder.path()).await;
    let config = insert(&store, "c").await;
    let id = add(&store, config, &["sk-1"]).await[0];
    store.close().await;

    let keys = KeyEncryptionKeys { primary: kek('b'), previous: vec![kek('c'), kek('a')] };
    let (store, report) =
        open_with(store_sqlite::OpenOptions { keys, ..options(folder.path()) }).await.unwrap();
    assert!(report.rewrapped);
    assert_eq!(text(&store, id).await.as_deref(), Some("sk-1"));
    store.close().await;

    let keys = KeyEncryptionKeys { primary: kek('b'), previous: Vec::new() };
    let (store, report) =
        open_with(store_sqlite::OpenOptions { keys, ..options(folder.path()) }).await.unwrap();
    assert!(!report.rewrapped);
    assert_eq!(text(&store, id).await.as_deref(), Some("sk-1"));
    assert!(open_with(options(folder.path())).await.is_err());
}

#[tokio::test]
async fn a_store_is_rekeyed_while_it_is_in_use() {
    let folder = folder();
    let store = open(folder.path()).await;
    let config = insert(&store, "c").await;
    let id = add(&store, config, &["sk-1"]).await[0];

    store.rekey(kek('b')).await.unwrap();

    assert_eq!(text(&store, id).await.as_deref(), Some("sk-1"));
    store.close().await;
    assert!(matches!(open_with(options(folder.path())).await, Err(Error::WrongKey { .. })));
    let keys = KeyEncryptionKeys { primary: kek('b'), previous: Vec::new() };
    let (store, _) = open_with(store_sqlite::OpenOptions { keys, ..options(folder.path()) }).await.unwrap();
    assert_eq!(text(&store, id).await.as_deref(), Some("sk-1"));
}

#[tokio::test]
async fn sealed_keys_that_were_swapped_do_not_open_and_harm_no_other() {
    let folder = folder();
    let store = open(folder.path()).await;
    let config = insert(&store, "c").await;
    let ids = add(&store, config, &["sk-1", "sk-2", "sk-3"]).await;

    connect(folder.path())
        .execute_batch(
            "CREATE TEMP TABLE swapped AS SELECT id, key_value FROM api_keys WHERE id IN (1, 2);
             UPDATE api_keys SET key_value = (SELECT key_value FROM swapped WHERE id = 3 - api_keys.id) WHERE id < 3;",
        )
        .unwrap();

    assert_eq!((text(&store, ids[0]).await, text(&store, ids[1]).await), (None, None));
    assert_eq!(text(&store, ids[2]).await.as_deref(), Some("sk-3"));
    let sources = store.route_sources().await.unwrap();
    assert_eq!(sources[0].keys.iter().filter(|key| key.secret.is_some()).count(), 1);
}

#[tokio::test]
async fn a_database_that_lost_its_data_key_is_refused() {
    let folder = folder();
    let store = open(folder.path()).await;
    let config = insert(&store, "c").await;
    add(&store, config, &["sk-1"]).await;
    store.close().await;
    connect(folder.path()).execute_batch("DELETE FROM settings").unwrap();

    let error = open_with(options(folder.path())).await.unwrap_err();

    assert!(matches!(error, Error::Vault { .. }), "{error:?}");
}
