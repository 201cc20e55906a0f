//! The primitives, as the vault uses them: one AEAD, one key derivation.

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, Salt},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{KeyBytes, VaultError};

const TAG_LEN: usize = 16;

/// Seals bytes into a text and opens it again.
pub(super) struct SealingKey(RandomizedNonceKey);

impl SealingKey {
    pub(super) fn new(key: &KeyBytes) -> Result<Self, VaultError> {
        RandomizedNonceKey::new(&AES_256_GCM_SIV, &**key).map(Self).map_err(|_| VaultError::Crypto)
    }

    /// base64url of `nonce || ciphertext || tag`.
    pub(super) fn seal(&self, plain: &[u8], associated: &[u8]) -> Result<String, VaultError> {
        // Large enough from the start: growing would leave a copy of the plain text behind.
        let mut blob = Zeroizing::new(Vec::with_capacity(NONCE_LEN + plain.len() + TAG_LEN));
        blob.extend_from_slice(&[0; NONCE_LEN]);
        blob.extend_from_slice(plain);
        let (nonce, tag) = self
            .0
            .seal_in_place_separate_tag(Aad::from(associated), &mut blob[NONCE_LEN..])
            .map_err(|_| VaultError::Crypto)?;
        blob[..NONCE_LEN].copy_from_slice(nonce.as_ref());
        blob.extend_from_slice(tag.as_ref());
        Ok(URL_SAFE_NO_PAD.encode(&*blob))
    }

    /// What was sealed with the same associated data; `Damaged` for anything else.
    pub(super) fn open(&self, text: &str, associated: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let mut blob = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).map_err(|_| VaultError::Damaged)?);
        let (nonce, sealed) = blob.split_first_chunk_mut::<NONCE_LEN>().ok_or(VaultError::Damaged)?;
        let plain = self
            .0
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(associated), sealed)
            .map_err(|_| VaultError::Damaged)?;
        Ok(Zeroizing::new(plain.to_vec()))
    }
}

/// HKDF-SHA256 (RFC 5869): a key for the one purpose that the label names.
pub(super) fn derive(secret: &[u8], salt: &[u8], label: &str) -> Result<KeyBytes, VaultError> {
    let mut key = KeyBytes::default();
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[label.as_bytes()], HKDF_SHA256)
        .and_then(|output| output.fill(&mut *key))
        .map_err(|_| VaultError::Crypto)?;
    Ok(key)
}
