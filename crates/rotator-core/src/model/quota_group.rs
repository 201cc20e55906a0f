use std::str::FromStr;

/// Which keys share a limit: the name of their account, organisation or project. Empty for a key that shares none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct QuotaGroup(Box<str>);

/// Longest name, in characters.
const MAX_LEN: usize = 100;

impl QuotaGroup {
    /// Its name; empty for a key that shares its limits with none.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its name, if it is one.
    pub fn name(&self) -> Option<&str> {
        Some(self.as_str()).filter(|name| !name.is_empty())
    }
}

impl FromStr for QuotaGroup {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.chars().count() > MAX_LEN || text.chars().any(char::is_control) {
            return Err(format!("must be at most {MAX_LEN} characters without control characters"));
        }
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_a_short_text_without_space_around_it() {
        let name = |text: &str| text.parse::<QuotaGroup>().map(|group| group.name().map(str::to_owned));

        assert_eq!(name(" Acme 鍵 "), Ok(Some("Acme 鍵".into())));
        assert_eq!((name(""), name("  ")), (Ok(None), Ok(None)));
        assert!(name(&"鍵".repeat(100)).is_ok());
        for bad in ["鍵".repeat(101), "a\nb".into()] {
            assert!(name(&bad).is_err(), "{bad:?}");
        }
    }
}
