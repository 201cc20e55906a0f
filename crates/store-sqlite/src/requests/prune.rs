//! Keeps the request log small.

use jiff::Timestamp;
use rotator_core::store::StoreError;
use rusqlite::{Connection, Transaction};

use super::samples;
use crate::{connection::checkpoint, database::Database, error, rows};

/// How many records are deleted while appending waits.
const PIECE: i64 = 5_000;

/// Deletes what is older than `before`, then the oldest records while the log is larger than `max_bytes`; gives the room
/// back to the file system. Appending goes on between two pieces.
pub(crate) async fn prune(db: &Database, before: Timestamp, max_bytes: u64) -> Result<u64, StoreError> {
    db.write(move |tx| samples::delete_older(tx, before).map_err(error::store)).await?;
    let mut deleted = 0;
    let mut last_seen = 0;
    // Records are in the order in which they ended, nearly that in which they began: the first piece without an old
    // one ends the search.
    loop {
        let piece = db.write(move |tx| delete_old(tx, last_seen, before).map_err(error::store)).await?;
        deleted += piece.deleted;
        last_seen = piece.last_seen;
        if piece.deleted == 0 {
            break;
        }
    }
    loop {
        let piece = db.write(move |tx| delete_excess(tx, max_bytes).map_err(error::store)).await?;
        deleted += piece;
        if piece == 0 {
            break;
        }
    }
    if deleted > 0 {
        db.writer.run(|conn| checkpoint(conn).map(drop).map_err(error::store)).await?;
    }
    Ok(deleted)
}

struct Piece {
    deleted: u64,
    last_seen: i64,
}

fn delete_old(tx: &Transaction<'_>, after: i64, before: Timestamp) -> rusqlite::Result<Piece> {
    let last_seen: Option<i64> = tx.query_one(
        "SELECT max(id) FROM (SELECT id FROM requests WHERE id > ?1 ORDER BY id LIMIT ?2)",
        [after, PIECE],
        |row| row.get(0),
    )?;
    let Some(last_seen) = last_seen else { return Ok(Piece { deleted: 0, last_seen: after }) };
    let deleted = tx.execute(
        "DELETE FROM requests WHERE id > ?1 AND id <= ?2 AND started_at < ?3",
        (after, last_seen, before.as_millisecond()),
    )?;
    give_back(tx)?;
    Ok(Piece { deleted: deleted as u64, last_seen })
}

fn delete_excess(tx: &Transaction<'_>, max_bytes: u64) -> rusqlite::Result<u64> {
    let (size, records): (i64, i64) = tx.query_one(
        "SELECT (SELECT (page_count - freelist_count) * page_size
                 FROM pragma_page_count, pragma_freelist_count, pragma_page_size),
                (SELECT coalesce(max(id) - min(id) + 1, 0) FROM requests)",
        (),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let excess = size - rows::to_integer(max_bytes);
    if excess <= 0 || records == 0 {
        return Ok(0);
    }
    // As many records as lie in so many bytes, and one more to make up for the rounding.
    let too_many = excess / (size / records).max(1) + 1;
    let deleted = tx.execute(
        "DELETE FROM requests WHERE id IN (SELECT id FROM requests ORDER BY id LIMIT ?1)",
        [too_many.min(PIECE)],
    )?;
    give_back(tx)?;
    Ok(deleted as u64)
}

/// Gives the free pages back. The pragma frees one page a step.
fn give_back(conn: &Connection) -> rusqlite::Result<()> {
    let mut pragma = conn.prepare_cached("PRAGMA incremental_vacuum")?;
    let mut pages = pragma.query(())?;
    while pages.next()?.is_some() {}
    Ok(())
}
