//! Where operators are told of what happens: one setting, sealed, since whoever knows an address may post to it.

use rotator_core::{
    notifications::Notifications,
    store::{AuditAction, Change, StoreError},
    vault::Vault,
};
use rusqlite::Transaction;

use crate::{audit, error, settings};

/// The webhooks; none before the first time.
pub(crate) fn get(tx: &Transaction<'_>, vault: &Vault) -> Result<Notifications, StoreError> {
    match settings::get(tx, settings::NOTIFICATIONS).map_err(error::store)? {
        Some(sealed) => Notifications::open(&sealed, vault),
        None => Ok(Notifications::default()),
    }
}

/// Replaces them all.
pub(crate) fn replace(
    tx: &Transaction<'_>,
    vault: &Vault,
    notifications: &Notifications,
    by: &Change,
) -> Result<(), StoreError> {
    put(tx, vault, notifications)?;
    audit::note(tx, &AuditAction::NotificationsReplaced(notifications.webhooks.len()), by)
}

/// Writes them, and nothing into the audit log.
pub(crate) fn put(
    tx: &Transaction<'_>,
    vault: &Vault,
    notifications: &Notifications,
) -> Result<(), StoreError> {
    settings::put(tx, settings::NOTIFICATIONS, &notifications.seal(vault)?).map_err(error::store)
}
