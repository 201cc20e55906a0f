//! Keys that gpt-load has encrypted: AES-256-GCM under a key that PBKDF2 makes of its `ENCRYPTION_KEY`, in hexadecimal,
//! the nonce first. Beside each lies a digest of its text: SHA-256 where nothing is encrypted, keyed otherwise.

use std::num::NonZeroU32;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest::{SHA256, digest},
    pbkdf2::{PBKDF2_HMAC_SHA256, derive},
};

use crate::Error;

const SALT: &[u8] = b"gpt-load-encryption-v1";
/// 100 000, of a type that knows no zero.
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(99_999);
const TAG_LEN: usize = 16;

/// The text of a key.
pub(super) enum Text {
    /// It is this.
    Certain(String),
    /// It is this if it is not encrypted. It looks as if it were, does not open, and has no digest beside it.
    Doubtful(String),
}

/// Opens keys, if it was told how.
pub struct Opener(Option<LessSafeKey>);

impl Opener {
    /// With what gpt-load has as its `ENCRYPTION_KEY`; `None` if that is not known.
    pub fn new(encryption_key: Option<&str>) -> Result<Self, Error> {
        let Some(text) = encryption_key else { return Ok(Self(None)) };
        let mut key = [0; 32];
        derive(PBKDF2_HMAC_SHA256, ROUNDS, SALT, text.as_bytes(), &mut key);
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| Error::Crypto)?;
        Ok(Self(Some(LessSafeKey::new(key))))
    }

    /// The text of a key, encrypted or not. `hash` is the digest beside it, if there is one.
    pub(super) fn open(&self, stored: &str, hash: Option<&str>) -> Result<Text, Error> {
        let hash = hash.filter(|hash| !hash.is_empty());
        let is_plain =
            hash.and_then(bytes).is_some_and(|hash| hash == digest(&SHA256, stored.as_bytes()).as_ref());
        let bytes = bytes(stored).filter(|bytes| bytes.len() > NONCE_LEN + TAG_LEN && !is_plain);
        let Some(bytes) = bytes else { return Ok(Text::Certain(stored.to_owned())) };
        match self.decrypt(bytes) {
            // There are keys of other APIs that look like it, and nothing says that this is not one.
            Err(Error::Encrypted | Error::WrongKey) if hash.is_none() => {
                Ok(Text::Doubtful(stored.to_owned()))
            }
            opened => opened.map(Text::Certain),
        }
    }

    fn decrypt(&self, mut bytes: Vec<u8>) -> Result<String, Error> {
        let key = self.0.as_ref().ok_or(Error::Encrypted)?;
        let (nonce, sealed) = bytes.split_first_chunk_mut::<NONCE_LEN>().ok_or(Error::WrongKey)?;
        let plain = key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), sealed)
            .map_err(|_| Error::WrongKey)?;
        String::from_utf8(plain.to_vec()).map_err(|_| Error::WrongKey)
    }
}

/// Hexadecimal text as bytes; `None` if it is none.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}
