//! The data key: made on the first start, unwrapped on every other, wrapped anew when the operator's key changes.

use rotator_core::vault::{KeyEncryptionKey, KeyEncryptionKeys, Unlocked, Vault, VaultError};
use rusqlite::Connection;

use crate::{error::Fault, settings};

/// The vault of this database. `true` when a previous key opened it and the primary one has replaced it.
pub(crate) fn unlock(conn: &Connection, keys: &KeyEncryptionKeys) -> Result<(Vault, bool), Fault> {
    let Some(wrapped) = settings::get(conn, settings::DATA_KEY)? else {
        return create(conn, &keys.primary);
    };
    match keys.unlock(&wrapped)? {
        Unlocked::ByPrimary(vault) => Ok((vault, false)),
        Unlocked::ByPrevious(vault, rewrapped) => {
            settings::put(conn, settings::DATA_KEY, &rewrapped)?;
            Ok((vault, true))
        }
    }
}

fn create(conn: &Connection, primary: &KeyEncryptionKey) -> Result<(Vault, bool), Fault> {
    let has_keys = conn.query_one("SELECT EXISTS (SELECT 1 FROM api_keys)", (), |row| row.get(0))?;
    if has_keys {
        // A new data key would open none of them: what is lost must not look like what was never there.
        return Err(VaultError::Damaged.into());
    }
    let (vault, wrapped) = Vault::create(primary)?;
    settings::put(conn, settings::DATA_KEY, &wrapped)?;
    Ok((vault, false))
}
