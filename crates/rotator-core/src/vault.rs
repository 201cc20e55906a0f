//! A key at rest: envelope encryption.
//!
//! Every key is sealed with one random *data key* by AES-256-GCM-SIV under a random nonce, with the row it belongs to
//! as associated data, so that a sealed key moved to another row does not open. The data key itself is stored only
//! *wrapped* by the key-encryption key that the operator holds; changing the latter re-wraps one value and touches no row.

use crate::{
    model::{ConfigId, KeyId},
    secret::Secret,
};

/// What the operator holds (`ENCRYPTION_KEY`): 32 random bytes, or a passphrase.
pub struct KeyEncryptionKey {
    _private: (),
}

/// Seals and opens keys. Made by unwrapping the data key.
pub struct Vault {
    _private: (),
}

/// The row a sealed key belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Whose pool.
    pub config: ConfigId,
    /// Which key.
    pub key: KeyId,
}

/// Why a vault stays shut.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key-encryption key is not the one the data key was wrapped with.
    #[error("the data was encrypted with another key")]
    WrongKey,
    /// What is stored is not what this version writes, or was changed.
    #[error("the sealed value is damaged")]
    Damaged,
    /// The system gives no random bytes, or the passphrase could not be stretched.
    #[error("the cryptographic library failed")]
    Crypto,
}

impl KeyEncryptionKey {
    /// 32 bytes as base64 or hex, or else a passphrase of at least 16 characters.
    pub fn parse(_text: &str) -> Result<Self, String> {
        Err(String::new())
    }
}

impl Vault {
    /// A vault with a new random data key, and that data key wrapped, to be stored.
    pub fn create(_kek: &KeyEncryptionKey) -> Result<(Self, String), VaultError> {
        Err(VaultError::Crypto)
    }

    /// Unwraps a stored data key.
    pub fn unlock(_kek: &KeyEncryptionKey, _wrapped: &str) -> Result<Self, VaultError> {
        Err(VaultError::Crypto)
    }

    /// The data key wrapped anew, by another key-encryption key.
    pub fn wrap(&self, _kek: &KeyEncryptionKey) -> Result<String, VaultError> {
        Err(VaultError::Crypto)
    }

    /// Seals a key for its row. The same key twice gives two different texts.
    pub fn seal(&self, _secret: &Secret, _row: Row) -> Result<String, VaultError> {
        Err(VaultError::Crypto)
    }

    /// Opens what [`Vault::seal`] made for the same row.
    pub fn open(&self, _sealed: &str, _row: Row) -> Result<Secret, VaultError> {
        Err(VaultError::Crypto)
    }

    /// A keyed digest by which a key is found again within its config, without opening any.
    pub fn fingerprint(&self, _secret: &Secret, _config: ConfigId) -> [u8; 32] {
        [0; 32]
    }
}
