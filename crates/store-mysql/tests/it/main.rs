//! The store on a real server, each test in a database of its own. `scripts/with-servers.sh` starts the server.
#![expect(clippy::unwrap_used, clippy::panic, reason = "assertions")]

mod access;
mod adoption;
mod as_it_is;
mod contract;
mod encryption;
mod faults;
mod hand_edits;
mod late_commit;
mod locks;
mod migrations;
mod request_log;
mod support;
