use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Status codes from one to another: `429`, or `500-599`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StatusRange {
    first: u16,
    last: u16,
}

impl StatusRange {
    /// Whether a code is among them.
    pub fn contains(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

impl FromStr for StatusRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let code = |text: &str| text.trim().parse().ok().filter(|code| (100..=599).contains(code));
        match (code(first), code(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(format!("{text:?} is neither a status code, such as 429, nor a range, such as 500-599")),
        }
    }
}

impl TryFrom<String> for StatusRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<StatusRange> for String {
    fn from(range: StatusRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_code_or_two() {
        for (text, within, without) in
            [("429", 429, 428), ("500-599", 503, 499), (" 400 - 404 ", 404, 405), ("200", 200, 201)]
        {
            let range: StatusRange = text.parse().unwrap();
            assert!(range.contains(within) && !range.contains(without), "{text}");
        }
        assert_eq!("500-599".parse::<StatusRange>().unwrap().to_string(), "500-599");
        for bad in ["", "4xx", "99", "600", "500-400", "1-2-3", "-5"] {
            assert!(bad.parse::<StatusRange>().unwrap_err().contains("500-599"), "{bad}");
        }
    }
}
