//! Times and counts as columns of 64-bit integers hold them, in every database.

use jiff::Timestamp;

/// A time in milliseconds. One that no calendar has reads as 1970.
pub fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

/// A time as it will be read back.
pub fn stored(at: Timestamp) -> Timestamp {
    time(at.as_millisecond())
}

/// A count as it is kept.
pub fn to_integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count as it was kept.
pub fn count(integer: i64) -> u64 {
    u64::try_from(integer).unwrap_or(0)
}
