//! Opening databases of every age.

use contract_tests::fixtures::{add, insert, text};
use mysql_async::{Row, prelude::Queryable as _};
use rotator_core::store::{Found, Store as _};
use store_mysql::{Error, OpenOptions};
use tokio::task::yield_now;

use crate::support::{Scratch, open_with, other_connections};

/// The statements of the first migration.
fn first_migration() -> Vec<&'static str> {
    include_str!("../../migrations/0001_init.sql")
        .split(";\n")
        .filter(|text| !text.trim().is_empty())
        .collect()
}

/// Opens it so many times at once; answers how many made it.
async fn made_by(scratch: &Scratch, starts: usize) -> usize {
    let starts: Vec<_> = (0..starts).map(|_| tokio::spawn(open_with(scratch.options()))).collect();
    let (mut made, mut stores) = (0, Vec::new());
    for start in starts {
        let (store, report) = start.await.unwrap().unwrap();
        made += usize::from(report.found == Found::Nothing);
        stores.push(store);
    }
    let config = insert(&stores[0], "c").await;
    let id = add(&stores[1], config, &["sk-1"]).await[0];
    for store in &stores {
        assert_eq!(text(store, id).await.as_deref(), Some("sk-1"));
    }
    made
}

#[tokio::test]
async fn the_first_start_makes_the_database() {
    let scratch = Scratch::new();

    let (store, report) = open_with(scratch.options()).await.unwrap();
    insert(&store, "c").await;
    store.close().await;

    assert_eq!(report.found, Found::Nothing);
    assert_eq!(report.to_string(), "created");
    assert_eq!(open_with(scratch.options()).await.unwrap().1.found, Found::Current);
}

#[tokio::test]
async fn of_two_starts_at_once_one_makes_the_tables_and_both_use_them() {
    assert_eq!(made_by(&Scratch::new(), 2).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_starts_at_once_one_makes_the_tables_and_all_use_them() {
    assert_eq!(made_by(&Scratch::new(), 10).await, 1);
}

#[tokio::test]
async fn a_start_that_was_killed_between_any_two_statements_is_made_up_for() {
    let ledger = "CREATE TABLE rotator_migrations
                      (version BIGINT PRIMARY KEY, checksum VARBINARY(32) NOT NULL, applied_at BIGINT NOT NULL)";
    for done in 0..=first_migration().len() {
        let scratch = Scratch::new();
        scratch.execute(ledger).await;
        for statement in &first_migration()[..done] {
            scratch.execute(statement).await;
        }

        let store = scratch.open().await;

        let config = insert(&store, "c").await;
        let id = add(&store, config, &["sk-1"]).await[0];
        assert_eq!(text(&store, id).await.as_deref(), Some("sk-1"), "{done}");
        store.close().await;
    }
}

#[tokio::test]
async fn later_migrations_that_were_done_and_not_noted_are_done_again_and_lose_nothing() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    insert(&store, "c").await;
    let revision = store.revision().await.unwrap();
    store.close().await;
    scratch.execute("DELETE FROM rotator_migrations WHERE version > 1").await;

    let (store, report) = open_with(scratch.options()).await.unwrap();

    assert!(matches!(report.found, Found::Older { from: 1, .. }), "{report}");
    assert_eq!(store.revision().await.unwrap(), revision);
}

#[tokio::test]
async fn a_start_waits_for_one_that_is_at_work_and_not_for_one_that_was_killed() {
    let scratch = Scratch::new();
    scratch.open().await.close().await;
    let mut other = scratch.connect().await;
    let lock = "SELECT get_lock(concat('rotator/', left(sha2(database(), 256), 32)), 60)";
    assert_eq!(other.query_first::<i64, _>(lock).await.unwrap(), Some(1));

    let start = tokio::spawn(open_with(scratch.options()));
    let waits = |row: &Row| row.get::<Option<String>, _>("State").unwrap().is_some_and(|s| s == "User lock");
    while !other_connections(&mut other).await.iter().any(waits) {
        yield_now().await;
    }
    assert!(!start.is_finished());
    other.disconnect().await.unwrap();

    assert_eq!(start.await.unwrap().unwrap().1.found, Found::Current);
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_both_versions() {
    let scratch = Scratch::new();
    scratch.open().await.close().await;
    scratch.execute("INSERT INTO rotator_migrations VALUES (99, '', 0)").await;

    let error = open_with(scratch.options()).await.unwrap_err();

    assert!(matches!(error, Error::NewerSchema { found: 99, .. }), "{error:?}");
    assert!(error.to_string().contains("version 99"), "{error}");
}

#[tokio::test]
async fn a_migration_that_changed_after_it_was_applied_is_refused() {
    let scratch = Scratch::new();
    scratch.open().await.close().await;
    scratch.execute("UPDATE rotator_migrations SET checksum = ''").await;

    let error = open_with(scratch.options()).await.unwrap_err();

    assert!(matches!(error, Error::ChangedMigration { version: 1, .. }), "{error:?}");
}

#[tokio::test]
async fn another_programs_table_of_the_same_name_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    scratch.execute("CREATE TABLE settings (url TEXT)").await;

    let error = open_with(OpenOptions { reset_tables: true, ..scratch.options() }).await.unwrap_err();

    assert!(matches!(error, Error::Foreign { table: "settings", .. }), "{error:?}");
    let tables =
        "SELECT group_concat(table_name) FROM information_schema.tables WHERE table_schema = database()";
    assert_eq!(scratch.value(tables).await.as_deref(), Some("settings"));
}

#[tokio::test]
async fn a_reset_drops_everything_of_ours_and_nothing_else() {
    let scratch = Scratch::new();
    scratch.execute("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('x')").await;
    let store = scratch.open().await;
    let config = insert(&store, "c").await;
    add(&store, config, &["sk-1"]).await;
    store.close().await;

    let (store, report) = open_with(OpenOptions { reset_tables: true, ..scratch.options() }).await.unwrap();

    assert!(report.reset && report.found == Found::Nothing);
    assert_eq!(insert(&store, "c").await.0, 1);
    assert_eq!(scratch.value("SELECT url FROM bookmarks").await.as_deref(), Some("x"));
}
