//! What a service, or each of its keys, may do at most: at a time, and in a minute. Exact, however many ask at once; but
//! tokens are counted when they have been used, so that the last requests of a minute may use more than was left.

mod gate;
mod rate_window;

pub use gate::{Closed, Gate, Permit};
pub use rate_window::RateWindow;
