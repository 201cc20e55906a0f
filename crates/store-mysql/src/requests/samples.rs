//! Samples of answers that were no success: a few of each service.

use jiff::Timestamp;
use mysql_async::{Row, params};
use rotator_core::{model::ConfigId, outcome::Kind, record::ErrorSample};

use crate::{
    connection::Session,
    error::Fault,
    rows::{self, get},
};

/// Keeps samples instead of older ones like them, and the newest of each service.
pub(crate) async fn put(tx: &mut Session, samples: &[ErrorSample]) -> Result<(), Fault> {
    for sample in samples {
        // Assignments are made from left to right, so the time comes last.
        tx.execute(
            "INSERT INTO error_samples (config_id, status, rule, outcome, seen_at, headers, body)
             VALUES (:config_id, :status, :rule, :outcome, :seen_at, :headers, :body)
             ON DUPLICATE KEY UPDATE
                 outcome = if(VALUES(seen_at) >= seen_at, VALUES(outcome), outcome),
                 headers = if(VALUES(seen_at) >= seen_at, VALUES(headers), headers),
                 body = if(VALUES(seen_at) >= seen_at, VALUES(body), body),
                 seen_at = greatest(VALUES(seen_at), seen_at)",
            params! {
                "config_id" => sample.config_id.0, "status" => sample.status, "rule" => &*sample.rule,
                "outcome" => sample.outcome.as_str(), "seen_at" => sample.seen_at.as_millisecond(),
                "headers" => serde_json::to_string(&sample.headers).map_err(|_| Fault::Value)?,
                "body" => &*sample.body,
            },
        )
        .await?;
        tx.execute(
            "DELETE FROM error_samples WHERE config_id = :config_id AND id NOT IN (SELECT id FROM
                 (SELECT id FROM error_samples WHERE config_id = :config_id ORDER BY seen_at DESC, id DESC LIMIT :most)
                 AS kept)",
            params! { "config_id" => sample.config_id.0, "most" => ErrorSample::MAX_PER_CONFIG },
        )
        .await?;
    }
    Ok(())
}

/// The samples of a service, newest first.
pub(crate) async fn of(tx: &mut Session, config: ConfigId) -> Result<Vec<ErrorSample>, Fault> {
    let sql = "SELECT * FROM error_samples WHERE config_id = ? ORDER BY seen_at DESC, id DESC";
    let found = tx.rows(sql, (config.0,)).await?;
    found.iter().map(sample).filter_map(Result::transpose).collect()
}

/// The samples of every service, oldest first.
pub(crate) async fn all(tx: &mut Session) -> Result<Vec<ErrorSample>, Fault> {
    let found = tx.rows("SELECT * FROM error_samples ORDER BY id", ()).await?;
    found.iter().map(sample).filter_map(Result::transpose).collect()
}

/// Deletes the samples of a service.
pub(crate) async fn delete_of(tx: &mut Session, config: ConfigId) -> Result<(), Fault> {
    tx.execute("DELETE FROM error_samples WHERE config_id = ?", (config.0,)).await.map(drop)
}

/// Deletes the samples that were seen before a time.
pub(crate) async fn delete_older(tx: &mut Session, before: Timestamp) -> Result<(), Fault> {
    tx.execute("DELETE FROM error_samples WHERE seen_at < ?", (before.as_millisecond(),)).await.map(drop)
}

/// `None` when it makes no sense: a newer version may know more outcomes.
fn sample(row: &Row) -> Result<Option<ErrorSample>, Fault> {
    let outcome: String = get(row, "outcome")?;
    let outcome = Kind::ALL.into_iter().find(|kind| kind.as_str() == outcome);
    let headers = serde_json::from_str(&get::<String>(row, "headers")?).ok();
    let (Some(outcome), Some(headers)) = (outcome, headers) else { return Ok(None) };
    Ok(Some(ErrorSample {
        config_id: ConfigId(get(row, "config_id")?),
        seen_at: rows::time(get(row, "seen_at")?),
        status: get(row, "status")?,
        headers,
        body: get::<String>(row, "body")?.into(),
        outcome,
        rule: get::<String>(row, "rule")?.into(),
    }))
}
