//! How long to wait, in every spelling that upstreams use.
//!
//! | where | spelling |
//! |---|---|
//! | `retry-after-ms` | milliseconds (OpenAI, Azure) |
//! | `retry-after` | seconds, or a date (RFC 9110 §10.2.3) |
//! | `x-ratelimit-{remaining,reset}-{requests,tokens}` | a count, and a duration such as `6m0s` (OpenAI) |
//! | `anthropic-ratelimit-{requests,tokens,…}-{remaining,reset}` | a count, and a time (RFC 3339) |
//! | `x-ratelimit-{remaining,reset}`, `ratelimit-{remaining,reset}` | a count, and seconds, or a time in seconds or milliseconds since 1970 |
//! | `"retryDelay": "34.07s"` in an error body | Google's `RetryInfo` |

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};

/// What an answer says about limits. Everything is a time from now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// When to try again, as an answer that refuses says it.
    pub retry_after: Option<Duration>,
    /// When the limit of which nothing is left starts anew; the latest, if there are several.
    pub used_up_for: Option<Duration>,
}

/// One limit, as several headers tell it.
#[derive(Default)]
struct Window {
    remaining: Option<u64>,
    reset: Option<Duration>,
}

impl Limits {
    /// Whether the head of an answer says anything about limits, which most do not.
    pub fn are_in(headers: &HeaderMap) -> bool {
        headers.keys().any(|name| is_about_limits(name) || *name == header::RETRY_AFTER)
    }

    /// Reads the head of an answer, and as much as there is of an error's body.
    pub fn read(headers: &HeaderMap, body: &[u8], now: Timestamp) -> Self {
        let now = present(headers, now);
        let mut limits = Self { retry_after: retry_delay(body), used_up_for: None };
        let mut windows: Vec<(&str, Window)> = Vec::new();
        for (name, value) in headers {
            let is_known = is_about_limits(name) || name.as_str().starts_with("retry-after");
            let Some(value) = value.to_str().ok().filter(|_| is_known) else { continue };
            match name.as_str() {
                // Whichever is more exact.
                "retry-after-ms" => {
                    limits.retry_after =
                        number(value).and_then(|ms| seconds(ms / 1000.0)).or(limits.retry_after);
                }
                "retry-after" if !headers.contains_key("retry-after-ms") => {
                    limits.retry_after = delay(value, now).or(limits.retry_after);
                }
                name => note(&mut windows, name, value, now),
            }
        }
        let used_up = windows.iter().filter(|(_, window)| window.remaining == Some(0));
        limits.used_up_for = used_up.filter_map(|(_, window)| window.reset).max();
        limits
    }

    /// How long to wait after a refusal.
    pub fn wait(&self) -> Option<Duration> {
        self.retry_after.or(self.used_up_for)
    }
}

/// Whether a header tells of a limit, so that nobody reads further for most.
fn is_about_limits(name: &HeaderName) -> bool {
    let name = name.as_str();
    match name.as_bytes().first() {
        Some(b'x') => name.starts_with("x-ratelimit-"),
        Some(b'a') => name.starts_with("anthropic-ratelimit-"),
        Some(b'r') => name.starts_with("ratelimit-"),
        _ => false,
    }
}

/// The present by the upstream's clock, which its times are told by, where ours is off. Where it is not, ours is more
/// exact: the upstream tells whole seconds, and told them a while ago.
fn present(headers: &HeaderMap, ours: Timestamp) -> Timestamp {
    const TOLERANCE: SignedDuration = SignedDuration::from_secs(5);
    let date = headers.get(header::DATE).and_then(|date| date.to_str().ok()).and_then(time);
    date.filter(|theirs| theirs.duration_since(ours).abs() > TOLERANCE).unwrap_or(ours)
}

fn note<'a>(windows: &mut Vec<(&'a str, Window)>, name: &'a str, value: &str, now: Timestamp) {
    let Some((kind, is_reset)) = window_of(name) else { return };
    let place = windows.iter().position(|(known, _)| *known == kind).unwrap_or_else(|| {
        windows.push((kind, Window::default()));
        windows.len() - 1
    });
    let window = &mut windows[place].1;
    if is_reset {
        window.reset = delay(value, now);
    } else {
        window.remaining = value.trim().parse().ok();
    }
}

/// Which limit a header is about, and whether it says when that starts anew, rather than what is left of it.
fn window_of(name: &str) -> Option<(&str, bool)> {
    let name = name.strip_prefix("x-").unwrap_or(name);
    if let Some(kind) = name.strip_prefix("anthropic-ratelimit-") {
        return kind
            .strip_suffix("-remaining")
            .map(|kind| (kind, false))
            .or_else(|| kind.strip_suffix("-reset").map(|kind| (kind, true)));
    }
    let rest = name.strip_prefix("ratelimit-")?;
    rest.strip_prefix("remaining")
        .map(|kind| (kind, false))
        .or_else(|| rest.strip_prefix("reset").map(|kind| (kind, true)))
}

/// A time from now: a number, a duration such as `1m2.5s`, a date, or a time.
fn delay(value: &str, now: Timestamp) -> Option<Duration> {
    /// Numbers above are times since 1970; in milliseconds above the second. A delay of thirty years is none.
    const SECONDS: f64 = 1e9;
    const MILLISECONDS: f64 = 1e12;
    let value = value.trim();
    if let Some(number) = number(value) {
        // Exact enough for the milliseconds of the next thousands of years.
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970")]
        let now = now.as_millisecond() as f64 / 1000.0;
        return match number {
            n if n >= MILLISECONDS => seconds(n / 1000.0 - now),
            n if n >= SECONDS => seconds(n - now),
            n => seconds(n),
        };
    }
    duration(value).or_else(|| until(value, now))
}

fn until(value: &str, now: Timestamp) -> Option<Duration> {
    Some(Duration::try_from(time(value)? - now).unwrap_or(Duration::ZERO))
}

/// A time or a date.
fn time(value: &str) -> Option<Timestamp> {
    let date = || rfc2822::DateTimeParser::new().parse_timestamp(value).ok();
    value.parse().ok().or_else(date)
}

/// A duration as Go writes it: `1h2m3.5s`, `20ms`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount = number(&rest[..digits])?;
        let unit_len = rest[digits..].find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len() - digits);
        let unit = match &rest[digits..digits + unit_len] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total = total.checked_add(seconds(amount * unit)?)?;
        rest = &rest[digits + unit_len..];
    }
    (!text.is_empty()).then_some(total)
}

/// `google.rpc.RetryInfo` in an error body; only its delay is looked for, since the body may be cut.
fn retry_delay(body: &[u8]) -> Option<Duration> {
    const MEMBER: &str = "\"retryDelay\"";
    let text = String::from_utf8_lossy(body);
    let after = &text[text.find(MEMBER)? + MEMBER.len()..];
    let value = after.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    duration(&value[..value.find('"')?])
}

fn number(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|_| is_plain)
}

/// Zero of what has passed already.
fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.max(0.0)).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T08:00:00Z".parse().unwrap()
    }

    fn read(headers: &[(&'static str, &str)], body: &str) -> Limits {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        Limits::read(&headers.collect(), body.as_bytes(), now())
    }

    #[test]
    fn a_refusal_says_when_to_try_again_in_many_ways() {
        for (name, value, seconds) in [
            ("retry-after", "20", 20.0),
            ("retry-after", "0.5", 0.5),
            ("retry-after", "0", 0.0),
            ("retry-after", "Sat, 21 Nov 2026 08:01:30 GMT", 90.0),
            ("retry-after", "Sat, 21 Nov 2026 07:00:00 GMT", 0.0),
            ("retry-after", "2026-11-21T08:00:05Z", 5.0),
            ("retry-after-ms", "1500", 1.5),
        ] {
            let wait = read(&[(name, value)], "").wait();
            assert_eq!(wait, Some(Duration::from_secs_f64(seconds)), "{name}: {value}");
        }
        assert_eq!(
            read(&[("retry-after", "2"), ("retry-after-ms", "1999")], "").wait().unwrap().as_millis(),
            1999
        );
    }

    #[test]
    fn a_limit_of_which_nothing_is_left_says_when_it_starts_anew() {
        for (remaining, reset, value, seconds) in [
            ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", "6m0s", 360.0),
            ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", "120ms", 0.12),
            ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", "1h2m3.5s", 3723.5),
            (
                "anthropic-ratelimit-requests-remaining",
                "anthropic-ratelimit-requests-reset",
                "2026-11-21T08:00:42Z",
                42.0,
            ),
            (
                "anthropic-ratelimit-input-tokens-remaining",
                "anthropic-ratelimit-input-tokens-reset",
                "2026-11-21T08:00:07Z",
                7.0,
            ),
            ("x-ratelimit-remaining", "x-ratelimit-reset", "30", 30.0),
            ("x-ratelimit-remaining", "x-ratelimit-reset", "1795248060", 60.0),
            ("x-ratelimit-remaining", "x-ratelimit-reset", "1795248060500", 60.5),
            ("ratelimit-remaining", "ratelimit-reset", "12", 12.0),
        ] {
            let limits = read(&[(remaining, "0"), (reset, value)], "");
            assert_eq!(limits.used_up_for, Some(Duration::from_secs_f64(seconds)), "{reset}: {value}");
            assert_eq!(read(&[(remaining, "3"), (reset, value)], "").used_up_for, None, "{reset}");
        }
    }

    #[test]
    fn a_time_is_told_by_the_upstreams_clock_where_ours_is_off() {
        // At 07:00 and at 09:00 by ours, and a second off, which may be the way that the answer has come.
        for (date, wait) in [
            ("Sat, 21 Nov 2026 07:00:00 GMT", 3660),
            ("Sat, 21 Nov 2026 09:00:00 GMT", 0),
            ("Sat, 21 Nov 2026 07:59:59 GMT", 60),
            ("yesterday", 60),
        ] {
            for (name, value) in [
                ("retry-after", "Sat, 21 Nov 2026 08:01:00 GMT"),
                ("anthropic-ratelimit-requests-reset", "2026-11-21T08:01:00Z"),
                ("x-ratelimit-reset", "1795248060"),
            ] {
                let remaining =
                    [("anthropic-ratelimit-requests-remaining", "0"), ("x-ratelimit-remaining", "0")];
                let headers = [("date", date), (name, value)].into_iter().chain(remaining);
                let limits = read(&headers.collect::<Vec<_>>(), "");
                assert_eq!(limits.wait(), Some(Duration::from_secs(wait)), "{date}: {name}");
            }
        }
        let limits = read(&[("date", "Sat, 21 Nov 2026 07:00:00 GMT"), ("retry-after", "20")], "");
        assert_eq!(limits.wait(), Some(Duration::from_secs(20)));
    }

    #[test]
    fn of_several_limits_that_are_used_up_the_last_to_end_counts() {
        let limits = read(
            &[
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "5s"),
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", "8s"),
                ("x-ratelimit-limit-requests", "0"),
            ],
            "",
        );

        assert_eq!(limits.wait(), Some(Duration::from_secs(8)));
    }

    #[test]
    fn googles_retry_info_is_found_in_a_body_that_is_cut() {
        let body = r#"{"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay": "34.074824224s"}"#;

        assert_eq!(read(&[], body).wait(), Some(Duration::from_nanos(34_074_824_224)));
        assert_eq!(read(&[], r#"{"retryDelay":7}"#).wait(), None);
    }

    #[test]
    fn what_says_nothing_is_nothing() {
        for value in ["", "soon", "-5", "1e3", "NaN", "inf", "5 minutes", "99999999999999999999999999"] {
            assert_eq!(read(&[("retry-after", value)], "").wait(), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_an_upstream_says_stops_us(value in "[ -~]{0,30}", body in prop::collection::vec(any::<u8>(), 0..60)) {
            let text = format!("{{\"retryDelay\": \"{value}\"");
            for name in ["retry-after", "retry-after-ms", "x-ratelimit-reset", "x-ratelimit-remaining", "anthropic-ratelimit-a-reset"] {
                let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap())]);
                Limits::read(&headers, &body, now());
                Limits::read(&headers, text.as_bytes(), now());
            }
        }
    }
}
