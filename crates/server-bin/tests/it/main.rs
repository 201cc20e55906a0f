//! The real binary, started as people start it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "assertions")]

mod canary;
mod commands;
mod configuration;
mod disk_full;
mod durability;
mod error_samples;
mod keys;
mod lifecycle;
mod request_log;
mod rests;
mod secrets;
mod support;
mod tls;
mod upstream;
