//! Why a database cannot be opened, and how SQLite's errors read at the port.

use std::path::{Path, PathBuf};

use rotator_core::{
    store::{StoreError, migrations::NotOurs},
    vault::VaultError,
};
use rusqlite::ffi;

/// Why a database was not opened or copied: a sentence for the operator, with the cause as its source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file or its folder cannot be used.
    #[error("cannot use the database file {path}; check DATABASE_PATH and who may write to its folder")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite failed.
    #[error("cannot use the database {path}")]
    Database {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file belongs to another program.
    #[error("{path} holds tables of another program; name another file in DATABASE_PATH")]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// It is to be used as it is, and a start would change it first.
    #[error("{path} {what}; start the server on it once, which brings it up to date")]
    NotCurrent {
        /// Which file.
        path: PathBuf,
        /// A clause that follows the path.
        what: String,
    },
    /// A newer version wrote it.
    #[error(
        "{path} has schema version {found} and this build knows versions up to {known}; \
         start the newer build again, or restore a backup made before the upgrade"
    )]
    NewerSchema {
        /// Which file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The latest version of this build.
        known: i64,
    },
    /// A migration that was applied is not the one this build carries.
    #[error(
        "migration {version} of {path} is not the one that this build carries; \
         use an unmodified build, or restore a backup"
    )]
    ChangedMigration {
        /// Which file.
        path: PathBuf,
        /// Which migration.
        version: i64,
    },
    /// None of the key-encryption keys opens the data key.
    #[error(
        "the keys in {path} were encrypted with another ENCRYPTION_KEY; \
         set the former one, or add it to ENCRYPTION_KEY_PREVIOUS to change over from it"
    )]
    WrongKey {
        /// Which file.
        path: PathBuf,
    },
    /// The data key is damaged or gone, or cryptography failed.
    #[error("cannot open the encrypted keys in {path}; restore a backup if the file was changed by hand")]
    Vault {
        /// Which file.
        path: PathBuf,
        /// What the vault said.
        source: VaultError,
    },
    /// A copy could not be made.
    #[error("cannot copy the database to {to}; the file must not exist, and its folder must")]
    Copy {
        /// Where to.
        to: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store was closed.
    #[error("the database is closed")]
    Closed,
}

/// What went wrong within an opening, before it is known in which file.
#[derive(Debug)]
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    Store(StoreError),
    Vault(VaultError),
    Foreign,
    OldProject,
    NotOurs(NotOurs),
}

impl Fault {
    /// The fault, in this file.
    pub(crate) fn at(self, path: &Path) -> Error {
        let path = path.to_owned();
        match self {
            Self::Sqlite(source) => Error::Database { path, source: source.into() },
            Self::Store(source) => Error::Database { path, source: source.into() },
            Self::Vault(VaultError::WrongKey) => Error::WrongKey { path },
            Self::Vault(source) => Error::Vault { path, source },
            Self::Foreign => Error::Foreign { path },
            Self::OldProject => Error::NotCurrent { path, what: "is a database of the old project".into() },
            Self::NotOurs(NotOurs::Older { found, known }) => {
                Error::NotCurrent { path, what: format!("has schema version {found}, and not {known} yet") }
            }
            Self::NotOurs(NotOurs::Newer { found, known }) => Error::NewerSchema { path, found, known },
            Self::NotOurs(NotOurs::Changed { version }) => Error::ChangedMigration { path, version },
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<NotOurs> for Fault {
    fn from(not_ours: NotOurs) -> Self {
        Self::NotOurs(not_ours)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<VaultError> for Fault {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

/// An error of SQLite, by what a caller of the port can do about it.
pub(crate) fn store(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error().map(|e| e.extended_code) {
        Some(code) if is_out_of_room(code) => StoreError::Full(error.into()),
        _ if is_unreadable(&error) => StoreError::Inconsistent { what: error.to_string() },
        _ => StoreError::Unavailable(error.into()),
    }
}

/// Whether a row with this unique value is there already.
pub(crate) fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE)
}

fn is_out_of_room(extended_code: i32) -> bool {
    matches!(
        extended_code,
        ffi::SQLITE_FULL
            | ffi::SQLITE_IOERR_WRITE
            | ffi::SQLITE_IOERR_FSYNC
            | ffi::SQLITE_IOERR_TRUNCATE
            | ffi::SQLITE_IOERR_SHMSIZE
    )
}

/// A value of another type than the schema promises: only a hand edit puts one there.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

/// The sealed key could not be made.
pub(crate) fn vault(error: VaultError) -> StoreError {
    StoreError::Unavailable(error.into())
}

/// The store was closed, or its thread has ended.
pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable(Error::Closed.into())
}
