//! Copies made while the store is in use.

use contract_tests::fixtures::{add, insert, text};
use rotator_core::store::Store;
use rusqlite::Connection;
use std::{fs, io, path::Path};

use store_sqlite::{CopiedKeys, Error, SqliteStore};

use crate::support::{connect, files_with, folder, mode, open, path_in};

#[tokio::test]
async fn a_backup_opens_with_the_same_key_and_holds_everything() {
    let (here, there) = (folder(), folder());
    let store = open(here.path()).await;
    let config = insert(&store, "c").await;
    let ids = add(&store, config, &["sk-canary-1", "sk-canary-2"]).await;

    let keys = SqliteStore::copy(path_in(here.path()), path_in(there.path())).await.unwrap();

    assert_eq!(keys, CopiedKeys::Sealed);
    assert_eq!(files_with(there.path(), "sk-canary"), [""; 0]);
    assert_eq!(mode(&path_in(there.path())), 0o600);
    let copy = open(there.path()).await;
    assert_eq!(text(&copy, ids[1]).await.as_deref(), Some("sk-canary-2"));
}

#[tokio::test]
async fn a_backup_for_a_stream_is_whole_and_leaves_nothing_behind() {
    let (here, there) = (folder(), folder());
    let store = open(here.path()).await;
    let config = insert(&store, "c").await;
    let ids = add(&store, config, &["sk-canary-1"]).await;
    let files = || fs::read_dir(here.path()).unwrap().count();
    let before = files();

    let mut file = Store::backup(&store).await.unwrap().unwrap();

    assert_eq!(files(), before);
    io::copy(&mut file, &mut fs::File::create(path_in(there.path())).unwrap()).unwrap();
    let copy = open(there.path()).await;
    assert_eq!(text(&copy, ids[0]).await.as_deref(), Some("sk-canary-1"));
}

#[tokio::test]
async fn a_backup_never_overwrites_a_file() {
    let here = folder();
    let _store = open(here.path()).await;
    let to = here.path().join("precious");
    fs::write(&to, "precious").unwrap();

    let error = SqliteStore::copy(path_in(here.path()), to.clone()).await.unwrap_err();

    assert!(matches!(error, Error::Copy { .. }), "{error:?}");
    assert_eq!(fs::read(&to).unwrap(), b"precious");
}

#[tokio::test]
async fn a_backup_into_nowhere_is_refused() {
    let here = folder();
    let _store = open(here.path()).await;

    let error =
        SqliteStore::copy(path_in(here.path()), here.path().join("no/such/folder.db")).await.unwrap_err();

    assert!(error.to_string().contains("its folder must"), "{error}");
}

#[tokio::test]
async fn a_backup_of_an_older_version_is_of_that_version_and_leaves_it() {
    let (here, there) = (folder(), folder());
    open(here.path()).await.close().await;
    let older =
        "DELETE FROM rotator_migrations WHERE version = (SELECT max(version) FROM rotator_migrations)";
    connect(here.path()).execute_batch(older).unwrap();
    let before = fs::read(path_in(here.path())).unwrap();

    SqliteStore::copy(path_in(here.path()), path_in(there.path())).await.unwrap();

    assert_eq!(fs::read(path_in(here.path())).unwrap(), before);
    let version = |folder: &Path| -> i64 {
        connect(folder)
            .query_row("SELECT max(version) FROM rotator_migrations", (), |row| row.get(0))
            .unwrap()
    };
    assert_eq!(version(there.path()), version(here.path()));
}

#[tokio::test]
async fn a_backup_of_the_old_project_says_that_its_keys_are_in_plain_text() {
    let here = folder();
    connect(here.path())
        .execute_batch(
            "CREATE TABLE proxy_configs (id INTEGER PRIMARY KEY, name, slug, config_type, is_active);
             CREATE TABLE api_keys (id INTEGER PRIMARY KEY, key_value, is_active, proxy_config_id);
             INSERT INTO api_keys VALUES (1, 'sk-1', 1, 1)",
        )
        .unwrap();
    let to = here.path().join("copy.db");

    let keys = SqliteStore::copy(path_in(here.path()), to.clone()).await.unwrap();

    assert_eq!(keys, CopiedKeys::Plain);
    let text: String = Connection::open(to)
        .unwrap()
        .query_row("SELECT key_value FROM api_keys", (), |row| row.get(0))
        .unwrap();
    assert_eq!(text, "sk-1");
}

#[tokio::test]
async fn a_database_of_another_program_is_not_backed_up() {
    let here = folder();
    connect(here.path()).execute_batch("CREATE TABLE theirs (id INTEGER)").unwrap();

    let refused = SqliteStore::copy(path_in(here.path()), here.path().join("copy.db")).await;

    assert!(matches!(refused, Err(Error::Foreign { .. })), "{refused:?}");
    assert!(!here.path().join("copy.db").exists());
}
