//! Keeps the request log small.

use jiff::Timestamp;
use rotator_core::store::StoreError;

use super::{list::ends, samples};
use crate::{
    connection::Session,
    database::Database,
    error::Fault,
    rows::{self, get},
};

/// How many records one statement deletes: appending goes on beside it, and no other server that follows falls behind.
const PIECE: i64 = 2_000;
/// How many stretches of the log are measured, and how many ids of each: up to their product nothing is estimated.
const STRETCHES: i64 = 64;
const MEASURED: i64 = 1_000;
/// What a row takes beside its texts, in bytes: its numbers and InnoDB's own.
const ROW: i64 = 170;

/// Deletes what is older than `before`, then the oldest records while the log is larger than `max_bytes`. The room is
/// used again by the records that follow; MySQL gives none back to the file system.
pub(crate) async fn prune(db: &Database, before: Timestamp, max_bytes: u64) -> Result<u64, StoreError> {
    db.write(async |tx| Ok(samples::delete_older(tx, before).await?)).await?;
    let mut deleted = 0;
    let mut last_seen = i64::MIN;
    // Records are in the order in which they ended, nearly that in which they began: the first piece without an old
    // one ends the search.
    loop {
        let piece = db.write(async |tx| Ok(delete_old(tx, last_seen, before).await?)).await?;
        deleted += piece.deleted;
        last_seen = piece.last_seen;
        if piece.deleted == 0 {
            break;
        }
    }
    let (mut low, _) = db.read(async |tx| Ok(ends(tx).await?)).await?;
    let end = db.read(async |tx| Ok(first_within(tx, max_bytes).await?)).await?;
    while low < end {
        let to = end.min(low + PIECE);
        let sql = "DELETE FROM requests WHERE id >= ? AND id < ?";
        deleted += db.write(async |tx| Ok(tx.execute(sql, (low, to)).await?)).await?;
        low = to;
    }
    Ok(deleted)
}

struct Piece {
    deleted: u64,
    last_seen: i64,
}

async fn delete_old(tx: &mut Session, after: i64, before: Timestamp) -> Result<Piece, Fault> {
    let sql = "SELECT max(id) FROM (SELECT id FROM requests WHERE id > ? ORDER BY id LIMIT ?) AS piece";
    let last_seen: Option<i64> = rows::only(tx.row(sql, (after, PIECE)).await?.as_ref())?;
    let Some(last_seen) = last_seen else { return Ok(Piece { deleted: 0, last_seen: after }) };
    let sql = "DELETE FROM requests WHERE id > ? AND id <= ? AND started_at < ?";
    let deleted = tx.execute(sql, (after, last_seen, before.as_millisecond())).await?;
    Ok(Piece { deleted, last_seen })
}

/// The first record of those newest ones that together take no more than so many bytes. Measured is what they hold:
/// what the server tells of its files is an estimate, and includes the room that deleted records have left.
async fn first_within(tx: &mut Session, max_bytes: u64) -> Result<i64, Fault> {
    let (low, mut end) = ends(tx).await?;
    let width = ((end - low + STRETCHES - 1) / STRETCHES).max(1);
    let mut left = rows::to_integer(max_bytes);
    while end > low {
        let start = low.max(end - width);
        let bytes = bytes(tx, start, end).await?;
        if bytes > left {
            // As much of the stretch as fits, as if its records were all alike.
            let fits = i128::from(end - start) * i128::from(left) / i128::from(bytes);
            return Ok(end - i64::try_from(fits).unwrap_or(0));
        }
        left -= bytes;
        end = start;
    }
    Ok(low)
}

/// What the records from one id to another take, by what the first of them take.
async fn bytes(tx: &mut Session, start: i64, end: i64) -> Result<i64, Fault> {
    let measured = end.min(start + MEASURED);
    let sql = "SELECT CAST(coalesce(sum(length(method) + length(path) + coalesce(length(trace), 0)
                          + coalesce(length(model), 0) + ?), 0) AS SIGNED) AS bytes
               FROM requests WHERE id >= ? AND id < ?";
    let row = tx.row(sql, (ROW, start, measured)).await?.ok_or(Fault::Value)?;
    let bytes: i64 = get(&row, "bytes")?;
    Ok(i64::try_from(i128::from(bytes) * i128::from(end - start) / i128::from(measured - start))
        .unwrap_or(i64::MAX))
}
