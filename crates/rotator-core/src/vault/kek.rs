use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand;
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD},
};
use zeroize::Zeroizing;

use super::{
    KEY_LEN, KeyBytes, VERSION, VaultError,
    sealing::{SealingKey, derive},
};

/// What the operator holds (`ENCRYPTION_KEY`): 32 random bytes, or a passphrase.
#[derive(Clone)]
pub struct KeyEncryptionKey(Material);

#[derive(Clone)]
enum Material {
    /// As good as random: HKDF is enough.
    Bytes(KeyBytes),
    /// Guessable: each guess must cost.
    Passphrase(Zeroizing<Box<str>>),
}

/// Shortest passphrase, in characters.
const MIN_PASSPHRASE: usize = 16;
const SALT_LEN: usize = 16;
const HELP: &str = "must be 32 random bytes in base64 or hex, such as `openssl rand -base64 32` prints, \
                    or a passphrase of at least 16 characters";

impl KeyEncryptionKey {
    /// 32 bytes as base64 (either alphabet, padded or not) or hex, or else a passphrase of at least 16 characters.
    /// White space around it is not part of it.
    ///
    /// # Errors
    /// A clause that says what the value must be; it does not repeat the value.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(bytes) = from_hex(text).or_else(|| from_base64(text)) {
            return Ok(Self(Material::Bytes(bytes)));
        }
        if text.chars().count() < MIN_PASSPHRASE {
            return Err(HELP.into());
        }
        Ok(Self(Material::Passphrase(Zeroizing::new(text.into()))))
    }

    pub(super) fn wrap_key(&self, data_key: &KeyBytes) -> Result<String, VaultError> {
        let mut salt = [0; SALT_LEN];
        rand::fill(&mut salt).map_err(|_| VaultError::Crypto)?;
        let blob = self.wrapping_key(&salt)?.seal(&**data_key, self.associated_data().as_bytes())?;
        Ok(format!("{VERSION}.{}.{}.{blob}", self.kdf(), URL_SAFE_NO_PAD.encode(salt)))
    }

    pub(super) fn unwrap_key(&self, wrapped: &str) -> Result<KeyBytes, VaultError> {
        let parts: Vec<&str> = wrapped.split('.').collect();
        let [VERSION, kdf, salt, blob] = parts[..] else {
            return Err(VaultError::Damaged);
        };
        if kdf != self.kdf() {
            return Err(VaultError::WrongKey);
        }
        let salt = URL_SAFE_NO_PAD.decode(salt).map_err(|_| VaultError::Damaged)?;
        let salt: [u8; SALT_LEN] = salt.try_into().map_err(|_| VaultError::Damaged)?;
        // A changed blob and another key look the same to the AEAD; the latter is what happens to people.
        let plain = self
            .wrapping_key(&salt)?
            .open(blob, self.associated_data().as_bytes())
            .map_err(|_| VaultError::WrongKey)?;
        let mut data_key = KeyBytes::default();
        if plain.len() != KEY_LEN {
            return Err(VaultError::Damaged);
        }
        data_key.copy_from_slice(&plain);
        Ok(data_key)
    }

    fn kdf(&self) -> &'static str {
        match self.0 {
            Material::Bytes(_) => "hkdf-sha256",
            Material::Passphrase(_) => "argon2id",
        }
    }

    fn associated_data(&self) -> String {
        format!("rotator/{VERSION}/data-key/{}", self.kdf())
    }

    fn wrapping_key(&self, salt: &[u8; SALT_LEN]) -> Result<SealingKey, VaultError> {
        SealingKey::new(&match &self.0 {
            Material::Bytes(bytes) => derive(&**bytes, salt, "rotator/v1/wrap")?,
            Material::Passphrase(passphrase) => stretch(passphrase, salt)?,
        })
    }
}

/// Argon2id with the parameters that OWASP's Password Storage Cheat Sheet names first: 19 MiB, two passes, one lane.
/// They belong to version 1 of the wrapped text; others would be another version.
fn stretch(passphrase: &str, salt: &[u8; SALT_LEN]) -> Result<KeyBytes, VaultError> {
    let mut key = KeyBytes::default();
    let params = Params::new(19 * 1024, 2, 1, Some(KEY_LEN)).map_err(|_| VaultError::Crypto)?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
        .map_err(|_| VaultError::Crypto)?;
    Ok(key)
}

fn from_hex(text: &str) -> Option<KeyBytes> {
    let digits = text.as_bytes();
    if digits.len() != 2 * KEY_LEN {
        return None;
    }
    let mut bytes = KeyBytes::default();
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (char::from(pair[0]).to_digit(16)?, char::from(pair[1]).to_digit(16)?);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(bytes)
}

fn from_base64(text: &str) -> Option<KeyBytes> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [alphabet::STANDARD, alphabet::URL_SAFE].iter().find_map(|alphabet| {
        let decoded = Zeroizing::new(GeneralPurpose::new(alphabet, config).decode(text).ok()?);
        let mut bytes = KeyBytes::default();
        (decoded.len() == KEY_LEN).then(|| bytes.copy_from_slice(&decoded))?;
        Some(bytes)
    })
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyEncryptionKey(***)")
    }
}
