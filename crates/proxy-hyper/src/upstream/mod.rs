//! Connections to upstreams: one small pool per worker, over hyper's connections.
//!
//! A pool of our own, because the ready-made one is shared by threads and costs a sixth of a request's instructions.
//! It keeps idle HTTP/1.1 connections (last used, first taken), shares HTTP/2 ones, and gives a request back unsent
//! when the connection it was given had died while idle.

mod connect;
mod dial;
mod head_guard;
mod lease;
mod resolve;
mod tls;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::Future,
    rc::Rc,
    time::Duration,
};

use foldhash::fast::RandomState;
use http::HeaderValue;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use rotator_core::model::BaseUrl;
use tokio::{task::spawn_local, time::Instant};

use crate::{body::AttemptBody, lazy_timer::LazyTimer, local_exec::LocalExec, metrics::WorkerMetrics};

pub(crate) use connect::{ConnectError, Connector, Forward};
pub(crate) use lease::Lease;
pub(crate) use resolve::Resolver;
pub(crate) use tls::{Offer, UpstreamTls};

use head_guard::{HeadAllowance, HeadGuard};
use lease::{StreamCount, Wire};

/// Of what an upstream sends, a piece this large is in memory, and one that waits for the client. It is also the
/// largest head of an answer.
const MAX_BUFFER: usize = 32 << 10;
/// Requests at a time on one HTTP/2 connection before another one is opened.
const H2_STREAMS: u32 = 100;
const H2_KEEP_ALIVE: Duration = Duration::from_secs(30);

/// The upstreams of one worker.
pub(crate) struct Upstreams {
    connector: Connector,
    origins: RefCell<HashMap<Box<str>, Vec<Rc<Origin>>, RandomState>>,
    metrics: std::sync::Arc<WorkerMetrics>,
}

/// An origin, and the connections to it.
pub(crate) struct Origin {
    base: BaseUrl,
    accept_invalid_certs: bool,
    host: HeaderValue,
    idle: RefCell<Vec<Idle>>,
    shared: RefCell<Vec<Shared>>,
    /// Held while connecting to an origin that may speak HTTP/2, so that one connection is made and not a hundred.
    connecting: tokio::sync::Mutex<()>,
    /// Learnt from its TLS handshake.
    speaks_h1: Cell<bool>,
}

struct Idle {
    connection: H1,
    since: Instant,
}

struct H1 {
    sender: http1::SendRequest<AttemptBody>,
    allowance: HeadAllowance,
    forward: Option<Forward>,
    /// Bounds the wait for the head of each answer.
    timer: LazyTimer,
}

struct Shared {
    sender: http2::SendRequest<AttemptBody>,
    streams: Rc<Cell<u32>>,
}

impl Upstreams {
    pub(crate) fn new(connector: Connector, metrics: std::sync::Arc<WorkerMetrics>) -> Self {
        Self { connector, origins: RefCell::default(), metrics }
    }

    /// The origin of a base URL.
    pub(crate) fn origin(&self, base: &BaseUrl, accept_invalid_certs: bool) -> Rc<Origin> {
        let authority = base.authority().as_str();
        let same = |o: &&Rc<Origin>| {
            o.base.is_tls() == base.is_tls() && o.accept_invalid_certs == accept_invalid_certs
        };
        if let Some(origin) =
            self.origins.borrow().get(authority).and_then(|origins| origins.iter().find(same))
        {
            return Rc::clone(origin);
        }
        let origin = Rc::new(Origin {
            base: base.clone(),
            accept_invalid_certs,
            host: HeaderValue::from_str(authority).unwrap_or_else(|_| HeaderValue::from_static("")),
            idle: RefCell::default(),
            shared: RefCell::default(),
            connecting: tokio::sync::Mutex::default(),
            speaks_h1: Cell::new(!base.is_tls()),
        });
        self.origins.borrow_mut().entry(authority.into()).or_default().push(Rc::clone(&origin));
        origin
    }

    /// A connection to an origin: an idle one, a shared one, or a new one.
    pub(crate) async fn lease(&self, origin: &Rc<Origin>, timeout: Duration) -> Result<Lease, ConnectError> {
        if let Some(wire) = origin.take_open() {
            return Ok(Lease { origin: Rc::clone(origin), wire, reused: true });
        }
        // Rare, and large: most requests need no room for it.
        Box::pin(in_time(timeout, self.connect(origin))).await
    }

    /// A connection of its own for one request, which may be upgraded: HTTP/1.1, and never given back.
    pub(crate) async fn lease_alone(
        &self,
        origin: &Rc<Origin>,
        timeout: Duration,
    ) -> Result<Lease, ConnectError> {
        let connecting = async {
            let connected =
                self.connector.connect(&origin.base, Offer::Http1, origin.accept_invalid_certs).await?;
            self.metrics.upstream_connections_opened.add(1);
            let (io, allowance) = HeadGuard::new(connected.stream);
            let (sender, connection) =
                http1_builder().handshake(TokioIo::new(io)).await.map_err(ConnectError::Handshake)?;
            spawn_local(connection.with_upgrades());
            let wire =
                Wire::H1(H1 { sender, allowance, forward: connected.forward, timer: LazyTimer::default() });
            Ok(Lease { origin: Rc::clone(origin), wire, reused: false })
        };
        Box::pin(in_time(timeout, connecting)).await
    }

    async fn connect(&self, origin: &Rc<Origin>) -> Result<Lease, ConnectError> {
        let lease = |wire, reused| Lease { origin: Rc::clone(origin), wire, reused };
        let _turn = if origin.speaks_h1.get() { None } else { Some(origin.connecting.lock().await) };
        if let Some(wire) = origin.take_open() {
            return Ok(lease(wire, true));
        }
        let connected =
            self.connector.connect(&origin.base, Offer::Both, origin.accept_invalid_certs).await?;
        self.metrics.upstream_connections_opened.add(1);
        if connected.is_h2 {
            let handshake = http2::Builder::new(LocalExec)
                .timer(TokioTimer::new())
                .keep_alive_interval(H2_KEEP_ALIVE)
                .adaptive_window(true)
                .handshake(TokioIo::new(connected.stream));
            let (sender, connection) = Box::pin(handshake).await.map_err(ConnectError::Handshake)?;
            spawn_local(connection);
            let shared = Shared { sender, streams: Rc::default() };
            let wire = shared.wire();
            origin.shared.borrow_mut().push(shared);
            return Ok(lease(wire, false));
        }
        origin.speaks_h1.set(true);
        let (io, allowance) = HeadGuard::new(connected.stream);
        let (sender, connection) =
            http1_builder().handshake(TokioIo::new(io)).await.map_err(ConnectError::Handshake)?;
        spawn_local(connection);
        Ok(lease(
            Wire::H1(H1 { sender, allowance, forward: connected.forward, timer: LazyTimer::default() }),
            false,
        ))
    }

    /// Closes connections that nobody used for a while.
    pub(crate) fn close_idle(&self, timeout: Duration) {
        let now = Instant::now();
        for origin in self.origins.borrow().values().flatten() {
            origin
                .idle
                .borrow_mut()
                .retain(|idle| now - idle.since < timeout && !idle.connection.sender.is_closed());
            origin.shared.borrow_mut().retain(|shared| !shared.sender.is_closed());
        }
    }
}

/// HTTP/1.1 towards upstreams, bounded in memory.
pub(crate) fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // Most bodies are small: copying one beside its head costs less than a list of pieces.
    builder.max_buf_size(MAX_BUFFER).writev(false);
    builder
}

impl Origin {
    fn take_open(&self) -> Option<Wire> {
        {
            let mut idle = self.idle.borrow_mut();
            while let Some(Idle { connection, .. }) = idle.pop() {
                if connection.sender.is_ready() {
                    return Some(Wire::H1(connection));
                }
            }
        }
        let mut shared = self.shared.borrow_mut();
        shared.retain(|shared| !shared.sender.is_closed());
        shared.iter().find(|shared| shared.streams.get() < H2_STREAMS).map(Shared::wire)
    }
}

impl Shared {
    fn wire(&self) -> Wire {
        self.streams.set(self.streams.get() + 1);
        Wire::H2 { sender: self.sender.clone(), _count: StreamCount(Rc::clone(&self.streams)) }
    }
}

async fn in_time(
    timeout: Duration,
    connecting: impl Future<Output = Result<Lease, ConnectError>>,
) -> Result<Lease, ConnectError> {
    tokio::time::timeout(timeout, connecting).await.unwrap_or(Err(ConnectError::Timeout))
}
