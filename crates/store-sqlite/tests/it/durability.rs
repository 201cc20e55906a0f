//! What was acknowledged is kept.

use contract_tests::fixtures::{add, change, insert, text};
use std::time::{Duration, Instant};

use rotator_core::store::{RequestQuery, Store, StoreError};

use crate::support::{connect, files, folder, open};

#[tokio::test]
async fn an_acknowledged_write_is_there_after_a_start_without_a_close() {
    let folder = folder();
    let store = open(folder.path()).await;
    let config = insert(&store, "c").await;
    let id = add(&store, config, &["sk-1"]).await[0];
    drop(store);

    let store = open(folder.path()).await;

    assert_eq!(text(&store, id).await.as_deref(), Some("sk-1"));
    let verdict: String =
        connect(folder.path()).query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

#[tokio::test]
async fn a_copy_of_the_files_at_any_moment_holds_what_was_acknowledged() {
    let (here, there) = (folder(), folder());
    let store = open(here.path()).await;
    let config = insert(&store, "c").await;
    let id = add(&store, config, &["sk-1"]).await[0];

    // What a process killed now would leave behind.
    for (name, bytes) in files(here.path()).into_iter().filter(|(name, _)| !name.ends_with("-shm")) {
        std::fs::write(there.path().join(name), bytes).unwrap();
    }

    let copy = open(there.path()).await;
    assert_eq!(text(&copy, id).await.as_deref(), Some("sk-1"));
}

#[tokio::test]
async fn closing_leaves_no_write_ahead_log() {
    let folder = folder();
    let store = open(folder.path()).await;
    insert(&store, "c").await;

    store.close().await;

    let names: Vec<_> = files(folder.path()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["rotator-requests.db", "rotator.db"]);
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is_unavailable() {
    let folder = folder();
    let store = open(folder.path()).await;
    let config = insert(&store, "c").await;

    store.close().await;
    store.close().await;

    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.delete_config(config, &change()).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.requests(&RequestQuery::default()).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn another_programs_lock_makes_writes_unavailable_and_leaves_reads_alone() {
    let folder = folder();
    let store = open(folder.path()).await;
    let config = insert(&store, "c").await;
    let other = connect(folder.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let (by, began) = (change(), Instant::now());
    let refused = store.set_config_active(config, false, &by);
    let read = async { store.config(config).await.map(|_| began.elapsed()) };
    let (refused, read) = tokio::join!(refused, read);

    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(9));
    assert!(read.unwrap() < Duration::from_secs(2));
    other.execute_batch("ROLLBACK").unwrap();
    store.set_config_active(config, false, &change()).await.unwrap();
}
