//! A store in a folder of its own, and what is in the folder's files.

use std::{
    fs,
    ops::Deref,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rotator_core::{
    model::{ConfigFields, ConfigId, ConfigSpec, KeyId, QuotaGroup, Weight},
    secret::Secret,
    store::{Change, NewKey, Store},
    vault::KeyEncryptionKey,
};
use rusqlite::Connection;
use store_sqlite::{Error, KeyEncryptionKeys, OpenOptions, OpenReport, SqliteStore};
use tempfile::TempDir;

/// An empty store; its folder goes with it.
pub(crate) struct Fixture {
    store: SqliteStore,
    _folder: TempDir,
}

impl Deref for Fixture {
    type Target = SqliteStore;

    fn deref(&self) -> &SqliteStore {
        &self.store
    }
}

pub(crate) async fn fresh() -> Fixture {
    let folder = folder();
    let store = open(folder.path()).await;
    Fixture { store, _folder: folder }
}

pub(crate) fn folder() -> TempDir {
    TempDir::new().unwrap()
}

/// The config database in a folder.
pub(crate) fn path_in(folder: &Path) -> PathBuf {
    folder.join("rotator.db")
}

/// A key-encryption key, one per hexadecimal digit.
pub(crate) fn kek(digit: char) -> KeyEncryptionKey {
    KeyEncryptionKey::parse(&digit.to_string().repeat(64)).unwrap()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millisecond(1_714_536_000_000).unwrap()
}

/// How a folder is opened when nothing is special.
pub(crate) fn options(folder: &Path) -> OpenOptions {
    OpenOptions {
        path: path_in(folder),
        keys: KeyEncryptionKeys { primary: kek('a'), previous: Vec::new() },
        keep_upgrade_copy: false,
        reset_tables: false,
        now: now(),
    }
}

pub(crate) async fn open_with(options: OpenOptions) -> Result<(SqliteStore, OpenReport), Error> {
    SqliteStore::open(options).await
}

pub(crate) async fn open(folder: &Path) -> SqliteStore {
    open_with(options(folder)).await.unwrap().0
}

/// A connection beside the store's own, as another program has it.
pub(crate) fn connect(folder: &Path) -> Connection {
    Connection::open(path_in(folder)).unwrap()
}

pub(crate) fn change() -> Change {
    Change { at: now(), actor: "admin".into(), address: None, request_id: "r".into() }
}

pub(crate) async fn insert(store: &SqliteStore, slug: &str) -> ConfigId {
    insert_at(store, slug, "https://api.example.com").await
}

pub(crate) async fn insert_at(store: &SqliteStore, slug: &str, url: &str) -> ConfigId {
    let fields = ConfigFields {
        name: slug.into(),
        slug: slug.into(),
        config_type: "LLM".into(),
        is_active: true,
        target_base_url: Some(url.into()),
        ..ConfigFields::default()
    };
    store.insert_config(ConfigSpec::try_from(&fields).unwrap(), &change()).await.unwrap().id
}

pub(crate) fn key(text: &str) -> NewKey {
    NewKey {
        secret: Secret::parse(text).unwrap(),
        is_active: true,
        weight: Weight::ONE,
        quota_group: QuotaGroup::default(),
        note: String::new(),
    }
}

pub(crate) async fn add(store: &SqliteStore, config: ConfigId, texts: &[&str]) -> Vec<KeyId> {
    store.add_keys(config, texts.iter().map(|text| key(text)).collect(), &change()).await.unwrap().ids
}

/// The text of a key; `None` when it does not open.
pub(crate) async fn text(store: &SqliteStore, id: KeyId) -> Option<String> {
    store.key(id).await.unwrap().unwrap().secret.map(|secret| secret.expose().to_owned())
}

/// Every file in a folder, by name.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// The names of the files in which a text occurs.
pub(crate) fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    files(folder).into_iter().filter(|(_, bytes)| holds(bytes)).map(|(name, _)| name).collect()
}

#[cfg(unix)]
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
