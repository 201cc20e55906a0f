//! The store on real files, each test in a folder of its own.
#![expect(clippy::unwrap_used, clippy::panic, reason = "assertions")]

mod adoption;
mod as_it_is;
mod backup;
mod contract;
mod durability;
mod encryption;
mod hand_edits;
mod migrations;
mod request_log;
mod support;
