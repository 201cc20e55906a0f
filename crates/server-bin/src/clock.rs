//! The one place that asks what time it is; everybody else is told.

use jiff::Timestamp;

/// The system's time.
#[expect(clippy::disallowed_methods, reason = "this is the clock that is passed in")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
