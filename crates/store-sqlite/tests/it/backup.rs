//! Copies made while the store is in use.

use contract_tests::fixtures::{add, insert, text};
use rotator_core::store::Store;
use std::{fs, io};

use store_sqlite::Error;

use crate::support::{files_with, folder, mode, open, path_in};

#[tokio::test]
async fn a_backup_opens_with_the_same_key_and_holds_everything() {
    let (here, there) = (folder(), folder());
    let store = open(here.path()).await;
    let config = insert(&store, "c").await;
    let ids = add(&store, config, &["sk-canary-1", "sk-canary-2"]).await;

    store.backup(&path_in(there.path())).await.unwrap();

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
    let store = open(here.path()).await;
    let to = here.path().join("precious");
    fs::write(&to, "precious").unwrap();

    let error = store.backup(&to).await.unwrap_err();

    assert!(matches!(error, Error::Copy { .. }), "{error:?}");
    assert_eq!(fs::read(&to).unwrap(), b"precious");
}

#[tokio::test]
async fn a_backup_into_nowhere_is_refused() {
    let here = folder();
    let store = open(here.path()).await;

    let error = store.backup(&here.path().join("no/such/folder.db")).await.unwrap_err();

    assert!(error.to_string().contains("its folder must"), "{error}");
}
