//! When a request's answer is late, and whether the request may be sent once more, with another key.

mod times;

use std::time::Duration;

use crate::budget::Budget;
use times::Times;

/// How fast one config is answered, and how often its requests may be sent twice. It outlives the snapshots.
#[derive(Debug)]
pub struct Hedging {
    times: Times,
    budget: Budget,
}

impl Hedging {
    /// Of a config that has not been answered yet.
    pub fn new() -> Self {
        Self { times: Times::default(), budget: Budget::of_hedges() }
    }

    /// The head of an answer came, this long after its request went out.
    pub fn note(&self, time: Duration) {
        self.times.add(time);
    }

    /// An answer is late that takes longer than this: than 95 of the last 100. `None` until enough have come to tell.
    pub fn late_after(&self) -> Option<Duration> {
        self.times.p95()
    }

    /// What may be sent twice.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }
}

impl Default for Hedging {
    fn default() -> Self {
        Self::new()
    }
}
