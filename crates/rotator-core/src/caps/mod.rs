//! What a service, or each of its keys, may do at most: at a time, and in a minute. Exact, however many ask at once.

mod gate;
mod rate_window;

pub use gate::{Closed, Gate, Permit};
pub use rate_window::RateWindow;
