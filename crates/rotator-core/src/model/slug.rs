use std::{fmt, str::FromStr};

/// The name of a service in a URL: `/proxy/{slug}/…`. `[a-z0-9][a-z0-9._-]{0,99}`, and not a reserved word.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(Box<str>);

/// Words that would read as a part of our own address space.
const RESERVED: [&str; 4] = ["admin", "api", "proxy", "llm"];
const MAX_LEN: usize = 100;

impl Slug {
    /// The slug as it stands in a URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let well_formed = text.len() <= MAX_LEN
            && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if !well_formed {
            return Err(format!(
                "must be 1 to {MAX_LEN} characters of a-z, 0-9, '.', '_' and '-', and start with a letter or digit"
            ));
        }
        if RESERVED.contains(&text) {
            return Err(format!("'{text}' is reserved; choose another slug"));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_lower_case_ascii_of_bounded_length() {
        for good in ["openai", "0", "a.b_c-d", &"a".repeat(100)] {
            assert_eq!(good.parse::<Slug>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", ".a", "OpenAI", "a/b", "ü", "a b", "a\r\n", &"a".repeat(101), "admin", "api"] {
            assert!(bad.parse::<Slug>().is_err(), "{bad:?}");
        }
    }
}
