//! A pool against a simulated provider whose keys are limited, revoked, used up and in trouble, under a steady load.
//!
//! A test binary of its own, and one test at a time in it, so that nothing else competes for the processors. The
//! measure is what the provider has seen and what the clients have got. To read it:
//! `cargo test -p proxy-hyper --test simulation -- --nocapture`

#![expect(clippy::unwrap_used, reason = "assertions")]
#![expect(unreachable_pub, reason = "the kit reads like a library")]

mod dead_pool;
mod failing_keys;
mod leaving;
mod load;
mod once;
mod provider;
mod storm;

#[expect(unused_imports, reason = "the rest of the kit is for the other tests")]
#[path = "../data_path/support/mod.rs"]
mod support;

use tokio::sync::{Mutex, MutexGuard};

/// Waits for this test's turn.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}
