//! The real binary, started as people start it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "assertions")]

mod canary;
mod commands;
mod configuration;
mod deploy;
mod disk_full;
mod durability;
mod error_samples;
mod import;
mod keys;
mod lifecycle;
mod load;
mod notices;
mod readme;
mod request_log;
mod rests;
mod retention;
mod secrets;
mod supervisor;
mod support;
mod tls;
mod upstream;
