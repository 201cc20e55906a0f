//! The data key: made on the first start, unwrapped on every other, wrapped anew when the operator's key changes.

use rotator_core::vault::{KeyEncryptionKey, KeyEncryptionKeys, Unlocked, Vault, VaultError};

use crate::{connection::Session, error::Fault, rows, settings};

/// The vault of this database. `true` when a previous key opened it and the primary one has replaced it.
pub(crate) async fn unlock(conn: &mut Session, keys: &KeyEncryptionKeys) -> Result<(Vault, bool), Fault> {
    let Some(wrapped) = settings::get(conn, settings::DATA_KEY).await? else {
        return create(conn, &keys.primary).await;
    };
    match keys.unlock(&wrapped)? {
        Unlocked::ByPrimary(vault) => Ok((vault, false)),
        Unlocked::ByPrevious(vault, rewrapped) => {
            settings::put(conn, settings::DATA_KEY, &rewrapped).await?;
            Ok((vault, true))
        }
    }
}

async fn create(conn: &mut Session, primary: &KeyEncryptionKey) -> Result<(Vault, bool), Fault> {
    let row = conn.row("SELECT EXISTS (SELECT 1 FROM api_keys)", ()).await?;
    if rows::only(row.as_ref())? {
        // A new data key would open none of them: what is lost must not look like what was never there.
        return Err(VaultError::Damaged.into());
    }
    let (vault, wrapped) = Vault::create(primary)?;
    settings::put(conn, settings::DATA_KEY, &wrapped).await?;
    Ok((vault, false))
}
