//! Reading the request log. It has no index but its order, so that appending stays cheap: whoever looks for something
//! reads it backwards, a bounded number of rows at a time.

use std::ops::Range;

use jiff::Timestamp;
use rotator_core::{
    record::RequestId,
    store::{LoggedRequest, RequestPage, RequestQuery, StoreError},
};
use rusqlite::{ToSql, Transaction, params_from_iter};

use super::{Octets, outcome_number, record};
use crate::{database::Database, error, rows};

/// How many rows one reading looks at.
pub(super) const PIECE: i64 = 50_000;
/// How far rows may be out of the order in which their requests ended, in milliseconds: they come from several workers,
/// which hand them over now and then.
pub(super) const DISORDER: i64 = 60_000;

/// A page of the list, newest first.
pub(crate) fn list(tx: &Transaction<'_>, query: &RequestQuery) -> Result<RequestPage, StoreError> {
    span(tx, query)
        .and_then(|span| look(tx, span, &Conditions::of(query), query.page.limit))
        .map_err(error::store)
}

/// The record of one request, wherever it is. Each piece is a reading of its own, so that others have their turn.
pub(crate) async fn find(db: &Database, id: RequestId) -> Result<Option<LoggedRequest>, StoreError> {
    let mut before = i64::MAX;
    loop {
        let look = move |tx: &Transaction<'_>| {
            let mut is_it = Conditions::default();
            is_it.and("request_id = ?", Some(id.to_string()));
            look(tx, i64::MIN..before, &is_it, 1).map_err(error::store)
        };
        let mut piece = db.read(look).await?;
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
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    fn of(query: &RequestQuery) -> Self {
        let mut all = Self::default();
        all.and("config_id = ?", query.config_id.map(|id| id.0));
        all.and("key_id = ?", query.key_id.map(|id| id.0));
        all.and("outcome = ?", query.outcome.map(outcome_number));
        all.and("status >= ?", query.status.as_ref().map(|codes| *codes.start()));
        all.and("status <= ?", query.status.as_ref().map(|codes| *codes.end()));
        all.and("method = ?", query.method.as_ref().map(ToString::to_string));
        all.and("client = ?", query.client.map(Octets::from));
        all.and("started_at + duration_us / 1000 >= ?", query.since.map(Timestamp::as_millisecond));
        all.and("started_at + duration_us / 1000 < ?", query.until.map(Timestamp::as_millisecond));
        all.and("duration_us >= ?", query.min_duration_us.map(rows::to_integer));
        all.and("attempts >= ?", query.min_attempts);
        all.and("(trace IS NOT NULL) = ?", query.has_trace);
        all.and("contains_folded(path, ?)", query.path.as_ref().map(|text| text.to_lowercase()));
        all
    }

    fn and(&mut self, condition: &str, value: Option<impl ToSql + 'static>) {
        if let Some(value) = value {
            self.sql.push_str(" AND ");
            self.sql.push_str(condition);
            self.values.push(Box::new(value));
        }
    }
}

/// The rows among which a query's are, by its cursor and its times.
fn span(tx: &Transaction<'_>, query: &RequestQuery) -> rusqlite::Result<Range<i64>> {
    let mut span = i64::MIN..query.page.after.unwrap_or(i64::MAX);
    if let Some(since) = query.since {
        span.start = first_ended(tx, since.as_millisecond().saturating_sub(DISORDER))?;
    }
    if let Some(until) = query.until {
        span.end = span.end.min(first_ended(tx, until.as_millisecond().saturating_add(DISORDER))?);
    }
    Ok(span)
}

/// The first row whose request ended at a time or later; the one after the last when there is none.
pub(super) fn first_ended(tx: &Transaction<'_>, since: i64) -> rusqlite::Result<i64> {
    let (mut low, mut high): (i64, i64) = tx.query_one(
        "SELECT coalesce((SELECT min(id) FROM requests), 0), coalesce((SELECT max(id) FROM requests), -1) + 1",
        (),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut next = tx.prepare_cached(
        "SELECT id, started_at + duration_us / 1000 FROM requests WHERE id >= ?1 ORDER BY id LIMIT 1",
    )?;
    while low < high {
        let middle = low + (high - low) / 2;
        let (id, ended): (i64, i64) = next.query_one([middle], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if ended < since {
            low = id + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The last rows of a span of which the conditions hold, newest first. Looks at one piece of it.
fn look(
    tx: &Transaction<'_>,
    span: Range<i64>,
    conditions: &Conditions,
    limit: u32,
) -> rusqlite::Result<RequestPage> {
    let newest: Option<i64> = tx
        .prepare_cached("SELECT max(id) FROM requests WHERE id >= ?1 AND id < ?2")?
        .query_one([span.start, span.end], |row| row.get(0))?;
    let Some(newest) = newest else { return Ok(RequestPage::default()) };
    let oldest = span.start.max(newest - PIECE + 1);
    let select = format!(
        "SELECT * FROM requests WHERE id >= ? AND id <= ?{} ORDER BY id DESC LIMIT ?",
        conditions.sql
    );
    let bounds: [&dyn ToSql; 2] = [&oldest, &newest];
    let values = conditions.values.iter().map(|value| &**value);
    let found: Vec<(i64, Option<_>)> = tx
        .prepare_cached(&select)?
        .query_map(params_from_iter(bounds.into_iter().chain(values).chain([&limit as &dyn ToSql])), |row| {
            Ok((row.get("id")?, record(row)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let reached = match found.last() {
        Some((row, _)) if found.len() == limit as usize => *row,
        _ => oldest,
    };
    let more: bool = tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM requests WHERE id >= ?1 AND id < ?2)")?
        .query_one([span.start, reached], |row| row.get(0))?;
    let items =
        found.into_iter().filter_map(|(row, record)| Some(LoggedRequest { row, record: record? })).collect();
    Ok(RequestPage { items, next: more.then_some(reached) })
}
