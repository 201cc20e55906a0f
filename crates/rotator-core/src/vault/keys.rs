use super::{KeyEncryptionKey, Vault, VaultError};

/// What the operator holds.
#[derive(Debug, Clone)]
pub struct KeyEncryptionKeys {
    /// The one that the data key is, or will be, wrapped with.
    pub primary: KeyEncryptionKey,
    /// Former ones: what they open is wrapped by the primary one at once.
    pub previous: Vec<KeyEncryptionKey>,
}

/// A vault that was opened, and with which key.
#[derive(Debug)]
pub enum Unlocked {
    /// The primary one.
    ByPrimary(Vault),
    /// A former one. The data key is to be stored as it is wrapped here, by the primary one.
    ByPrevious(Vault, String),
}

impl KeyEncryptionKeys {
    /// Unwraps a stored data key with the first key that opens it.
    pub fn unlock(&self, wrapped: &str) -> Result<Unlocked, VaultError> {
        match Vault::unlock(&self.primary, wrapped) {
            Err(VaultError::WrongKey) => {}
            result => return result.map(Unlocked::ByPrimary),
        }
        for previous in &self.previous {
            match Vault::unlock(previous, wrapped) {
                Err(VaultError::WrongKey) => {}
                result => {
                    let vault = result?;
                    let rewrapped = vault.wrap(&self.primary)?;
                    return Ok(Unlocked::ByPrevious(vault, rewrapped));
                }
            }
        }
        Err(VaultError::WrongKey)
    }
}
