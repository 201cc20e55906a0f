//! A whole copy of a database file, made while it is in use.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use rotator_core::store::StoreError;
use rusqlite::Connection;

use crate::{connection::private, error};

/// Copies the database into a new file that only its owner may read. Fails when there is one already.
pub(crate) fn copy(conn: &Connection, to: &Path) -> io::Result<()> {
    let file = private().create_new(true).open(to)?;
    let copied = to
        .to_str()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidFilename, "the path is not UTF-8"))
        .and_then(|to| conn.execute("VACUUM INTO ?1", [to]).map_err(io::Error::other))
        .and_then(|_| file.sync_all());
    if copied.is_err() {
        // Half a copy is worse than none; the first error is the one to tell.
        let _ = fs::remove_file(to);
    }
    copied
}

/// Copies the database into a file that is in no folder any more, and gone when it is closed.
pub(crate) fn nameless(conn: &Connection) -> io::Result<File> {
    static COPIES: AtomicU64 = AtomicU64::new(0);
    let database = conn.path().ok_or_else(|| io::Error::other("the database has no file"))?;
    let number = COPIES.fetch_add(1, Relaxed);
    let to = PathBuf::from(format!("{database}.copy-{}-{number}", process::id()));
    // A process of the same number may have ended in the midst of it.
    match fs::remove_file(&to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => copy(conn, &to)?,
    }
    let file = File::open(&to);
    fs::remove_file(&to)?;
    file
}

/// Why no copy came about.
pub(crate) fn fault(error: io::Error) -> StoreError {
    match error.downcast::<rusqlite::Error>() {
        Ok(error) => error::store(error),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => StoreError::Full(error.into()),
        Err(error) => StoreError::Unavailable(error.into()),
    }
}
