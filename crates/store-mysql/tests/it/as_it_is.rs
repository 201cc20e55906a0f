//! Opening a store as it is, to be moved: nothing is made, and nothing changes.

use contract_tests::fixtures::{add, insert, kek, text};
use rotator_core::vault::KeyEncryptionKeys;
use store_mysql::{Error, MySqlStore};

use crate::{adoption::old_database, support::Scratch};

const DATA_KEY: &str = "SELECT value FROM settings WHERE name = 'data_key'";

fn keys(primary: char, previous: &[char]) -> KeyEncryptionKeys {
    KeyEncryptionKeys { primary: kek(primary), previous: previous.iter().map(|digit| kek(*digit)).collect() }
}

async fn open_current(scratch: &Scratch, keys: KeyEncryptionKeys) -> Result<Option<MySqlStore>, Error> {
    MySqlStore::open_current(scratch.server.clone(), keys).await
}

async fn tables(scratch: &Scratch) -> Option<String> {
    scratch
        .value(
            "SELECT coalesce(group_concat(table_name), '') FROM information_schema.tables WHERE table_schema = database()",
        )
        .await
}

#[tokio::test]
async fn where_there_is_nothing_nothing_is_made() {
    let scratch = Scratch::new();
    assert!(open_current(&scratch, keys('a', &[])).await.unwrap().is_none());

    // An empty database, which was not made by that.
    scratch.execute("SELECT 1").await;
    assert!(open_current(&scratch, keys('a', &[])).await.unwrap().is_none());
    assert_eq!(tables(&scratch).await.as_deref(), Some(""));
}

#[tokio::test]
async fn a_store_opens_with_any_of_the_keys_and_stays_as_it_is() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    let config = insert(&store, "c").await;
    let key = add(&store, config, &["sk-1"]).await[0];
    let wrapped = scratch.value(DATA_KEY).await;

    let store = open_current(&scratch, keys('b', &['a'])).await.unwrap().unwrap();
    assert_eq!(text(&store, key).await.as_deref(), Some("sk-1"));

    assert_eq!(scratch.value(DATA_KEY).await, wrapped);
    let refused = open_current(&scratch, keys('b', &['c'])).await;
    assert!(matches!(refused, Err(Error::WrongKey { .. })), "{refused:?}");
}

#[tokio::test]
async fn what_a_start_would_change_is_refused_and_left_alone() {
    let (old_project, older, foreign) = (old_database("").await, Scratch::new(), Scratch::new());
    older.open().await;
    older.execute("DELETE FROM rotator_migrations").await;
    foreign.execute("CREATE TABLE settings (a INT)").await;

    for (scratch, told) in [
        (&old_project, "tables of the old project; start the server on it once"),
        (&older, "has schema version 0, and not 6 yet; start the server on it once"),
        (&foreign, "of another program"),
    ] {
        let before = tables(scratch).await;
        let error = open_current(scratch, keys('a', &[])).await.unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(tables(scratch).await, before);
    }
}
