//! What an admin says that tokens cost: one setting.

use rotator_core::{
    prices::PriceRow,
    store::{AuditAction, Change, StoreError},
};
use rusqlite::Transaction;

use crate::{audit, error, settings};

/// The prices, in their order.
pub(crate) fn get(tx: &Transaction<'_>) -> Result<Vec<PriceRow>, StoreError> {
    let Some(text) = settings::get(tx, settings::PRICES).map_err(error::store)? else {
        return Ok(Vec::new());
    };
    serde_json::from_str(&text)
        .map_err(|error| StoreError::Inconsistent { what: format!("the prices cannot be read: {error}") })
}

/// Replaces them all.
pub(crate) fn replace(tx: &Transaction<'_>, rows: &[PriceRow], by: &Change) -> Result<(), StoreError> {
    put(tx, rows)?;
    audit::note(tx, &AuditAction::PricesReplaced(rows.len()), by)
}

/// Writes them, and nothing into the audit log.
pub(crate) fn put(tx: &Transaction<'_>, rows: &[PriceRow]) -> Result<(), StoreError> {
    let text = serde_json::to_string(rows).map_err(|error| StoreError::Inconsistent {
        what: format!("the prices cannot be written: {error}"),
    })?;
    settings::put(tx, settings::PRICES, &text).map_err(error::store)
}
