//! What requests came to, minute by minute, and hour by hour once that is a while ago.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rotator_core::{
    model::ConfigId,
    record::{RequestRecord, Tally, TallyRow},
    store::StoreError,
};
use rusqlite::{Row, Transaction};

use crate::{database::Database, error, rows};

/// In milliseconds.
const HOUR: i64 = 3_600_000;

/// Adds rows to those of the same minute, service and model.
static ADD: LazyLock<String> = LazyLock::new(|| {
    let names = Tally::names();
    let sums: Vec<_> = names.iter().map(|name| format!("{name} = {name} + excluded.{name}")).collect();
    format!(
        "INSERT INTO request_tallies (at, config_id, model, {}) VALUES (?, ?, ?{})
         ON CONFLICT (at, config_id, model) DO UPDATE SET {}",
        names.join(", "),
        ", ?".repeat(names.len()),
        sums.join(", ")
    )
});
/// The sum of each count.
pub(super) static SUMS: LazyLock<String> = LazyLock::new(|| {
    let sums: Vec<_> = Tally::names().iter().map(|name| format!("sum({name})")).collect();
    sums.join(", ")
});

/// What requests came to that is not written yet: a row has many counts, and they are cheaper to write once a minute than
/// with every batch of records. A crash loses as much of the statistics, and no record.
///
/// A transaction may fail up to its commit. So nothing is added or forgotten before that: [`Pending::write`] does both
/// with what the transaction answers.
#[derive(Debug, Default)]
pub(crate) struct Pending(Mutex<Vec<TallyRow>>);

/// What is pending once a transaction is committed.
#[must_use]
pub(crate) struct Left(Vec<TallyRow>);

/// So many requests are not kept longer.
const MOST_PENDING: u64 = 20_000;

impl Pending {
    /// Runs a write that answers what it leaves to be written, and keeps that in mind once it is committed.
    pub(crate) async fn write<F>(self: Arc<Self>, db: &Database, work: F) -> Result<(), StoreError>
    where
        F: FnOnce(&Transaction<'_>, &Self) -> rusqlite::Result<Left> + Send + 'static,
    {
        let pending = Arc::clone(&self);
        let work = move |tx: &Transaction<'_>| work(tx, &pending).map_err(error::store);
        db.writer.write_then(work, move |Left(rows)| *self.rows() = rows).await
    }

    /// Adds requests, and writes all when their minute is over or they are many.
    pub(super) fn add(&self, tx: &Transaction<'_>, records: &[RequestRecord]) -> rusqlite::Result<Left> {
        let mut rows = self.rows().clone();
        TallyRow::add(&mut rows, records);
        let requests: u64 = rows.iter().map(|row| row.tally.total()).sum();
        let is_of_one_minute = rows.windows(2).all(|rows| rows[0].at == rows[1].at);
        if requests < MOST_PENDING && is_of_one_minute {
            return Ok(Left(rows));
        }
        add(tx, &rows)?;
        Ok(Left(Vec::new()))
    }

    /// Writes all.
    pub(crate) fn add_all(&self, tx: &Transaction<'_>) -> rusqlite::Result<Left> {
        add(tx, &self.rows())?;
        Ok(Left(Vec::new()))
    }

    fn rows(&self) -> MutexGuard<'_, Vec<TallyRow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds what requests came to.
fn add(tx: &Transaction<'_>, tallies: &[TallyRow]) -> rusqlite::Result<()> {
    let mut add = tx.prepare_cached(&ADD)?;
    for row in tallies {
        add.raw_bind_parameter(1, row.at)?;
        add.raw_bind_parameter(2, row.config_id.map_or(0, |id| id.0))?;
        add.raw_bind_parameter(3, &*row.model)?;
        for (place, count) in (4..).zip(row.tally.counts()) {
            add.raw_bind_parameter(place, rows::to_integer(*count))?;
        }
        add.raw_execute()?;
    }
    Ok(())
}

/// The sums in a row, of which the first is in this column.
pub(super) fn sums(row: &Row<'_>, first: usize) -> rusqlite::Result<Tally> {
    let mut counts = [0; Tally::COUNTS];
    for (place, count) in counts.iter_mut().enumerate() {
        *count = rows::count(row.get::<_, Option<i64>>(first + place)?.unwrap_or_default());
    }
    Ok(Tally::of(counts))
}

/// See [`rotator_core::store::Store::condense_stats`].
pub(crate) async fn condense(
    db: &Database,
    pending: Arc<Pending>,
    hours_until: Timestamp,
    since: Timestamp,
) -> Result<(), StoreError> {
    let since = since.as_millisecond();
    let delete = move |tx: &Transaction<'_>, pending: &Pending| {
        let left = pending.add_all(tx)?;
        tx.execute("DELETE FROM request_tallies WHERE at < ?1", [since])?;
        Ok(left)
    };
    pending.write(db, delete).await?;
    let until = hours_until.as_millisecond();
    while db.write(move |tx| condense_hour(tx, until - until.rem_euclid(HOUR)).map_err(error::store)).await? {
    }
    Ok(())
}

/// Makes one row of each service's and model's in the first hour that has rows of minutes. Whether there was one.
fn condense_hour(tx: &Transaction<'_>, until: i64) -> rusqlite::Result<bool> {
    let first: Option<i64> = tx.query_one(
        "SELECT min(at) FROM request_tallies WHERE at < ?1 AND at % ?2 <> 0",
        [until, HOUR],
        |row| row.get(0),
    )?;
    let Some(first) = first else { return Ok(false) };
    let hour = first - first.rem_euclid(HOUR);
    let select = format!(
        "SELECT config_id, model, {} FROM request_tallies WHERE at >= ?1 AND at < ?2 GROUP BY config_id, model",
        *SUMS
    );
    let whole: Vec<TallyRow> = tx
        .prepare_cached(&select)?
        .query_map([hour, hour + HOUR], |row| {
            let config = row.get(0)?;
            let config_id = (config != 0).then_some(ConfigId(config));
            Ok(TallyRow { at: hour, config_id, model: row.get(1)?, tally: sums(row, 2)? })
        })?
        .collect::<rusqlite::Result<_>>()?;
    tx.execute("DELETE FROM request_tallies WHERE at >= ?1 AND at < ?2", [hour, hour + HOUR])?;
    add(tx, &whole)?;
    Ok(true)
}
