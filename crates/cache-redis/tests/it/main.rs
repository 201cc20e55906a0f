//! The cache on a real Redis: what every cache must do, and what this one does when Redis does not.
#![expect(clippy::unwrap_used, reason = "assertions")]

mod caps;
mod contract;
mod faults;
mod secrets;
mod sharing;
mod support;
