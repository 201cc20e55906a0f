use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use super::limits::duration;

/// A text that is looked for in either case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(String);

impl Pattern {
    /// The text, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is somewhere in a text.
    pub fn is_in(&self, text: &[u8]) -> bool {
        text.windows(self.0.len()).any(|window| window.eq_ignore_ascii_case(self.0.as_bytes()))
    }
}

impl TryFrom<String> for Pattern {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.len() {
            1..=200 => Ok(Self(text.to_ascii_lowercase())),
            _ => Err("a text to look for has 1 to 200 bytes"),
        }
    }
}

/// How long a key rests, such as `90s` or `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RestTime(Duration);

/// No rest is longer.
const LONGEST: Duration = Duration::from_hours(24 * 31);

impl FromStr for RestTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = duration(text.trim()).filter(|time| (Duration::from_millis(1)..=LONGEST).contains(time));
        time.map(Self).ok_or_else(|| format!("{text:?} is no time of up to 31 days, such as 90s or 1h"))
    }
}

impl TryFrom<String> for RestTime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RestTime> for String {
    fn from(time: RestTime) -> Self {
        time.to_string()
    }
}

impl From<RestTime> for Duration {
    fn from(time: RestTime) -> Self {
        time.0
    }
}

impl fmt::Display for RestTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        if ms.is_multiple_of(1000) { write!(f, "{}s", ms / 1000) } else { write!(f, "{ms}ms") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_either_case_and_anywhere() {
        let pattern = Pattern::try_from("Insufficient_Quota".to_owned()).unwrap();

        assert!(
            pattern.is_in(b"insufficient_quota") && pattern.is_in(b"{\"code\":\"INSUFFICIENT_QUOTA\"}\xff")
        );
        assert!(!pattern.is_in(b"insufficient quota") && !pattern.is_in(b""));
        assert!(Pattern::try_from(String::new()).is_err());
    }

    #[test]
    fn a_time_of_rest_is_written_as_it_is_read() {
        for (text, written) in [("90s", "90s"), ("1h", "3600s"), ("1m30s", "90s"), ("250ms", "250ms")] {
            assert_eq!(text.parse::<RestTime>().unwrap().to_string(), written);
        }
        for bad in ["", "0s", "-1s", "5", "1y", "999999h", "soon"] {
            assert!(bad.parse::<RestTime>().unwrap_err().contains("such as 90s"), "{bad}");
        }
    }
}
