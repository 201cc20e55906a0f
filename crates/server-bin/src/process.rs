//! What the system may do with a process that holds secrets.
//!
//! `std` has no call for any of this, and a raw one is `unsafe`: hence `rustix`.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Keeps memory and environment from being read: no core dumps, and nobody but root may look at the process.
///
/// Best effort, since a sandbox may forbid the calls; answers what could not be done.
pub fn harden() -> Vec<String> {
    let mut refused = Vec::new();
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        refused.push(format!("core dumps cannot be turned off: {error}"));
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        refused.push(format!("the process cannot be hidden from other processes of its user: {error}"));
    }
    refused
}
