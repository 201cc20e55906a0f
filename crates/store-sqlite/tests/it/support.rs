//! A store in a folder of its own, and what is in the folder's files.

use std::{
    fs,
    ops::Deref,
    path::{Path, PathBuf},
};

use contract_tests::fixtures::{kek, now};
use rotator_core::{store::OpenReport, vault::KeyEncryptionKeys};
use rusqlite::Connection;
use store_sqlite::{Error, OpenOptions, SqliteStore};
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

/// How a folder is opened when nothing is special.
pub(crate) fn options(folder: &Path) -> OpenOptions {
    OpenOptions {
        path: path_in(folder),
        keys: KeyEncryptionKeys { primary: kek('a'), previous: Vec::new() },
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
