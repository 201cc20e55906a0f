use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

/// US dollars, counted in billionths so that nothing is ever rounded but a finished sum. As text and in JSON a decimal
/// number of dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(u64);

/// Of a dollar.
const DECIMALS: usize = 9;
const DOLLAR: u64 = 1_000_000_000;

impl Money {
    /// So many billionths of a dollar.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Billionths of a dollar.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Both together, or the most that can be counted.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Whole dollars.
    pub const fn from_dollars(dollars: u32) -> Self {
        Self(dollars as u64 * DOLLAR)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, rest) = (self.0 / DOLLAR, self.0 % DOLLAR);
        if rest == 0 {
            return write!(f, "{dollars}");
        }
        let decimals = format!("{rest:09}");
        write!(f, "{dollars}.{}", decimals.trim_end_matches('0'))
    }
}

impl FromStr for Money {
    type Err = String;

    /// Reads a decimal number of dollars, exactly.
    fn from_str(text: &str) -> Result<Self, String> {
        let (dollars, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let decimals = decimals.trim_end_matches('0');
        if !is_number(dollars) || !(decimals.is_empty() || is_number(decimals)) {
            return Err("must be a number of dollars, such as 1.25".into());
        }
        if decimals.len() > DECIMALS {
            return Err("must have 9 decimals at most".into());
        }
        let nanos: Option<u64> = format!("{decimals:0<DECIMALS$}").parse().ok();
        let dollars: Option<u64> = dollars.parse().ok();
        dollars
            .and_then(|dollars| dollars.checked_mul(DOLLAR)?.checked_add(nanos?))
            .map(Self)
            .ok_or_else(|| "is more than can be counted".into())
    }
}

impl Serialize for Money {
    /// As a JSON number with all its digits, which no float has.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dollars_are_read_and_written_exactly() {
        for (text, nanos, shown) in [
            ("0", 0, "0"),
            ("1.25", 1_250_000_000, "1.25"),
            ("0.003625", 3_625_000, "0.003625"),
            ("007.10", 7_100_000_000, "7.1"),
            ("0.000000001", 1, "0.000000001"),
            ("3.0000000000", 3_000_000_000, "3"),
            ("18446744073.709551615", u64::MAX, "18446744073.709551615"),
        ] {
            let money: Money = text.parse().unwrap();

            assert_eq!((money.nanos(), money.to_string().as_str()), (nanos, shown), "{text}");
            assert_eq!(serde_json::to_string(&money).unwrap(), shown);
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "",
            ".",
            ".5",
            "-1",
            "+1",
            "1e3",
            "1,5",
            " 1",
            "1.2.3",
            "1.x",
            "NaN",
            "0.0000000001",
            "18446744073.709551616",
            "99999999999999999999",
        ] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_is_read_as_it_is_written(nanos: u64) {
            let money = Money::from_nanos(nanos);

            prop_assert_eq!(money.to_string().parse(), Ok(money));
        }
    }
}
