//! How a connection to a database file is opened, and what it promises.

use std::{
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, functions::FunctionFlags};

/// How long a statement waits for another process's lock.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// A write-ahead log is cut back to this size when it has been carried over, in bytes.
const KEPT_WAL: i64 = 4 * 1024 * 1024;

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What an operator has set up: every commit is on disk before it is acknowledged, and what is deleted is overwritten.
    Config,
    /// The request log: a power cut may cost its last commits, and its file shrinks when it is pruned.
    Requests,
}

/// Creates the file for its owner alone, unless it is there. Its WAL and shared memory inherit the mode.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    match private().create_new(true).open(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result.map(drop),
    }
}

/// Options that open a file for writing and create it readable by its owner alone.
pub(crate) fn private() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens an existing file for the one that writes.
pub(crate) fn open_writer(path: &Path, kind: Kind, patience: Duration) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(patience)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    match kind {
        Kind::Config => {
            conn.pragma_update(None, "synchronous", "full")?;
            conn.query_one("PRAGMA secure_delete = on", (), |_| Ok(()))?;
        }
        Kind::Requests => {
            conn.pragma_update(None, "synchronous", "normal")?;
            // Of effect only before the first table is there; later it would write, and change nothing.
            if conn.query_one("PRAGMA page_count", (), |row| row.get::<_, i64>(0))? == 0 {
                conn.pragma_update(None, "auto_vacuum", "incremental")?;
            }
        }
    }
    write_ahead(&conn, patience)?;
    conn.query_one(&format!("PRAGMA journal_size_limit = {KEPT_WAL}"), (), |_| Ok(()))?;
    add_functions(&conn)?;
    Ok(conn)
}

/// Switches to a write-ahead log. SQLite waits for a lock by itself everywhere but here: two that switch the same file
/// at once could wait for each other.
fn write_ahead(conn: &Connection, patience: Duration) -> rusqlite::Result<()> {
    const PAUSE: Duration = Duration::from_millis(5);
    let start = Instant::now();
    loop {
        match conn.query_one("PRAGMA journal_mode = wal", (), |_| Ok(())) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < patience =>
            {
                thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}

/// Opens an existing file for one that only reads.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(PATIENCE)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "trusted_schema", false)?;
    add_functions(&conn)?;
    Ok(conn)
}

/// Carries the write-ahead log over into the file and empties it. `false` when a reader was in the way.
pub(crate) fn checkpoint(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_one("PRAGMA wal_checkpoint(truncate)", (), |row| Ok(row.get::<_, i64>(0)? == 0))
}

/// `contains_folded(text, needle)`: whether `text` holds `needle`, which is in lower case. SQLite's own `LIKE`
/// ignores case in ASCII only and gives `%` and `_` a meaning.
fn add_functions(conn: &Connection) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    conn.create_scalar_function("contains_folded", 2, flags, |call| {
        let text = call.get_raw(0).as_str()?;
        let needle = call.get_raw(1).as_str()?;
        Ok(text.to_lowercase().contains(needle))
    })
}
