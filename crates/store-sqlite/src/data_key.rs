//! The data key: made on the first start, unwrapped on every other, wrapped anew when the operator's key changes.

use rotator_core::vault::{KeyEncryptionKey, Vault, VaultError};
use rusqlite::Connection;

use crate::{error::Fault, settings};

/// What the operator holds.
#[derive(Debug)]
pub struct KeyEncryptionKeys {
    /// The one that the data key is, or will be, wrapped with.
    pub primary: KeyEncryptionKey,
    /// Former ones: what they open is wrapped by the primary one at once.
    pub previous: Vec<KeyEncryptionKey>,
}

/// The vault of this database. `true` when a previous key opened it and the primary one has replaced it.
pub(crate) fn unlock(conn: &Connection, keys: &KeyEncryptionKeys) -> Result<(Vault, bool), Fault> {
    let Some(wrapped) = settings::get(conn, settings::DATA_KEY)? else {
        return create(conn, &keys.primary);
    };
    match Vault::unlock(&keys.primary, &wrapped) {
        Err(VaultError::WrongKey) => {}
        result => return Ok((result?, false)),
    }
    for previous in &keys.previous {
        match Vault::unlock(previous, &wrapped) {
            Err(VaultError::WrongKey) => {}
            result => {
                let vault = result?;
                settings::put(conn, settings::DATA_KEY, &vault.wrap(&keys.primary)?)?;
                return Ok((vault, true));
            }
        }
    }
    Err(VaultError::WrongKey.into())
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
