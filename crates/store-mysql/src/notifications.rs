//! Where operators are told of what happens: one setting, sealed, since whoever knows an address may post to it.

use rotator_core::{
    notifications::Notifications,
    store::{AuditAction, Change, StoreError},
    vault::Vault,
};

use crate::{audit, connection::Session, settings};

/// The webhooks; none before the first time.
pub(crate) async fn get(tx: &mut Session, vault: &Vault) -> Result<Notifications, StoreError> {
    match settings::get(tx, settings::NOTIFICATIONS).await? {
        Some(sealed) => Notifications::open(&sealed, vault),
        None => Ok(Notifications::default()),
    }
}

/// Replaces them all.
pub(crate) async fn replace(
    tx: &mut Session,
    vault: &Vault,
    notifications: &Notifications,
    by: &Change,
) -> Result<(), StoreError> {
    put(tx, vault, notifications).await?;
    Ok(audit::note(tx, &AuditAction::NotificationsReplaced(notifications.webhooks.len()), by).await?)
}

/// Writes them, and nothing into the audit log.
pub(crate) async fn put(
    tx: &mut Session,
    vault: &Vault,
    notifications: &Notifications,
) -> Result<(), StoreError> {
    Ok(settings::put(tx, settings::NOTIFICATIONS, &notifications.seal(vault)?).await?)
}
