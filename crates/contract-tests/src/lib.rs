//! What the two ports mean: one suite per port, which every adapter runs, one named test per case; and a Redis of one's
//! own to run them on.

pub mod cache;
pub mod fixtures;
pub mod redis_server;
pub mod store;
