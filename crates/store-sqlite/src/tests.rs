//! Faults that can only be provoked from within.

use std::path::Path;

use rotator_core::{
    model::{ConfigFields, ConfigId, ConfigSpec, QuotaGroup, Weight},
    secret::Secret,
    store::{Change, NewKey, Store as _, StoreError},
    vault::{KeyEncryptionKey, KeyEncryptionKeys},
};

use crate::{OpenOptions, SqliteStore, database::Database, error};

async fn store(folder: &Path) -> SqliteStore {
    let keys = KeyEncryptionKeys {
        primary: KeyEncryptionKey::parse(&"a".repeat(64)).unwrap(),
        previous: Vec::new(),
    };
    let options = OpenOptions {
        path: folder.join("rotator.db"),
        keys,
        keep_upgrade_copy: false,
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

#[tokio::test]
async fn a_write_that_panics_stops_no_later_one() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = store(folder.path()).await;

    let panicked = store.config.write::<(), _>(|_| panic!("on purpose")).await;

    assert!(matches!(panicked, Err(StoreError::Unavailable(_))), "{panicked:?}");
    config(&store).await;
}
