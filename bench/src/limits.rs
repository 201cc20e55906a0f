//! How many files, and so connections, a process may open.

use anyhow::Result;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Enough for 10 000 streams through a proxy: a connection on either side, and some to spare.
const ENOUGH: u64 = 20_000 + SPARE;
/// What a proxy opens besides connections.
const SPARE: u64 = 200;

/// Raises the limit for this process and those it starts, as far as needed and allowed, and says how many streams a
/// proxy can then carry.
pub(crate) fn raise() -> Result<u32> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = maximum.map_or(ENOUGH, |hard| hard.min(ENOUGH));
    if current.is_some_and(|soft| soft < raised) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum })?;
    }
    Ok(u32::try_from(raised.saturating_sub(SPARE) / 2)?)
}
