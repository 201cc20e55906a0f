//! What requests came to: from their tallies, and of keys from the latest of the log.

use mysql_async::Row;
use rotator_core::{
    model::{ConfigId, KeyId},
    record::Tally,
    store::{KeyStats, Stats, StatsQuery},
};

use super::{
    list::{DISORDER, PIECE, first_ended},
    tallies::{SUMS, sums},
};
use crate::{
    connection::Session,
    error::Fault,
    rows::{self, at},
};

/// What the requests of a span came to.
pub(crate) async fn stats(tx: &mut Session, query: &StatsQuery) -> Result<Stats, Fault> {
    let begins = |row: &Row| Ok(rows::time(at::<i64>(row, 0)? * query.step_ms));
    let tops = format!(
        "ORDER BY sum(success + limited + client_error + server_error + no_answer) DESC, 1 LIMIT {}",
        StatsQuery::TOPS
    );
    let step = format!("at DIV {}", query.step_ms);
    let service = |row: &Row| at(row, 0).map(ConfigId);
    let model = |row: &Row| at::<String>(row, 0).map(Into::into);
    Ok(Stats {
        series: grouped(tx, query, &step, "ORDER BY 1", begins).await?,
        services: grouped(tx, query, "config_id", &format!("HAVING config_id <> 0 {tops}"), service).await?,
        models: grouped(tx, query, "model", &format!("HAVING model <> '' {tops}"), model).await?,
        keys: keys(tx, query).await?,
    })
}

/// The tallies of a span, summed up by `what`.
async fn grouped<T>(
    tx: &mut Session,
    query: &StatsQuery,
    what: &str,
    order: &str,
    key: impl Fn(&Row) -> Result<T, Fault>,
) -> Result<Vec<(T, Tally)>, Fault> {
    let config = query.config_id.map(|id| id.0);
    let sql = format!(
        "SELECT {what}, {} FROM request_tallies
         WHERE at >= ? AND at < ? AND (? IS NULL OR config_id = ?) GROUP BY 1 {order}",
        *SUMS
    );
    let span = (query.since.as_millisecond(), query.until.as_millisecond(), config, config);
    tx.rows(&sql, span).await?.iter().map(|row| Ok((key(row)?, sums(row, 1)?))).collect()
}

/// Keys have no tallies: there may be a hundred thousand of them.
async fn keys(tx: &mut Session, query: &StatsQuery) -> Result<Vec<KeyStats>, Fault> {
    let (since, until) = (query.since.as_millisecond(), query.until.as_millisecond());
    let config = query.config_id.map(|id| id.0);
    let end = first_ended(tx, until.saturating_add(DISORDER)).await?;
    let start = first_ended(tx, since.saturating_sub(DISORDER)).await?.max(end.saturating_sub(PIECE));
    let sql = "SELECT key_id, max(config_id), count(*) AS requests,
                      CAST(sum(status = 0 OR status >= 400) AS SIGNED) FROM requests
               WHERE id >= ? AND id < ? AND key_id IS NOT NULL AND (? IS NULL OR config_id = ?)
                   AND started_at + duration_us DIV 1000 >= ? AND started_at + duration_us DIV 1000 < ?
               GROUP BY key_id ORDER BY requests DESC, key_id LIMIT ?";
    let found = tx.rows(sql, (start, end, config, config, since, until, StatsQuery::TOPS)).await?;
    let keys = found.iter().map(|row| {
        Ok(KeyStats {
            key_id: KeyId(at(row, 0)?),
            config_id: at::<Option<i64>>(row, 1)?.map(ConfigId),
            requests: rows::count(at(row, 2)?),
            failed: rows::count(at(row, 3)?),
        })
    });
    keys.collect()
}
