//! Texts into checked values. An error is a clause that follows a variable's name: "must be …".

use std::{net::IpAddr, num::NonZeroU8, time::Duration};

const MAX_DURATION: Duration = Duration::from_hours(24);
const DURATION: &str = "must be a time such as 30, 30s, 500ms, 10m or 1h, from 1ms to 24h";
const SIZE: &str = "must be a size such as 1048576, 512KiB, 50MiB or 1GiB, from 1 byte to 8EiB";

/// A number with a unit behind it, such as `50MiB`; the unit may be missing, and white space may part the two.
fn number_and_unit(text: &str) -> Option<(u64, String)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    Some((digits.parse().ok()?, unit.trim().to_ascii_lowercase()))
}

/// A time: seconds, unless a unit follows.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = number_and_unit(text).ok_or(DURATION)?;
    let millis = match unit.as_str() {
        "ms" => 1,
        "" | "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(DURATION.into()),
    };
    let duration = number.checked_mul(millis).map(Duration::from_millis).ok_or(DURATION)?;
    if duration.is_zero() || duration > MAX_DURATION {
        return Err(DURATION.into());
    }
    Ok(duration)
}

/// How long a key rests: nobody asks again sooner than after a tenth of a second.
pub(super) fn rest(text: &str) -> Result<Duration, String> {
    const SHORTEST: Duration = Duration::from_millis(100);
    let wrong = "must be a time such as 5s, 10m or 1h, from 100ms to 24h";
    duration(text).ok().filter(|time| *time >= SHORTEST).ok_or(wrong.into())
}

/// A size: bytes, unless a unit follows.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = number_and_unit(text).ok_or(SIZE)?;
    let bytes = match unit.as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(SIZE.into()),
    };
    number.checked_mul(bytes).filter(|size| (1..=i64::MAX.unsigned_abs()).contains(size)).ok_or(SIZE.into())
}

/// Yes or no.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("must be true or false".into()),
    }
}

/// A TCP port; 0 where any free one will do.
pub(super) fn port_or_any(text: &str) -> Result<u16, String> {
    text.trim().parse().map_err(|_| "must be a port from 0 to 65535, such as 8000".into())
}

/// A TCP port to connect to.
pub(super) fn port(text: &str) -> Result<u16, String> {
    port_or_any(text).ok().filter(|port| *port != 0).ok_or("must be a port from 1 to 65535".into())
}

/// An address to listen on.
pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    let text = text.trim().trim_start_matches('[').trim_end_matches(']');
    text.parse().map_err(|_| "must be an IP address, such as 0.0.0.0, 127.0.0.1 or ::".into())
}

/// A whole number from 1 to `max`.
pub(super) fn count(text: &str, max: u32) -> Result<u32, String> {
    let wrong = || format!("must be a whole number from 1 to {max}");
    text.trim().parse().ok().filter(|n| (1..=max).contains(n)).ok_or_else(wrong)
}

/// How many keys a request may try.
pub(super) fn attempts(text: &str) -> Result<NonZeroU8, String> {
    let wrong = "must be a whole number from 1 to 10";
    text.trim().parse().ok().filter(|n: &NonZeroU8| n.get() <= 10).ok_or(wrong.into())
}

/// The parts of a comma-separated list, without the empty ones.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_unless_a_unit_follows() {
        for (text, millis) in
            [("30", 30_000), (" 2s ", 2_000), ("500ms", 500), ("10 min", 600_000), ("24h", 86_400_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["", "0", "-1", "1.5", "25h", "s", "1d", "18446744073709551616", "99999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rest_is_a_time_that_is_not_too_short() {
        assert_eq!((rest("100ms"), rest("24h").is_ok()), (Ok(Duration::from_millis(100)), true));
        for wrong in ["99ms", "25h", "soon"] {
            assert!(rest(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_size_is_bytes_unless_a_unit_follows() {
        for (text, bytes) in
            [("7", 7), ("50MiB", 50 << 20), ("1 gib", 1 << 30), ("2kB", 2_000), ("512K", 512 << 10)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "0", "-5", "1.5MiB", "MiB", "5 parsecs", "99999999999GiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_may_stand_in_brackets() {
        assert_eq!(address("[::]"), Ok(IpAddr::from([0u16; 8])));
        assert!(address("localhost").is_err());
    }

    #[test]
    fn port_zero_is_for_listeners_only() {
        assert_eq!((port_or_any("0"), port_or_any("65536").is_err()), (Ok(0), true));
        assert!(port("0").is_err());
    }
}
