//! Samples of answers that were no success: a few of each service.

use jiff::Timestamp;
use rotator_core::{model::ConfigId, outcome::Kind, record::ErrorSample};
use rusqlite::{Row, Transaction};

use crate::rows;

/// Keeps samples instead of older ones like them, and the newest of each service.
pub(crate) fn put(tx: &Transaction<'_>, samples: &[ErrorSample]) -> rusqlite::Result<()> {
    let mut upsert = tx.prepare_cached(
        "INSERT INTO error_samples (config_id, status, rule, outcome, seen_at, headers, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (config_id, status, rule) DO UPDATE
         SET outcome = excluded.outcome, seen_at = excluded.seen_at, headers = excluded.headers, body = excluded.body
         WHERE excluded.seen_at >= seen_at",
    )?;
    let mut trim = tx.prepare_cached(
        "DELETE FROM error_samples WHERE id IN
             (SELECT id FROM error_samples WHERE config_id = ?1 ORDER BY seen_at DESC, id DESC LIMIT -1 OFFSET ?2)",
    )?;
    for sample in samples {
        let headers = serde_json::to_string(&sample.headers)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        upsert.execute((
            sample.config_id.0,
            sample.status,
            &*sample.rule,
            sample.outcome.as_str(),
            sample.seen_at.as_millisecond(),
            headers,
            &*sample.body,
        ))?;
        trim.execute((sample.config_id.0, ErrorSample::MAX_PER_CONFIG))?;
    }
    Ok(())
}

/// The samples of a service, newest first.
pub(crate) fn of(tx: &Transaction<'_>, config: ConfigId) -> rusqlite::Result<Vec<ErrorSample>> {
    tx.prepare_cached("SELECT * FROM error_samples WHERE config_id = ?1 ORDER BY seen_at DESC, id DESC")?
        .query_map([config.0], sample)?
        .filter_map(Result::transpose)
        .collect()
}

/// The samples of every service, oldest first.
pub(crate) fn all(tx: &Transaction<'_>) -> rusqlite::Result<Vec<ErrorSample>> {
    tx.prepare_cached("SELECT * FROM error_samples ORDER BY id")?
        .query_map((), sample)?
        .filter_map(Result::transpose)
        .collect()
}

/// Deletes the samples of a service.
pub(crate) fn delete_of(tx: &Transaction<'_>, config: ConfigId) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM error_samples WHERE config_id = ?1", [config.0]).map(drop)
}

/// Deletes the samples that were seen before a time.
pub(crate) fn delete_older(tx: &Transaction<'_>, before: Timestamp) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM error_samples WHERE seen_at < ?1", [before.as_millisecond()]).map(drop)
}

/// `None` when it makes no sense: a newer version may know more outcomes.
fn sample(row: &Row<'_>) -> rusqlite::Result<Option<ErrorSample>> {
    let outcome = row.get_ref("outcome")?.as_str()?;
    let outcome = Kind::ALL.into_iter().find(|kind| kind.as_str() == outcome);
    let headers = serde_json::from_str(row.get_ref("headers")?.as_str()?).ok();
    let (Some(outcome), Some(headers)) = (outcome, headers) else { return Ok(None) };
    Ok(Some(ErrorSample {
        config_id: ConfigId(row.get("config_id")?),
        seen_at: rows::time(row.get("seen_at")?),
        status: row.get("status")?,
        headers,
        body: row.get("body")?,
        outcome,
        rule: row.get("rule")?,
    }))
}
