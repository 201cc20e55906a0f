//! A key in memory: readable only on purpose.

use std::fmt;

use zeroize::Zeroizing;

/// The text of a key. `Debug` and `Display` never show it; the memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Box<str>>);

/// Longest key that is accepted, in bytes.
const MAX_LEN: usize = 8192;

impl Secret {
    /// Takes a key as an admin gave it, without the white space around it.
    ///
    /// # Errors
    /// A sentence without the key: empty, longer than 8 KiB, or with a character that no HTTP header may carry.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("must not be empty".into());
        }
        if text.len() > MAX_LEN {
            return Err(format!("must not be longer than {MAX_LEN} bytes"));
        }
        if !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return Err("must be printable ASCII: a line break or another control character is in it".into());
        }
        Ok(Self(Zeroizing::new(text.into())))
    }

    /// The key itself. Every call is a place where it could leak: keep them few.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Enough to recognise the key by, too little to use: the first 6 and the last 3 characters.
    /// A key of fewer than 16 characters shows less.
    pub fn masked(&self) -> String {
        let text = self.expose();
        match text.len() {
            0..8 => "***".into(),
            8..16 => format!("{}***", &text[..2]),
            len => format!("{}***{}", &text[..6], &text[len - 3..]),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_itself_only_when_asked() {
        let secret = Secret::parse(" sk-abcdef0123456789xyz\n").unwrap();

        assert_eq!(format!("{secret:?}"), "Secret(***)");
        assert_eq!(secret.masked(), "sk-abc***xyz");
        assert_eq!(Secret::parse("short").unwrap().masked(), "***");
        assert_eq!(secret.expose(), "sk-abcdef0123456789xyz");
    }

    #[test]
    fn a_key_that_could_break_a_header_is_refused() {
        for bad in ["", "  ", "a\r\nX: y", "a\0b", "ключ", &"k".repeat(8193)] {
            assert!(Secret::parse(bad).is_err(), "{bad:?}");
        }
    }
}
