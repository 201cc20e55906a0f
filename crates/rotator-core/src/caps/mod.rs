//! What a service, each of its keys, or a proxy key may do at most: at a time, and in a minute. Exact, however many ask at once; but
//! tokens are counted when they have been used, so that the last requests of a minute may use more than was left.

mod entrance;
mod gate;
mod rate_window;

pub use entrance::{Entrance, Permit};
pub use gate::Closed;
pub use rate_window::RateWindow;
