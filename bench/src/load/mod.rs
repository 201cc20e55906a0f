//! The clients, in a process of their own so that their work is not taken for a proxy's.

mod connection;
mod hold;
mod requests;

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::fixture::{Endpoint, Route};

/// What to do. The harness hands it over as JSON in the one argument of `bench load`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Plan {
    /// Send requests and measure each; prints [`Outcome`]s as JSON, one per endpoint.
    Requests(Requests),
    /// Open streams on which nothing happens, print a line, and keep them until standard input ends.
    Hold { proxy: SocketAddr, streams: usize },
}

/// Requests to one or more endpoints, taking turns.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Requests {
    /// Who is asked; several take turns request by request, so that they can be compared.
    pub(crate) endpoints: Vec<Endpoint>,
    /// What is asked.
    pub(crate) route: Route,
    /// Keep-alive connections to each endpoint; as many requests are in flight at most.
    pub(crate) connections: usize,
    /// When it ends: after so many requests over all endpoints …
    pub(crate) count: u32,
    /// … or, if that is earlier, after so many seconds.
    pub(crate) seconds: u64,
    /// Requests per second over all endpoints, whether the answers come or not; without it the next request follows
    /// the last answer.
    pub(crate) rate: Option<u32>,
}

/// What came of the requests to one endpoint. Every one of them was answered 200 with the right number of bytes, or
/// there is no outcome at all.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Requests.
    pub(crate) completed: u32,
    /// From the request to the last byte of the answer.
    pub(crate) latency: Quantiles,
    /// From the request to the first byte of the answer's body.
    pub(crate) first_byte: Quantiles,
}

/// In microseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Does what the plan says.
pub(crate) fn run(plan: &str) -> Result<()> {
    let plan = serde_json::from_str(plan).context("the plan is not one that `bench` wrote")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        match plan {
            Plan::Requests(requests) => requests::run(requests).await,
            Plan::Hold { proxy, streams } => hold::run(proxy, streams).await,
        }
    })
}
