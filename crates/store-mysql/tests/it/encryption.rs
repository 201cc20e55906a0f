//! Keys at rest.

use contract_tests::fixtures::{add, insert, kek, text};
use rotator_core::{store::Store as _, vault::KeyEncryptionKeys};
use store_mysql::{Error, OpenOptions};

use crate::support::{Scratch, open_with};

fn with_keys(scratch: &Scratch, primary: char, previous: &[char]) -> OpenOptions {
    let previous = previous.iter().copied().map(kek).collect();
    OpenOptions { keys: KeyEncryptionKeys { primary: kek(primary), previous }, ..scratch.options() }
}

#[tokio::test]
async fn no_table_holds_a_key() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    for slug in ["a", "b"] {
        let config = insert(&store, slug).await;
        add(&store, config, &["sk-canary"]).await;
    }

    let plain = "SELECT count(*) FROM api_keys WHERE concat_ws(' ', key_value, hex(fingerprint), note) LIKE '%canary%'
                     OR instr(fingerprint, 'canary') > 0";
    assert_eq!(scratch.value(plain).await.as_deref(), Some("0"));
    let different = "SELECT count(DISTINCT key_value) + count(DISTINCT fingerprint) FROM api_keys";
    assert_eq!(scratch.value(different).await.as_deref(), Some("4"));
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let scratch = Scratch::new();
    scratch.open().await.close().await;

    let error = open_with(with_keys(&scratch, 'b', &['c'])).await.unwrap_err();

    assert!(matches!(error, Error::WrongKey { .. }), "{error:?}");
    assert!(error.to_string().contains("ENCRYPTION_KEY"), "{error}");
}

#[tokio::test]
async fn a_previous_key_opens_and_the_primary_one_takes_over() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    let config = insert(&store, "c").await;
    let id = add(&store, config, &["sk-1"]).await[0];
    store.close().await;

    let (store, report) = open_with(with_keys(&scratch, 'b', &['c', 'a'])).await.unwrap();
    assert!(report.rewrapped);
    assert_eq!(text(&store, id).await.as_deref(), Some("sk-1"));

    let (store, report) = open_with(with_keys(&scratch, 'b', &[])).await.unwrap();
    assert!(!report.rewrapped);
    assert_eq!(text(&store, id).await.as_deref(), Some("sk-1"));
    assert!(open_with(scratch.options()).await.is_err());
}

#[tokio::test]
async fn a_store_is_rekeyed_while_it_is_in_use() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    let config = insert(&store, "c").await;
    let id = add(&store, config, &["sk-1"]).await[0];

    store.rekey(kek('b')).await.unwrap();

    assert_eq!(text(&store, id).await.as_deref(), Some("sk-1"));
    assert!(matches!(open_with(scratch.options()).await, Err(Error::WrongKey { .. })));
    let (store, _) = open_with(with_keys(&scratch, 'b', &[])).await.unwrap();
    assert_eq!(text(&store, id).await.as_deref(), Some("sk-1"));
}

#[tokio::test]
async fn sealed_keys_that_were_swapped_do_not_open_and_harm_no_other() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    let config = insert(&store, "c").await;
    let ids = add(&store, config, &["sk-1", "sk-2", "sk-3"]).await;

    scratch
        .execute(
            "CREATE TEMPORARY TABLE swapped AS SELECT id, key_value FROM api_keys WHERE id IN (1, 2);
             UPDATE api_keys JOIN swapped ON swapped.id = 3 - api_keys.id SET api_keys.key_value = swapped.key_value",
        )
        .await;

    assert_eq!((text(&store, ids[0]).await, text(&store, ids[1]).await), (None, None));
    assert_eq!(text(&store, ids[2]).await.as_deref(), Some("sk-3"));
    let sources = store.route_sources().await.unwrap();
    assert_eq!(sources[0].keys.iter().filter(|key| key.secret.is_some()).count(), 1);
}

#[tokio::test]
async fn a_database_that_lost_its_data_key_is_refused() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    let config = insert(&store, "c").await;
    add(&store, config, &["sk-1"]).await;
    store.close().await;
    scratch.execute("DELETE FROM settings").await;

    let error = open_with(scratch.options()).await.unwrap_err();

    assert!(matches!(error, Error::Vault { .. }), "{error:?}");
}
