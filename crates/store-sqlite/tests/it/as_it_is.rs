//! Opening a store as it is, to be moved: nothing is made, and nothing changes.

use contract_tests::fixtures::{add, insert, kek, text};
use rotator_core::vault::KeyEncryptionKeys;
use store_sqlite::{Error, SqliteStore};

use crate::{
    adoption::old_database,
    support::{connect, files, folder, open, path_in},
};

fn keys(primary: char, previous: &[char]) -> KeyEncryptionKeys {
    KeyEncryptionKeys { primary: kek(primary), previous: previous.iter().map(|digit| kek(*digit)).collect() }
}

#[tokio::test]
async fn where_there_is_nothing_nothing_is_made() {
    let folder = folder();

    let opened = SqliteStore::open_current(path_in(folder.path()), keys('a', &[])).await.unwrap();

    assert!(opened.is_none());
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn a_store_opens_with_any_of_the_keys_and_stays_as_it_is() {
    let folder = folder();
    let store = open(folder.path()).await;
    let config = insert(&store, "c").await;
    let key = add(&store, config, &["sk-1"]).await[0];
    store.close().await;
    let before = files(folder.path());

    let store = SqliteStore::open_current(path_in(folder.path()), keys('b', &['a'])).await.unwrap().unwrap();
    assert_eq!(text(&store, key).await.as_deref(), Some("sk-1"));
    store.close().await;

    assert!(files(folder.path()) == before, "a file has changed");
    let refused = SqliteStore::open_current(path_in(folder.path()), keys('b', &['c'])).await;
    assert!(matches!(refused, Err(Error::WrongKey { .. })), "{refused:?}");
}

#[tokio::test]
async fn what_a_start_would_change_is_refused_and_left_alone() {
    let (old_project, older, foreign) = (folder(), folder(), folder());
    old_database(old_project.path(), "");
    open(older.path()).await.close().await;
    connect(older.path()).execute_batch("DELETE FROM rotator_migrations WHERE version > 2").unwrap();
    connect(foreign.path()).execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();

    for (folder, told) in [
        (&old_project, "a database of the old project; start the server on it once"),
        (&older, "has schema version 2, and not 6 yet; start the server on it once"),
        (&foreign, "tables of another program"),
    ] {
        let before = files(folder.path());
        let error = SqliteStore::open_current(path_in(folder.path()), keys('a', &[])).await.unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        assert!(files(folder.path())[0] == before[0], "the file has changed");
    }
}
