//! A key at rest: envelope encryption.
//!
//! Every key is sealed with one random *data key* by AES-256-GCM-SIV (RFC 8452) under a random nonce, with the row it
//! belongs to as associated data, so that a sealed key moved to another row does not open. The data key itself is
//! stored only *wrapped* by the key-encryption key that the operator holds; changing the latter re-wraps one value and
//! touches no row. Where a config sends its keys is vouched for by a digest under the data key.
//!
//! Stored texts carry their version, so that a later one can read what this one wrote. Binary parts are base64url
//! without padding, and a blob is `nonce (12 bytes) || ciphertext || tag (16 bytes)`:
//!
//! | text | form |
//! |---|---|
//! | sealed key | `v1.<blob>` |
//! | wrapped data key | `v1.<kdf>.<salt>.<blob>`, where `kdf` is `hkdf-sha256` or `argon2id` |

mod kek;
mod keys;
mod sealing;

use std::fmt;

use aws_lc_rs::{hmac, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::{
    model::{ConfigId, ConfigSpec, KeyId, ProxyKeyId},
    secret::Secret,
    transfer::StoreId,
};
use sealing::{SealingKey, derive};

pub use kek::KeyEncryptionKey;
pub use keys::{KeyEncryptionKeys, Unlocked};

/// Bytes of every key here.
const KEY_LEN: usize = 32;
/// Bytes of a store's identity.
const IDENTITY_LEN: usize = 16;
const VERSION: &str = "v1";

/// A key's bytes, wiped when dropped.
type KeyBytes = Zeroizing<[u8; KEY_LEN]>;

/// Seals and opens keys. Made by unwrapping the data key.
pub struct Vault {
    /// Kept for [`Vault::wrap`]; never used itself, only keys derived from it are.
    data_key: KeyBytes,
    sealing: SealingKey,
    fingerprints: hmac::Key,
    destinations: hmac::Key,
    identity: StoreId,
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

impl Vault {
    /// A vault with a new random data key, and that data key wrapped, to be stored.
    pub fn create(kek: &KeyEncryptionKey) -> Result<(Self, String), VaultError> {
        let mut data_key = KeyBytes::default();
        rand::fill(&mut *data_key).map_err(|_| VaultError::Crypto)?;
        let vault = Self::new(data_key)?;
        let wrapped = vault.wrap(kek)?;
        Ok((vault, wrapped))
    }

    /// Unwraps a stored data key.
    pub fn unlock(kek: &KeyEncryptionKey, wrapped: &str) -> Result<Self, VaultError> {
        Self::new(kek.unwrap_key(wrapped)?)
    }

    fn new(data_key: KeyBytes) -> Result<Self, VaultError> {
        let sealing = SealingKey::new(&derive(&*data_key, &[], "rotator/v1/seal")?)?;
        let digests =
            |label| derive(&*data_key, &[], label).map(|key| hmac::Key::new(hmac::HMAC_SHA256, &*key));
        let fingerprints = digests("rotator/v1/fingerprint")?;
        let destinations = digests("rotator/v1/destination")?;
        let identity = derive(&*data_key, &[], "rotator/v1/identity")?;
        let identity = StoreId(URL_SAFE_NO_PAD.encode(&identity[..IDENTITY_LEN]));
        Ok(Self { data_key, sealing, fingerprints, destinations, identity })
    }

    /// By which a store is known again: the same for one data key, however it is wrapped, and no help in finding it.
    pub fn identity(&self) -> &StoreId {
        &self.identity
    }

    /// The data key wrapped anew, by another key-encryption key.
    pub fn wrap(&self, kek: &KeyEncryptionKey) -> Result<String, VaultError> {
        kek.wrap_key(&self.data_key)
    }

    /// Seals a key for its row. The same key twice gives two different texts.
    pub fn seal(&self, secret: &Secret, row: Row) -> Result<String, VaultError> {
        let blob = self.sealing.seal(secret.expose().as_bytes(), row.associated_data().as_bytes())?;
        Ok(format!("{VERSION}.{blob}"))
    }

    /// Opens what [`Vault::seal`] made for the same row.
    pub fn open(&self, sealed: &str, row: Row) -> Result<Secret, VaultError> {
        let (version, blob) = sealed.split_once('.').ok_or(VaultError::Damaged)?;
        if version != VERSION {
            return Err(VaultError::Damaged);
        }
        let plain = self.sealing.open(blob, row.associated_data().as_bytes())?;
        let text = std::str::from_utf8(&plain).map_err(|_| VaultError::Damaged)?;
        Secret::parse(text).map_err(|_| VaultError::Damaged)
    }

    /// Seals a text for one purpose.
    pub(crate) fn seal_document(&self, plain: &[u8], purpose: &str) -> Result<String, VaultError> {
        self.sealing.seal(plain, document(purpose).as_bytes())
    }

    /// Opens what [`Vault::seal_document`] made for the same purpose.
    pub(crate) fn open_document(
        &self,
        sealed: &str,
        purpose: &str,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.sealing.open(sealed, document(purpose).as_bytes())
    }

    /// A keyed digest (HMAC-SHA256) by which a key is found again within its config, without opening any. The same
    /// key in two configs has two fingerprints.
    pub fn fingerprint(&self, secret: &Secret, config: ConfigId) -> [u8; 32] {
        let mut message = hmac::Context::with_key(&self.fingerprints);
        message.update(&config.0.to_be_bytes());
        message.update(secret.expose().as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(message.sign().as_ref());
        digest
    }

    /// A keyed digest (HMAC-SHA256) of where a config sends its keys, to be stored beside it: whoever can write to the
    /// database, and does not hold the key, cannot have them sent elsewhere.
    pub fn vouch(&self, config: ConfigId, spec: &ConfigSpec) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&self.destinations, &destination(config, spec)).as_ref());
        digest
    }

    /// Whether a digest is what [`Vault::vouch`] made for the same config and destination.
    pub fn vouches(&self, config: ConfigId, spec: &ConfigSpec, digest: &[u8]) -> bool {
        hmac::verify(&self.destinations, &destination(config, spec), digest).is_ok()
    }

    /// A keyed digest (HMAC-SHA256) of a proxy key, by its own digest and its terms as they are stored: whoever can write
    /// to the database, and does not hold the key, cannot let anybody in.
    pub fn vouch_for_proxy_key(&self, key: ProxyKeyId, digest: &[u8; 32], terms: &str) -> [u8; 32] {
        let mut vouched = [0; 32];
        vouched.copy_from_slice(hmac::sign(&self.destinations, &admission(key, digest, terms)).as_ref());
        vouched
    }

    /// Whether a digest is what [`Vault::vouch_for_proxy_key`] made for the same key.
    pub fn vouches_for_proxy_key(&self, key: ProxyKeyId, digest: &[u8], terms: &str, vouched: &[u8]) -> bool {
        hmac::verify(&self.destinations, &admission(key, digest, terms), vouched).is_ok()
    }
}

/// What a proxy key is known by, and what it opens.
fn admission(key: ProxyKeyId, digest: &[u8], terms: &str) -> Vec<u8> {
    // No destination begins so: it begins with a number.
    [format!("proxy-key {key} ").as_bytes(), digest, terms.as_bytes()].concat()
}

/// What a sealed text is bound to: nothing else is sealed for it.
fn document(purpose: &str) -> String {
    format!("rotator/{VERSION}/{purpose}")
}

/// Who gets a config's keys: its origins, and whether they must prove that they are the ones.
fn destination(config: ConfigId, spec: &ConfigSpec) -> Vec<u8> {
    let proof = if spec.accept_invalid_certs { "any-certificate" } else { "valid-certificate" };
    let mut text = format!("{config} {proof}");
    for url in spec.urls() {
        // Neither part has a space in it.
        text.extend([" ", url.scheme().as_str(), "://", url.authority().as_str()]);
    }
    text.into_bytes()
}

impl Row {
    fn associated_data(self) -> String {
        format!("rotator/{VERSION}/api-key/{}/{}", self.config, self.key)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(***)")
    }
}

#[cfg(test)]
mod tests;
