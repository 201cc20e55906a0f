//! Opening files of every age.

use contract_tests::fixtures::{add, insert, text};
use std::fs;

use rotator_core::store::Found;
use store_sqlite::{Error, OpenOptions};

use crate::support::{connect, files, folder, mode, open, open_with, options, path_in};

#[tokio::test]
async fn the_first_start_makes_files_that_only_their_owner_may_read() {
    let folder = folder();

    let (store, report) = open_with(options(folder.path())).await.unwrap();
    insert(&store, "c").await;

    assert_eq!(report.found, Found::Nothing);
    assert_eq!(report.to_string(), "created");
    for (name, _) in files(folder.path()) {
        assert_eq!(mode(&folder.path().join(&name)), 0o600, "{name}");
    }
    store.close().await;
    assert_eq!(open_with(options(folder.path())).await.unwrap().1.found, Found::Current);
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_both_versions() {
    let folder = folder();
    open(folder.path()).await.close().await;
    connect(folder.path()).execute_batch("INSERT INTO rotator_migrations VALUES (99, x'00', 0)").unwrap();

    let error = open_with(options(folder.path())).await.unwrap_err();

    assert!(matches!(error, Error::NewerSchema { found: 99, known: 6, .. }), "{error:?}");
    assert!(error.to_string().contains("version 99") && error.to_string().contains("up to 6"), "{error}");
}

#[tokio::test]
async fn a_migration_that_changed_after_it_was_applied_is_refused() {
    let folder = folder();
    open(folder.path()).await.close().await;
    connect(folder.path()).execute_batch("UPDATE rotator_migrations SET checksum = x'00'").unwrap();

    let error = open_with(options(folder.path())).await.unwrap_err();

    assert!(matches!(error, Error::ChangedMigration { version: 1, .. }), "{error:?}");
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_alone() {
    let folder = folder();
    connect(folder.path()).execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();

    let error = open_with(OpenOptions { reset_tables: true, ..options(folder.path()) }).await.unwrap_err();

    assert!(matches!(error, Error::Foreign { .. }), "{error:?}");
    let sql = "SELECT group_concat(name) FROM sqlite_schema";
    let tables: String = connect(folder.path()).query_row(sql, (), |row| row.get(0)).unwrap();
    assert_eq!(tables, "bookmarks");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = folder();
    fs::write(path_in(folder.path()), "not a database, but longer than its header would be".repeat(100))
        .unwrap();
    let before = files(folder.path());

    let error = open_with(options(folder.path())).await.unwrap_err();

    assert!(matches!(error, Error::Database { .. }), "{error:?}");
    assert_eq!(files(folder.path()), before);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_refused_by_name() {
    let folder = folder();
    let path = folder.path().join("missing").join("rotator.db");

    let error = open_with(OpenOptions { path, ..options(folder.path()) }).await.unwrap_err();

    assert!(matches!(error, Error::File { .. }), "{error:?}");
    assert!(error.to_string().contains("missing/rotator.db"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_starts_at_once_one_makes_the_database_and_all_use_it() {
    let folder = folder();
    let starts: Vec<_> = (0..8).map(|_| tokio::spawn(open_with(options(folder.path())))).collect();

    let mut made = 0;
    let mut stores = Vec::new();
    for start in starts {
        let (store, report) = start.await.unwrap().unwrap();
        made += usize::from(report.found == Found::Nothing);
        stores.push(store);
    }

    assert_eq!(made, 1);
    let config = insert(&stores[0], "c").await;
    let id = add(&stores[1], config, &["sk-1"]).await[0];
    assert_eq!(text(&stores[7], id).await.as_deref(), Some("sk-1"));
}

#[tokio::test]
async fn a_reset_drops_everything() {
    let folder = folder();
    let store = open(folder.path()).await;
    let config = insert(&store, "c").await;
    add(&store, config, &["sk-1"]).await;
    store.close().await;

    let reset = OpenOptions { reset_tables: true, ..options(folder.path()) };
    let (store, report) = open_with(reset).await.unwrap();

    assert!(report.reset && report.found == Found::Nothing);
    assert_eq!(insert(&store, "c").await.0, 1);
}
