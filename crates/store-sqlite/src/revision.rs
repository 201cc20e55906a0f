//! How often what requests are served by was written.

use rotator_core::store::StoreError;
use rusqlite::Transaction;

use crate::{error, rows::count};

/// The number of writes so far.
pub(crate) fn get(tx: &Transaction<'_>) -> Result<u64, StoreError> {
    tx.prepare_cached("SELECT number FROM revision")
        .and_then(|mut select| select.query_one((), |row| row.get(0).map(count)))
        .map_err(error::store)
}

/// Counts a write, in its transaction.
pub(crate) fn advance(tx: &Transaction<'_>) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE revision SET number = number + 1")
        .and_then(|mut update| update.execute(()))
        .map_err(error::store)?;
    Ok(())
}
