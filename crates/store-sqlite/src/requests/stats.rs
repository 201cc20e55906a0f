//! What requests came to: from their tallies, and of keys from the latest of the log.

use rotator_core::{
    model::{ConfigId, KeyId},
    record::Tally,
    store::{KeyStats, Stats, StatsQuery},
};
use rusqlite::{Row, Transaction};

use super::{
    list::{DISORDER, PIECE, first_ended},
    tallies::{SUMS, sums},
};
use crate::rows;

/// What the requests of a span came to.
pub(crate) fn stats(tx: &Transaction<'_>, query: &StatsQuery) -> rusqlite::Result<Stats> {
    let step = query.step_ms;
    let begins = |row: &Row<'_>| Ok(rows::time(row.get::<_, i64>(0)? * step));
    let tops = format!(
        "ORDER BY sum(success + limited + client_error + server_error + no_answer) DESC, 1 LIMIT {}",
        StatsQuery::TOPS
    );
    Ok(Stats {
        series: grouped(tx, query, &format!("at / {step}"), "ORDER BY 1", begins)?,
        services: grouped(tx, query, "config_id", &format!("HAVING config_id <> 0 {tops}"), |row| {
            row.get(0).map(ConfigId)
        })?,
        models: grouped(tx, query, "model", &format!("HAVING model <> '' {tops}"), |row| row.get(0))?,
        keys: keys(tx, query)?,
    })
}

/// The tallies of a span, summed up by `what`.
fn grouped<T>(
    tx: &Transaction<'_>,
    query: &StatsQuery,
    what: &str,
    order: &str,
    key: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<(T, Tally)>> {
    let select = format!(
        "SELECT {what}, {} FROM request_tallies
         WHERE at >= ?1 AND at < ?2 AND (?3 IS NULL OR config_id = ?3) GROUP BY 1 {order}",
        *SUMS
    );
    let span = (query.since.as_millisecond(), query.until.as_millisecond(), query.config_id.map(|id| id.0));
    tx.prepare_cached(&select)?.query_map(span, |row| Ok((key(row)?, sums(row, 1)?)))?.collect()
}

/// Keys have no tallies: there may be a hundred thousand of them.
fn keys(tx: &Transaction<'_>, query: &StatsQuery) -> rusqlite::Result<Vec<KeyStats>> {
    let (since, until) = (query.since.as_millisecond(), query.until.as_millisecond());
    let end = first_ended(tx, until.saturating_add(DISORDER))?;
    let start = first_ended(tx, since.saturating_sub(DISORDER))?.max(end.saturating_sub(PIECE));
    tx.prepare_cached(
        "SELECT key_id, max(config_id), count(*), sum(status = 0 OR status >= 400) FROM requests
         WHERE id >= ?1 AND id < ?2 AND key_id IS NOT NULL AND (?3 IS NULL OR config_id = ?3)
             AND started_at + duration_us / 1000 >= ?4 AND started_at + duration_us / 1000 < ?5
         GROUP BY key_id ORDER BY 3 DESC, 1 LIMIT ?6",
    )?
    .query_map((start, end, query.config_id.map(|id| id.0), since, until, StatsQuery::TOPS), |row| {
        Ok(KeyStats {
            key_id: KeyId(row.get(0)?),
            config_id: row.get::<_, Option<i64>>(1)?.map(ConfigId),
            requests: rows::count(row.get(2)?),
            failed: rows::count(row.get(3)?),
        })
    })?
    .collect()
}
