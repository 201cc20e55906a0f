//! What an admin says that tokens cost: one setting.

use rotator_core::{
    prices::PriceRow,
    store::{AuditAction, Change, StoreError},
};

use crate::{audit, connection::Session, error::Fault, settings};

/// The prices, in their order.
pub(crate) async fn get(tx: &mut Session) -> Result<Vec<PriceRow>, StoreError> {
    let Some(text) = settings::get(tx, settings::PRICES).await? else { return Ok(Vec::new()) };
    serde_json::from_str(&text)
        .map_err(|error| StoreError::Inconsistent { what: format!("the prices cannot be read: {error}") })
}

/// Replaces them all.
pub(crate) async fn replace(tx: &mut Session, rows: &[PriceRow], by: &Change) -> Result<(), StoreError> {
    put(tx, rows).await?;
    Ok(audit::note(tx, &AuditAction::PricesReplaced(rows.len()), by).await?)
}

/// Writes them, and nothing into the audit log.
pub(crate) async fn put(tx: &mut Session, rows: &[PriceRow]) -> Result<(), Fault> {
    let text = serde_json::to_string(rows).map_err(|_| Fault::Value)?;
    settings::put(tx, settings::PRICES, &text).await
}
