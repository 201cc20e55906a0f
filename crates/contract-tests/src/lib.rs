//! What the two ports mean: one suite per port, which every adapter runs, one named test per case.

pub mod cache;
pub mod store;
