use std::time::Duration;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// When a provider starts counting anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calendar {
    /// At midnight where Google's quotas live.
    MidnightPacific,
    /// At midnight UTC.
    MidnightUtc,
}

impl Calendar {
    /// How long from now until the next such moment; an hour should there be none.
    pub fn after(self, now: Timestamp) -> Duration {
        const FALLBACK: Duration = Duration::from_hours(1);
        let zone = match self {
            // By its rule, so that nobody needs a database of time zones.
            Self::MidnightPacific => TimeZone::posix("PST8PDT,M3.2.0,M11.1.0").unwrap_or(TimeZone::UTC),
            Self::MidnightUtc => TimeZone::UTC,
        };
        let tomorrow = now.to_zoned(zone).checked_add(1.day()).and_then(|day| day.start_of_day());
        tomorrow.ok().and_then(|day| Duration::try_from(day.timestamp() - now).ok()).unwrap_or(FALLBACK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_its_providers_midnight_also_when_the_clocks_change() {
        for (calendar, now, end) in [
            (Calendar::MidnightUtc, "2026-11-21T08:00:00Z", "2026-11-22T00:00:00Z"),
            (Calendar::MidnightPacific, "2026-11-21T07:59:00Z", "2026-11-21T08:00:00Z"),
            (Calendar::MidnightPacific, "2026-11-21T08:00:00Z", "2026-11-22T08:00:00Z"),
            (Calendar::MidnightPacific, "2026-07-01T12:00:00Z", "2026-07-02T07:00:00Z"),
            // Twenty-three and twenty-five hours long.
            (Calendar::MidnightPacific, "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z"),
            (Calendar::MidnightPacific, "2026-11-01T07:00:00Z", "2026-11-02T08:00:00Z"),
        ] {
            let (now, end): (Timestamp, Timestamp) = (now.parse().unwrap(), end.parse().unwrap());
            assert_eq!(now + calendar.after(now), end, "{calendar:?} after {now}");
        }
    }
}
