//! The request log.

use std::net::IpAddr;

use jiff::Timestamp;
use rotator_core::{
    model::{ConfigId, KeyId},
    record::{RequestId, RequestOutcome, RequestRecord, Trace},
    store::StoreError,
};
use rusqlite::{Connection, Row, Statement, ToSql, Transaction, types::ToSqlOutput};

use crate::{connection::checkpoint, database::Database, error, rows};

/// How many records are deleted while appending waits.
const PIECE: i64 = 5_000;

/// How many records one statement appends: it costs a quarter less than one at a time.
const ROWS: usize = 16;
const COLUMNS: usize = 16;

/// Appends records.
pub(crate) fn append(tx: &Transaction<'_>, records: &[RequestRecord]) -> rusqlite::Result<()> {
    let (full, rest) = records.as_chunks::<ROWS>();
    append_by(ROWS, tx, full.as_flattened())?;
    append_by(1, tx, rest)
}

fn append_by(rows: usize, tx: &Transaction<'_>, records: &[RequestRecord]) -> rusqlite::Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let mut insert = tx.prepare_cached(&insert(rows))?;
    records.chunks(rows).try_for_each(|records| write(&mut insert, records))
}

fn insert(rows: usize) -> String {
    // Where a statement that fails undoes the whole transaction, SQLite need not be ready to undo the statement alone.
    let row = format!("({})", vec!["?"; COLUMNS].join(", "));
    format!(
        "INSERT OR ROLLBACK INTO requests (request_id, started_at, config_id, key_id, proxy_key, method, path, status,
             outcome, attempts, duration_us, first_byte_us, bytes_in, bytes_out, client, trace)
         VALUES {}",
        vec![row.as_str(); rows].join(", ")
    )
}

/// Runs an insert of as many rows as there are records.
fn write(insert: &mut Statement<'_>, records: &[RequestRecord]) -> rusqlite::Result<()> {
    let mut values = Values { insert, bound: 0 };
    for record in records {
        values.bind(record.request_id.as_str())?;
        values.bind(record.started_at.as_millisecond())?;
        values.bind(record.config_id.map(|id| id.0))?;
        values.bind(record.key_id.map(|id| id.0))?;
        values.bind(record.proxy_key)?;
        values.bind(record.method.as_str())?;
        values.bind(&*record.path)?;
        values.bind(record.status)?;
        values.bind(outcome_number(record.outcome))?;
        values.bind(record.attempts)?;
        values.bind(rows::to_integer(record.duration_us))?;
        values.bind(record.first_byte_us.map(rows::to_integer))?;
        values.bind(rows::to_integer(record.bytes_in))?;
        values.bind(rows::to_integer(record.bytes_out))?;
        values.bind(Octets::from(record.client))?;
        values.bind(record.trace.as_deref().map(trace_text).transpose()?)?;
    }
    insert.raw_execute().map(drop)
}

/// The values of a statement, bound one after another.
struct Values<'a, 's> {
    insert: &'a mut Statement<'s>,
    bound: usize,
}

impl Values<'_, '_> {
    fn bind(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.bound += 1;
        self.insert.raw_bind_parameter(self.bound, value)
    }
}

/// A client's address as its 4 or 16 bytes.
enum Octets {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl From<IpAddr> for Octets {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => Self::V6(v6.octets()),
        }
    }
}

impl ToSql for Octets {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::V4(bytes) => ToSqlOutput::from(&bytes[..]),
            Self::V6(bytes) => ToSqlOutput::from(&bytes[..]),
        })
    }
}

/// The latest records, newest first. A row that makes no sense is left out.
pub(crate) fn latest(tx: &Transaction<'_>, limit: u32) -> Result<Vec<RequestRecord>, StoreError> {
    tx.prepare_cached("SELECT * FROM requests ORDER BY id DESC LIMIT ?1")
        .and_then(|mut select| select.query_map([limit], record)?.filter_map(Result::transpose).collect())
        .map_err(error::store)
}

fn record(row: &Row<'_>) -> rusqlite::Result<Option<RequestRecord>> {
    let request_id = RequestId::parse(row.get_ref("request_id")?.as_str()?);
    let method = row.get_ref("method")?.as_str()?.parse().ok();
    let outcome = outcome(row.get("outcome")?);
    let client = address(row.get_ref("client")?.as_blob()?);
    let trace = row.get_ref("trace")?.as_str_or_null()?;
    let (Some(request_id), Some(method), Some(outcome), Some(client)) = (request_id, method, outcome, client)
    else {
        return Ok(None);
    };
    Ok(Some(RequestRecord {
        request_id,
        started_at: rows::time(row.get("started_at")?),
        config_id: row.get::<_, Option<i64>>("config_id")?.map(ConfigId),
        key_id: row.get::<_, Option<i64>>("key_id")?.map(KeyId),
        proxy_key: row.get("proxy_key")?,
        method,
        path: row.get("path")?,
        status: row.get("status")?,
        outcome,
        attempts: row.get("attempts")?,
        duration_us: rows::count(row.get("duration_us")?),
        first_byte_us: row.get::<_, Option<i64>>("first_byte_us")?.map(rows::count),
        bytes_in: rows::count(row.get("bytes_in")?),
        bytes_out: rows::count(row.get("bytes_out")?),
        client,
        // One that a newer version wrote may make no sense to us; the record does.
        trace: trace.and_then(|text| serde_json::from_str(text).ok()),
    }))
}

fn trace_text(trace: &Trace) -> rusqlite::Result<String> {
    serde_json::to_string(trace).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// See the migration that makes the table.
fn outcome_number(outcome: RequestOutcome) -> u8 {
    match outcome {
        RequestOutcome::Completed => 0,
        RequestOutcome::Refused => 1,
        RequestOutcome::UpstreamFailed => 2,
        RequestOutcome::UpstreamCut => 3,
        RequestOutcome::ClientGone => 4,
    }
}

fn outcome(number: u8) -> Option<RequestOutcome> {
    Some(match number {
        0 => RequestOutcome::Completed,
        1 => RequestOutcome::Refused,
        2 => RequestOutcome::UpstreamFailed,
        3 => RequestOutcome::UpstreamCut,
        4 => RequestOutcome::ClientGone,
        _ => return None,
    })
}

/// Deletes what is older than `before`, then the oldest while the log is larger than `max_bytes`; gives the room
/// back to the file system. Appending goes on between two pieces.
pub(crate) async fn prune(db: &Database, before: Timestamp, max_bytes: u64) -> Result<u64, StoreError> {
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
