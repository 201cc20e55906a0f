//! The request log: appending to it and its rows here, reading in `list`, deleting in `prune`; beside it `samples`, and
//! the `tallies` that `stats` reads.

mod list;
mod prune;
pub(crate) mod samples;
pub(crate) mod stats;
mod tallies;

use std::net::IpAddr;

use mysql_async::{Params, Row, Value};
use rotator_core::{
    model::{ConfigId, KeyId},
    prices::Money,
    record::{RequestId, RequestOutcome, RequestRecord, TallyRow, Tokens},
    store::LoggedRequest,
};

pub(crate) use self::{
    list::{find, list},
    prune::prune,
    tallies::condense,
};
use crate::{
    connection::Session,
    error::Fault,
    rows::{self, get},
    transfer::unless_there,
};

/// How many records one statement appends, the largest number that fits first: so few statements are ever prepared.
const ROWS: [usize; 3] = [128, 16, 1];
const COLUMNS: [&str; 24] = [
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
    "model",
    "tokens_input",
    "tokens_cached_read",
    "tokens_cache_write",
    "tokens_output",
    "tokens_reasoning",
    "cost",
    "usage_estimated",
];

/// Appends records.
pub(crate) async fn append(tx: &mut Session, records: &[RequestRecord]) -> Result<(), Fault> {
    let mut rest = records;
    for rows in ROWS {
        let sql = insert(rows);
        while let Some((batch, more)) = rest.split_at_checked(rows) {
            let mut of_all = Vec::with_capacity(rows * COLUMNS.len());
            for record in batch {
                of_all.extend(values(record)?);
            }
            tx.execute(&sql, Params::Positional(of_all)).await?;
            rest = more;
        }
    }
    // Last, since other instances wait for these rows.
    tallies::add(tx, &TallyRow::of(records)).await
}

fn insert(rows: usize) -> String {
    let row = format!("({})", ["?"; COLUMNS.len()].join(", "));
    format!("INSERT INTO requests ({}) VALUES {}", COLUMNS.join(", "), vec![row; rows].join(", "))
}

/// The values of a record, in the order of the columns.
fn values(record: &RequestRecord) -> Result<[Value; COLUMNS.len()], Fault> {
    let trace = record.trace.as_deref().map(serde_json::to_string).transpose().map_err(|_| Fault::Value)?;
    let usage = record.usage.map(Tokens::buckets);
    let tokens = |bucket: usize| usage.map(|buckets| rows::to_integer(buckets[bucket])).into();
    Ok([
        record.request_id.as_str().into(),
        record.started_at.as_millisecond().into(),
        record.config_id.map(|id| id.0).into(),
        record.key_id.map(|id| id.0).into(),
        record.proxy_key.into(),
        record.method.as_str().into(),
        (&*record.path).into(),
        record.status.into(),
        record.outcome.as_str().into(),
        record.attempts.into(),
        rows::to_integer(record.duration_us).into(),
        record.first_byte_us.map(rows::to_integer).into(),
        rows::to_integer(record.bytes_in).into(),
        rows::to_integer(record.bytes_out).into(),
        octets(record.client),
        trace.into(),
        record.model.as_deref().into(),
        tokens(0),
        tokens(1),
        tokens(2),
        tokens(3),
        tokens(4),
        record.cost.map(|cost| rows::to_integer(cost.nanos())).into(),
        record.usage_estimated.into(),
    ])
}

/// A client's address as its 4 or 16 bytes.
fn octets(address: IpAddr) -> Value {
    match address {
        IpAddr::V4(v4) => v4.octets().into(),
        IpAddr::V6(v6) => v6.octets().into(),
    }
}

/// Takes records of another store under their own rows.
pub(crate) async fn import(tx: &mut Session, records: &[LoggedRequest]) -> Result<(), Fault> {
    let columns = [&["id"], COLUMNS.as_slice()].concat();
    for batch in records.chunks(ROWS[0]) {
        let mut of_all = Vec::with_capacity(batch.len() * columns.len());
        for LoggedRequest { row, record } in batch {
            of_all.push(Value::from(*row));
            of_all.extend(values(record)?);
        }
        tx.execute(&unless_there("requests", &columns, batch.len()), Params::Positional(of_all)).await?;
    }
    Ok(())
}

/// A row of `requests` with its place. `None` when it makes no sense.
pub(crate) fn logged(row: &Row) -> Result<Option<LoggedRequest>, Fault> {
    let place = get(row, "id")?;
    Ok(record(row)?.map(|record| LoggedRequest { row: place, record }))
}

/// A row of `requests`. `None` when it makes no sense.
fn record(row: &Row) -> Result<Option<RequestRecord>, Fault> {
    let request_id = RequestId::parse(&get::<String>(row, "request_id")?);
    let method = get::<String>(row, "method")?.parse().ok();
    let outcome: String = get(row, "outcome")?;
    let outcome = RequestOutcome::ALL.into_iter().find(|known| known.as_str() == outcome);
    let client = address(&get::<Vec<u8>>(row, "client")?);
    let (Some(request_id), Some(method), Some(outcome), Some(client)) = (request_id, method, outcome, client)
    else {
        return Ok(None);
    };
    Ok(Some(RequestRecord {
        request_id,
        started_at: rows::time(get(row, "started_at")?),
        config_id: get::<Option<i64>>(row, "config_id")?.map(ConfigId),
        key_id: get::<Option<i64>>(row, "key_id")?.map(KeyId),
        proxy_key: get(row, "proxy_key")?,
        method,
        path: get::<String>(row, "path")?.into(),
        status: get(row, "status")?,
        outcome,
        attempts: get(row, "attempts")?,
        duration_us: rows::count(get(row, "duration_us")?),
        first_byte_us: get::<Option<i64>>(row, "first_byte_us")?.map(rows::count),
        bytes_in: rows::count(get(row, "bytes_in")?),
        bytes_out: rows::count(get(row, "bytes_out")?),
        client,
        model: get::<Option<String>>(row, "model")?.map(Into::into),
        usage: usage(row)?,
        usage_estimated: get(row, "usage_estimated")?,
        cost: get::<Option<i64>>(row, "cost")?.map(|nanos| Money::from_nanos(rows::count(nanos))),
        // One that a newer version wrote may make no sense to us; the record does.
        trace: get::<Option<String>>(row, "trace")?.and_then(|text| serde_json::from_str(&text).ok()),
    }))
}

fn usage(row: &Row) -> Result<Option<Tokens>, Fault> {
    let bucket = |name| Ok::<_, Fault>(get::<Option<i64>>(row, name)?.map(rows::count));
    let Some(input) = bucket("tokens_input")? else { return Ok(None) };
    Ok(Some(Tokens {
        input,
        cached_read: bucket("tokens_cached_read")?.unwrap_or_default(),
        cache_write: bucket("tokens_cache_write")?.unwrap_or_default(),
        output: bucket("tokens_output")?.unwrap_or_default(),
        reasoning: bucket("tokens_reasoning")?.unwrap_or_default(),
    }))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}
