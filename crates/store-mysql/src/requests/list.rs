//! Reading the request log. It has no index but its order, so that appending stays cheap: whoever looks for something
//! reads it backwards, a bounded number of rows at a time.

use std::ops::Range;

use http::Method;
use jiff::Timestamp;
use mysql_async::{Params, Value};
use rotator_core::{
    record::{RequestId, RequestOutcome},
    store::{LoggedRequest, RequestPage, RequestQuery, StoreError},
};

use super::{octets, record};
use crate::{
    connection::Session,
    database::Database,
    error::Fault,
    rows::{self, get},
};

/// How many rows one reading looks at.
pub(super) const PIECE: i64 = 50_000;
/// How far rows may be out of the order in which their requests ended, in milliseconds: they come from several workers
/// of several instances, which hand them over now and then.
pub(super) const DISORDER: i64 = 60_000;

/// A page of the list, newest first.
pub(crate) async fn list(tx: &mut Session, query: &RequestQuery) -> Result<RequestPage, StoreError> {
    let span = span(tx, query).await?;
    Ok(look(tx, span, &Conditions::of(query), query.page.limit).await?)
}

/// The record of one request, wherever it is. Each piece is a reading of its own, so that others have their turn.
pub(crate) async fn find(db: &Database, id: RequestId) -> Result<Option<LoggedRequest>, StoreError> {
    let mut is_it = Conditions::default();
    is_it.and("request_id = ?", Some(id.as_str()));
    let mut before = i64::MAX;
    loop {
        let mut piece = db.read(async |tx| Ok(look(tx, i64::MIN..before, &is_it, 1).await?)).await?;
        match (piece.items.pop(), piece.next) {
            (Some(found), _) => return Ok(Some(found)),
            (None, Some(next)) => before = next,
            (None, None) => return Ok(None),
        }
    }
}

/// What must hold of a row.
#[derive(Default)]
struct Conditions {
    /// With a `?` for each value.
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn of(query: &RequestQuery) -> Self {
        let mut all = Self::default();
        all.and("config_id = ?", query.config_id.map(|id| id.0));
        all.and("key_id = ?", query.key_id.map(|id| id.0));
        all.and("outcome = ?", query.outcome.map(RequestOutcome::as_str));
        all.and("status >= ?", query.status.as_ref().map(|codes| *codes.start()));
        all.and("status <= ?", query.status.as_ref().map(|codes| *codes.end()));
        all.and("method = ?", query.method.as_ref().map(Method::as_str));
        all.and("client = ?", query.client.map(octets));
        all.and("started_at + duration_us DIV 1000 >= ?", query.since.map(Timestamp::as_millisecond));
        all.and("started_at + duration_us DIV 1000 < ?", query.until.map(Timestamp::as_millisecond));
        all.and("duration_us >= ?", query.min_duration_us.map(rows::to_integer));
        all.and("attempts >= ?", query.min_attempts);
        all.and("(trace IS NOT NULL) = ?", query.has_trace);
        all.and("locate(lower(?), lower(path)) > 0", query.path.as_deref());
        all
    }

    fn and(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.sql.push_str(" AND ");
            self.sql.push_str(condition);
            self.values.push(value.into());
        }
    }
}

/// The rows among which a query's are, by its cursor and its times.
async fn span(tx: &mut Session, query: &RequestQuery) -> Result<Range<i64>, Fault> {
    let mut span = i64::MIN..query.page.after.unwrap_or(i64::MAX);
    if let Some(since) = query.since {
        span.start = first_ended(tx, since.as_millisecond().saturating_sub(DISORDER)).await?;
    }
    if let Some(until) = query.until {
        let end = first_ended(tx, until.as_millisecond().saturating_add(DISORDER)).await?;
        span.end = span.end.min(end);
    }
    Ok(span)
}

/// The first row whose request ended at a time or later; the one after the last when there is none.
pub(super) async fn first_ended(tx: &mut Session, since: i64) -> Result<i64, Fault> {
    let (mut low, mut high) = ends(tx).await?;
    let sql = "SELECT id, started_at + duration_us DIV 1000 AS ended FROM requests WHERE id >= ? ORDER BY id LIMIT 1";
    while low < high {
        let middle = low + (high - low) / 2;
        let row = tx.row(sql, (middle,)).await?.ok_or(Fault::Value)?;
        if get::<i64>(&row, "ended")? < since {
            low = get::<i64>(&row, "id")? + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The id of the first row, and the one after the last.
pub(super) async fn ends(tx: &mut Session) -> Result<(i64, i64), Fault> {
    let sql = "SELECT coalesce(min(id), 0) AS low, coalesce(max(id), -1) + 1 AS high FROM requests";
    let row = tx.row(sql, ()).await?.ok_or(Fault::Value)?;
    Ok((get(&row, "low")?, get(&row, "high")?))
}

/// The last rows of a span of which the conditions hold, newest first. Looks at one piece of it.
async fn look(
    tx: &mut Session,
    span: Range<i64>,
    conditions: &Conditions,
    limit: u32,
) -> Result<RequestPage, Fault> {
    let newest =
        tx.row("SELECT max(id) FROM requests WHERE id >= ? AND id < ?", (span.start, span.end)).await?;
    let Some(newest) = rows::only::<Option<i64>>(newest.as_ref())? else { return Ok(RequestPage::default()) };
    let oldest = span.start.max(newest - PIECE + 1);
    let sql = format!(
        "SELECT * FROM requests WHERE id >= ? AND id <= ?{} ORDER BY id DESC LIMIT ?",
        conditions.sql
    );
    let mut values = vec![oldest.into(), newest.into()];
    values.extend(conditions.values.iter().cloned());
    values.push(limit.into());
    let found = tx.rows(&sql, Params::Positional(values)).await?;
    let reached = match found.last() {
        Some(row) if found.len() == limit as usize => get(row, "id")?,
        _ => oldest,
    };
    let sql = "SELECT EXISTS (SELECT 1 FROM requests WHERE id >= ? AND id < ?)";
    let more: bool = rows::only(tx.row(sql, (span.start, reached)).await?.as_ref())?;
    let mut items = Vec::with_capacity(found.len());
    for row in &found {
        if let Some(record) = record(row)? {
            items.push(LoggedRequest { row: get(row, "id")?, record });
        }
    }
    Ok(RequestPage { items, next: more.then_some(reached) })
}
