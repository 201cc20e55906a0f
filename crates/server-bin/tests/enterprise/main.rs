//! The enterprise build, started as people start it, on a real server. `scripts/with-servers.sh` starts the server.
#![expect(clippy::unwrap_used, clippy::panic, reason = "assertions")]

mod cold_start;
mod fail_static;
mod import;
mod instances;
mod killed_migration;
mod leader;
#[path = "../it/load.rs"]
mod load;
mod migrate;
mod mysql;
mod own_server;
mod settings;
#[expect(dead_code, reason = "the tests of the other build use all of it")]
#[path = "../it/support.rs"]
mod support;
#[expect(dead_code, reason = "the tests of the other build use all of it")]
#[path = "../it/upstream.rs"]
mod upstream;
