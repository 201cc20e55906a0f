//! The request log: appending to it and its rows here, reading in `list`, deleting in `prune`; beside it `samples`.

mod list;
mod prune;
pub(crate) mod samples;

use std::net::IpAddr;

use rotator_core::{
    model::{ConfigId, KeyId},
    record::{RequestId, RequestOutcome, RequestRecord, Tokens, Trace},
};
use rusqlite::{Row, Statement, ToSql, Transaction, types::ToSqlOutput};

pub(crate) use self::{
    list::{find, list},
    prune::prune,
};
use crate::rows;

/// How many records one statement appends: it costs a quarter less than one at a time.
const ROWS: usize = 32;
/// What every record has.
const PLAIN: [&str; 16] = [
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
    "trace",
];
/// What only records of LLM requests have: the others are cheaper without.
const OF_LLMS: [&str; 6] = [
    "model",
    "tokens_input",
    "tokens_cached_read",
    "tokens_cache_write",
    "tokens_output",
    "tokens_reasoning",
];

/// Appends records.
pub(crate) fn append(tx: &Transaction<'_>, records: &[RequestRecord]) -> rusqlite::Result<()> {
    let (full, rest) = records.as_chunks::<ROWS>();
    append_by(ROWS, tx, full.as_flattened())?;
    append_by(1, tx, rest)
}

fn append_by(rows: usize, tx: &Transaction<'_>, records: &[RequestRecord]) -> rusqlite::Result<()> {
    let mut inserts = [const { None }; 2];
    for records in records.chunks(rows) {
        let of_llms = records.iter().any(|record| record.model.is_some() || record.usage.is_some());
        let insert = match &mut inserts[usize::from(of_llms)] {
            Some(insert) => insert,
            none => none.insert(tx.prepare_cached(&insert(rows, of_llms))?),
        };
        write(insert, records, of_llms)?;
    }
    Ok(())
}

fn insert(rows: usize, of_llms: bool) -> String {
    let columns = if of_llms { [PLAIN.as_slice(), &OF_LLMS].concat() } else { PLAIN.to_vec() };
    let row = format!("({})", vec!["?"; columns.len()].join(", "));
    // Where a statement that fails undoes the whole transaction, SQLite need not be ready to undo the statement alone.
    format!(
        "INSERT OR ROLLBACK INTO requests ({}) VALUES {}",
        columns.join(", "),
        vec![row.as_str(); rows].join(", ")
    )
}

/// Runs an insert of as many rows as there are records.
fn write(insert: &mut Statement<'_>, records: &[RequestRecord], of_llms: bool) -> rusqlite::Result<()> {
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
        if !of_llms {
            continue;
        }
        values.bind(record.model.as_deref())?;
        let usage = record.usage.map(Tokens::buckets);
        for bucket in 0..Tokens::BUCKETS.len() {
            values.bind(usage.map(|buckets| rows::to_integer(buckets[bucket])))?;
        }
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
