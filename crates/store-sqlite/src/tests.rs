//! Faults that can only be provoked from within.

use std::{path::Path, sync::Arc};

use contract_tests::fixtures::{now, refused_request};
use jiff::SignedDuration;
use rotator_core::{
    model::{ConfigFields, ConfigId, ConfigSpec, QuotaGroup, Weight},
    record::RequestRecord,
    secret::Secret,
    store::{Change, NewKey, PageRequest, RequestQuery, StatsQuery, Store as _, StoreError},
    vault::{KeyEncryptionKey, KeyEncryptionKeys},
};

use crate::{
    OpenOptions, SqliteStore,
    database::Database,
    error,
    requests::{self, Pending},
};

async fn store(folder: &Path) -> SqliteStore {
    let keys = KeyEncryptionKeys {
        primary: KeyEncryptionKey::parse(&"a".repeat(64)).unwrap(),
        previous: Vec::new(),
    };
    let options = OpenOptions {
        path: folder.join("rotator.db"),
        keys,
        reset_tables: false,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    SqliteStore::open(options).await.unwrap().0
}

fn by() -> Change {
    Change { at: jiff::Timestamp::UNIX_EPOCH, actor: String::new(), address: None, request_id: String::new() }
}

async fn config(store: &SqliteStore) -> ConfigId {
    let fields = ConfigFields {
        name: "c".into(),
        slug: "c".into(),
        config_type: "LLM".into(),
        target_base_url: Some("https://api.example.com".into()),
        ..ConfigFields::default()
    };
    store.insert_config(ConfigSpec::try_from(&fields).unwrap(), &by()).await.unwrap().id
}

fn keys() -> Vec<NewKey> {
    let key = |n| NewKey {
        secret: Secret::parse(&format!("sk-{n}")).unwrap(),
        is_active: true,
        weight: Weight::ONE,
        quota_group: QuotaGroup::default(),
        note: String::new(),
    };
    (0..1000).map(key).collect()
}

/// A disk with room for so many pages.
async fn room_for(db: &Database, pages: i64) {
    let limit = move |conn: &mut rusqlite::Connection| {
        conn.query_one(&format!("PRAGMA max_page_count = {pages}"), (), |_| Ok(())).map_err(error::store)
    };
    db.writer.run(limit).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_a_write_as_a_whole_and_takes_it_when_there_is_room() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = store(folder.path()).await;
    let config = config(&store).await;

    room_for(&store.config, 1).await;
    let refused = store.add_keys(config, keys(), &by()).await;
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    assert_eq!(store.config(config).await.unwrap().unwrap().keys.active, 0);

    room_for(&store.config, 1_000_000).await;
    assert_eq!(store.add_keys(config, keys(), &by()).await.unwrap().ids.len(), 1000);
}

/// So many requests, each for a model of its own with a long name: the statistics of them need several pages.
fn answered(count: usize, at: jiff::Timestamp) -> Vec<RequestRecord> {
    let record = |number| RequestRecord {
        status: 200,
        model: Some(format!("{number:0100}").into()),
        ..refused_request(at)
    };
    (0..count).map(record).collect()
}

/// How many requests the log and the statistics have.
async fn counted(store: &SqliteStore) -> (usize, u64) {
    let query = RequestQuery { page: PageRequest { limit: 1000, after: None }, ..RequestQuery::default() };
    let log = store.requests(&query).await.unwrap().items.len();
    let span = StatsQuery {
        since: now() - SignedDuration::from_hours(1),
        until: now() + SignedDuration::from_hours(1),
        step_ms: 60_000,
        config_id: None,
    };
    let series = store.stats(&span).await.unwrap().series;
    (log, series.iter().map(|(_, tally)| tally.total()).sum())
}

#[tokio::test]
async fn a_full_disk_costs_no_statistics_of_requests_that_are_in_the_log() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = store(folder.path()).await;
    store.append_requests(answered(60, now())).await.unwrap();

    room_for(&store.requests, 1).await;
    let next_minute = answered(60, now() + SignedDuration::from_mins(1));
    let refused = store.append_requests(next_minute).await;
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    assert_eq!(counted(&store).await, (60, 0), "asking for statistics is not refused");

    room_for(&store.requests, 1_000_000).await;
    assert_eq!(counted(&store).await, (60, 60));
}

#[tokio::test]
async fn requests_whose_commit_fails_do_not_count() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = store(folder.path()).await;

    let fail = |tx: &rusqlite::Transaction<'_>, pending: &Pending| {
        let left = requests::append(tx, pending, &answered(1, now()))?;
        // What a commit finds on a disk without room: the transaction is over.
        tx.execute_batch("ROLLBACK")?;
        Ok(left)
    };
    let failed = Arc::clone(&store.tallies).write(&store.requests, fail).await;

    assert!(failed.is_err());
    assert_eq!(counted(&store).await, (0, 0));
}

#[tokio::test]
async fn a_write_that_panics_stops_no_later_one() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = store(folder.path()).await;

    let panicked = store.config.write::<(), _>(|_| panic!("on purpose")).await;

    assert!(matches!(panicked, Err(StoreError::Unavailable(_))), "{panicked:?}");
    config(&store).await;
}
