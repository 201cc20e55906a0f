//! Requests, closed-loop or at a fixed rate, and how long each took.

use std::{
    cell::{Cell, RefCell},
    io::{self, Write as _},
    rc::Rc,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Outcome, Quantiles, Requests,
    connection::{Connection, Timing},
};
use crate::stats::percentile;

/// What a single answer may take before the whole run counts as hung.
const PATIENCE: Duration = Duration::from_mins(1);

/// What all connections share.
struct Run {
    plan: Requests,
    start: Instant,
    issued: Cell<u32>,
    timings: RefCell<Vec<Vec<Timing>>>,
}

/// Runs the plan and prints the outcomes.
pub(super) async fn run(plan: Requests) -> Result<()> {
    let mut connections = Vec::new();
    for _ in 0..plan.connections {
        let mut set = Vec::new();
        for endpoint in &plan.endpoints {
            set.push(Connection::open(*endpoint, plan.route).await?);
        }
        connections.push(set);
    }
    let limit = Duration::from_secs(plan.seconds) + PATIENCE;
    let timings = RefCell::new(plan.endpoints.iter().map(|_| Vec::new()).collect());
    let run = Rc::new(Run { plan, start: Instant::now(), issued: Cell::new(0), timings });

    let mut tasks = JoinSet::new();
    for set in connections {
        tasks.spawn_local(Rc::clone(&run).send(set));
    }
    let all = async {
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        anyhow::Ok(())
    };
    timeout(limit, all).await.context("the answers do not come")??;

    let outcomes = run.timings.take().iter().map(|t| outcome(t)).collect::<Result<Vec<_>>>()?;
    writeln!(io::stdout(), "{}", serde_json::to_string(&outcomes)?)?;
    Ok(())
}

impl Run {
    async fn send(self: Rc<Self>, mut connections: Vec<Connection>) -> Result<()> {
        while let Some(ticket) = self.take_ticket() {
            let lag = self.wait_for(ticket).await;
            let endpoint = turn(ticket, connections.len());
            let timing = connections[endpoint].exchange().await?;
            self.timings.borrow_mut()[endpoint].push(Timing { total: timing.total + lag, ..timing });
        }
        Ok(())
    }

    fn take_ticket(&self) -> Option<u32> {
        let ticket = self.issued.get();
        self.issued.set(ticket + 1);
        let in_time = self.start.elapsed() < Duration::from_secs(self.plan.seconds);
        (ticket < self.plan.count && in_time).then_some(ticket)
    }

    /// Waits until a request is due. If it is overdue, since no connection was free, it waited for this long already,
    /// and that counts as its latency. (The lateness of our own timer does not.)
    async fn wait_for(&self, ticket: u32) -> Duration {
        let Some(rate) = self.plan.rate else { return Duration::ZERO };
        let due = self.start + Duration::from_secs(1) * ticket / rate;
        let lag = due.elapsed();
        if lag.is_zero() {
            sleep_until(due).await;
        }
        lag
    }
}

/// Which endpoint gets a request. Every cycle begins one further, so that none is always the first or the last of
/// those that are sent at the same tick of the clock.
fn turn(ticket: u32, endpoints: usize) -> usize {
    let ticket = ticket as usize;
    (ticket + ticket / endpoints) % endpoints
}

fn outcome(timings: &[Timing]) -> Result<Outcome> {
    ensure!(!timings.is_empty(), "no request was answered in time");
    Ok(Outcome {
        completed: u32::try_from(timings.len())?,
        latency: quantiles(timings.iter().map(|t| t.total).collect()),
        first_byte: quantiles(timings.iter().map(|t| t.first_byte).collect()),
    })
}

fn quantiles(mut durations: Vec<Duration>) -> Quantiles {
    durations.sort_unstable();
    let micros = |percent| percentile(&durations, percent).as_secs_f64() * 1e6;
    Quantiles { p50: micros(50), p99: micros(99) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_gets_as_many_requests_and_every_place_in_a_cycle() {
        let turns: Vec<_> = (0..9).map(|ticket| turn(ticket, 3)).collect();

        assert_eq!(turns, [0, 1, 2, 1, 2, 0, 2, 0, 1]);
    }

    #[test]
    fn quantiles_are_in_microseconds() {
        let quantiles = quantiles((1..=100).map(Duration::from_millis).collect());

        assert!((quantiles.p50 - 50_000.0).abs() < 1e-6);
        assert!((quantiles.p99 - 99_000.0).abs() < 1e-6);
    }
}
