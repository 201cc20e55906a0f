//! The request log: appending to it and its rows here, reading in `list`, deleting in `prune`, moving in
//! `transfer`; beside it `samples`, and the `tallies` that `stats` reads.

mod list;
mod prune;
pub(crate) mod samples;
pub(crate) mod stats;
mod tallies;
mod transfer;

use std::net::IpAddr;

use rotator_core::{
    model::{ConfigId, KeyId},
    prices::Money,
    record::{RequestId, RequestOutcome, RequestRecord, Tokens, Trace},
};
use rusqlite::{Row, Statement, ToSql, Transaction, types::ToSqlOutput};

pub(crate) use self::{
    list::{find, list},
    prune::prune,
    tallies::{Left, Pending, condense},
    transfer::{export, import},
};
use crate::rows;

/// How many records one statement appends: it costs a quarter less than one at a time.
const ROWS: usize = 16;
/// What every record has.
const PLAIN: [&str; 15] = [
    "request_id",
    "started_at",
    "config_id",
    "key_id",
    "proxy_key",
    "method",
    "path",
    "status",
    "outcome",
    "attempts",
    "duration_us",
    "first_byte_us",
    "bytes_in",
    "bytes_out",
    "client",
];
/// What few records have besides: those of LLM requests, and of requests with something to tell. The others are cheaper
/// without.
const FURTHER: [&str; 9] = [
    "trace",
    "model",
    "tokens_input",
    "tokens_cached_read",
    "tokens_cache_write",
    "tokens_output",
    "tokens_reasoning",
    "cost",
    "usage_estimated",
];

/// Appends records. Answers what they leave of the statistics.
pub(crate) fn append(
    tx: &Transaction<'_>,
    pending: &Pending,
    records: &[RequestRecord],
) -> rusqlite::Result<Left> {
    let (full, rest) = records.as_chunks::<ROWS>();
    append_by(ROWS, tx, full.as_flattened())?;
    append_by(1, tx, rest)?;
    pending.add(tx, records)
}

fn append_by(rows: usize, tx: &Transaction<'_>, records: &[RequestRecord]) -> rusqlite::Result<()> {
    let mut inserts = [const { None }; 2];
    for records in records.chunks(rows) {
        let has_more = records.iter().any(has_further);
        let insert = match &mut inserts[usize::from(has_more)] {
            Some(insert) => insert,
            none => none.insert(tx.prepare_cached(&insert(rows, has_more))?),
        };
        write(insert, records, has_more)?;
    }
    Ok(())
}

fn has_further(record: &RequestRecord) -> bool {
    record.trace.is_some() || record.model.is_some() || record.usage.is_some()
}

fn insert(rows: usize, has_more: bool) -> String {
    let columns = if has_more { [PLAIN.as_slice(), &FURTHER].concat() } else { PLAIN.to_vec() };
    let row = format!("({})", vec!["?"; columns.len()].join(", "));
    // Where a statement that fails undoes the whole transaction, SQLite need not be ready to undo the statement alone.
    format!(
        "INSERT OR ROLLBACK INTO requests ({}) VALUES {}",
        columns.join(", "),
        vec![row.as_str(); rows].join(", ")
    )
}

/// Runs an insert of as many rows as there are records.
fn write(insert: &mut Statement<'_>, records: &[RequestRecord], has_more: bool) -> rusqlite::Result<()> {
    let mut values = Values { insert, bound: 0 };
    for record in records {
        values.bind_record(record, has_more)?;
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

    /// The values of a record, in the order of the columns. On every request's bill.
    #[inline]
    fn bind_record(&mut self, record: &RequestRecord, has_more: bool) -> rusqlite::Result<()> {
        self.bind(record.request_id.as_str())?;
        self.bind(record.started_at.as_millisecond())?;
        self.bind(record.config_id.map(|id| id.0))?;
        self.bind(record.key_id.map(|id| id.0))?;
        self.bind(record.proxy_key)?;
        self.bind(record.method.as_str())?;
        self.bind(&*record.path)?;
        self.bind(record.status)?;
        self.bind(outcome_number(record.outcome))?;
        self.bind(record.attempts)?;
        self.bind(rows::to_integer(record.duration_us))?;
        self.bind(record.first_byte_us.map(rows::to_integer))?;
        self.bind(rows::to_integer(record.bytes_in))?;
        self.bind(rows::to_integer(record.bytes_out))?;
        self.bind(Octets::from(record.client))?;
        if !has_more {
            return Ok(());
        }
        self.bind(record.trace.as_deref().map(trace_text).transpose()?)?;
        self.bind(record.model.as_deref())?;
        let usage = record.usage.map(Tokens::buckets);
        for bucket in 0..Tokens::BUCKETS.len() {
            self.bind(usage.map(|buckets| rows::to_integer(buckets[bucket])))?;
        }
        self.bind(record.cost.map(|cost| rows::to_integer(cost.nanos())))?;
        self.bind(record.usage_estimated)
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

/// A row of `requests`. `None` when it makes no sense.
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
        model: row.get("model")?,
        usage: usage(row)?,
        usage_estimated: row.get::<_, Option<bool>>("usage_estimated")?.unwrap_or_default(),
        cost: row.get::<_, Option<i64>>("cost")?.map(|nanos| Money::from_nanos(rows::count(nanos))),
        // One that a newer version wrote may make no sense to us; the record does.
        trace: trace.and_then(|text| serde_json::from_str(text).ok()),
    }))
}

fn usage(row: &Row<'_>) -> rusqlite::Result<Option<Tokens>> {
    let bucket = |name| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(name)?.map(rows::count));
    let Some(input) = bucket("tokens_input")? else { return Ok(None) };
    Ok(Some(Tokens {
        input,
        cached_read: bucket("tokens_cached_read")?.unwrap_or_default(),
        cache_write: bucket("tokens_cache_write")?.unwrap_or_default(),
        output: bucket("tokens_output")?.unwrap_or_default(),
        reasoning: bucket("tokens_reasoning")?.unwrap_or_default(),
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
