//! A whole copy of a database file, made while it is in use.

use std::{fs, io, path::Path};

use rusqlite::Connection;

use crate::connection::private;

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
