//! A store in a folder of its own.
#![expect(clippy::unwrap_used, reason = "assertions")]

use std::{
    ops::Deref,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rotator_core::vault::KeyEncryptionKey;
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
    let folder = TempDir::new().unwrap();
    let (store, _) = open(folder.path()).await.unwrap();
    Fixture { store, _folder: folder }
}

/// The config database in a folder.
pub(crate) fn path_in(folder: &Path) -> PathBuf {
    folder.join("rotator.db")
}

/// A key-encryption key, one per letter.
pub(crate) fn kek(letter: char) -> KeyEncryptionKey {
    KeyEncryptionKey::parse(&letter.to_string().repeat(64)).unwrap()
}

/// How a folder is opened when nothing is special.
pub(crate) fn options(folder: &Path) -> OpenOptions {
    OpenOptions {
        path: path_in(folder),
        keys: KeyEncryptionKeys { primary: kek('a'), previous: Vec::new() },
        keep_upgrade_copy: false,
        reset_tables: false,
        now: Timestamp::from_millisecond(1_714_536_000_000).unwrap(),
    }
}

pub(crate) async fn open(folder: &Path) -> Result<(SqliteStore, OpenReport), Error> {
    SqliteStore::open(options(folder)).await
}
