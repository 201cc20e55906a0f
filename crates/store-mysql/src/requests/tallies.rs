//! What requests came to, minute by minute, and hour by hour once that is a while ago.

use std::sync::LazyLock;

use jiff::Timestamp;
use mysql_async::{Params, Row, Value};
use rotator_core::{
    model::ConfigId,
    record::{Tally, TallyRow},
    store::{StoreError, Term},
};

use crate::{
    connection::Session,
    database::Database,
    error::Fault,
    instances,
    rows::{self, at},
};

/// In milliseconds.
const HOUR: i64 = 3_600_000;

/// Adds rows to those of the same minute, service and model.
static ADD: LazyLock<String> = LazyLock::new(|| {
    let names = Tally::names();
    let sums: Vec<_> = names.iter().map(|name| format!("{name} = {name} + VALUES({name})")).collect();
    format!(
        "INSERT INTO request_tallies (at, config_id, model, {}) VALUES (?, ?, ?{})
         ON DUPLICATE KEY UPDATE {}",
        names.join(", "),
        ", ?".repeat(names.len()),
        sums.join(", ")
    )
});
/// The sum of each count.
pub(super) static SUMS: LazyLock<String> = LazyLock::new(|| {
    let sums: Vec<_> = Tally::names().iter().map(|name| format!("CAST(sum({name}) AS SIGNED)")).collect();
    sums.join(", ")
});

/// Adds what requests came to.
pub(super) async fn add(tx: &mut Session, tallies: &[TallyRow]) -> Result<(), Fault> {
    for row in tallies {
        let config = row.config_id.map_or(0, |id| id.0);
        let mut values: Vec<Value> = vec![row.at.into(), config.into(), (&*row.model).into()];
        values.extend(row.tally.counts().iter().map(|count| rows::to_integer(*count).into()));
        tx.execute(&ADD, Params::Positional(values)).await?;
    }
    Ok(())
}

/// The sums in a row, of which the first is in this column.
pub(super) fn sums(row: &Row, first: usize) -> Result<Tally, Fault> {
    let mut counts = [0; Tally::COUNTS];
    for (place, count) in counts.iter_mut().enumerate() {
        *count = rows::count(at(row, first + place)?);
    }
    Ok(Tally::of(counts))
}

/// See [`rotator_core::store::Store::condense_stats`].
pub(crate) async fn condense(
    db: &Database,
    hours_until: Timestamp,
    since: Timestamp,
    term: Term,
) -> Result<(), StoreError> {
    let (since, until) = (since.as_millisecond(), hours_until.as_millisecond());
    db.write(async |tx| Ok(delete_older(tx, since, term).await?)).await?;
    while db.write(async |tx| Ok(condense_hour(tx, until - until.rem_euclid(HOUR), term).await?)).await? {}
    Ok(())
}

async fn delete_older(tx: &mut Session, since: i64, term: Term) -> Result<(), Fault> {
    if instances::is_current(tx, term).await? {
        tx.execute("DELETE FROM request_tallies WHERE at < ?", (since,)).await?;
    }
    Ok(())
}

/// Makes one row of each service's and model's in the first hour that has rows of minutes. Whether there was one.
async fn condense_hour(tx: &mut Session, until: i64, term: Term) -> Result<bool, Fault> {
    // Two leaders at once would count an hour twice.
    if !instances::is_current(tx, term).await? {
        return Ok(false);
    }
    let sql = "SELECT min(at) FROM request_tallies WHERE at < ? AND at % ? <> 0";
    let first: Option<i64> = rows::only(tx.row(sql, (until, HOUR)).await?.as_ref())?;
    let Some(first) = first else { return Ok(false) };
    let hour = first - first.rem_euclid(HOUR);
    let sql = format!(
        "SELECT config_id, model, {} FROM request_tallies WHERE at >= ? AND at < ? GROUP BY config_id, model",
        *SUMS
    );
    let mut whole = Vec::new();
    for row in tx.rows(&sql, (hour, hour + HOUR)).await? {
        let config = at(&row, 0)?;
        let config_id = (config != 0).then_some(ConfigId(config));
        let model: String = at(&row, 1)?;
        whole.push(TallyRow { at: hour, config_id, model: model.into(), tally: sums(&row, 2)? });
    }
    tx.execute("DELETE FROM request_tallies WHERE at >= ? AND at < ?", (hour, hour + HOUR)).await?;
    add(tx, &whole).await?;
    Ok(true)
}
