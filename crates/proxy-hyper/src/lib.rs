//! The data path. One file per stage; the life of a request, in order:
//!
//! 1. [`acceptor`](mod@self) hands a socket to the worker with the fewest connections; `worker` is a thread with a
//!    runtime of its own, `serve` runs the connection, `client_io` bounds how slowly the client may go
//! 2. `service` has the whole path of a request on one page
//! 3. `framing` refuses what two servers could read in two ways, `target` names the service and checks the path
//! 4. `client_key` takes the proxy key out and checks it, before anything is looked up or read; `body_key` knows the
//!    services that may get it in the body
//! 5. `body` makes the request body one that can be sent again, within its `byte_budget`; `translation` reads it
//!    whole and makes it one for an API that speaks another format than the client; `upgrade` knows WebSocket handshakes
//! 6. `attempt` picks key after key: `send` makes one attempt, for which `rewrite` and `headers` make the upstream's
//!    request and `upstream` has connections; `judge` looks at the answer, through an `answer_body` that loses nothing,
//!    and `assess` says what follows; `hedge` makes two attempts at once where an answer is late
//! 7. `relay` passes the answer on, frame by frame; `scrub` takes a key out of an error that shows it, which
//!    `content_coding` may have to unpack first; `meter` reads what an LLM's answer used; `translated_answer` and
//!    `translated_stream` bring it back into the client's format
//! 8. `exchange` counts and `record` hands over what is kept of the request; `sample` is what failures looked like
//!
//! `control` is the way to everything that is not `/proxy` or `/llm`; `probe` tests one key; `courier` takes one letter to a
//! webhook; `drain` ends it all.

mod acceptor;
mod affinity;
mod answer_body;
mod assess;
mod attempt;
mod body;
mod body_key;
mod byte_budget;
mod client_io;
mod client_key;
mod connection;
mod content_coding;
mod control;
mod courier;
mod drain;
mod entry;
mod error;
mod exchange;
mod framing;
mod headers;
mod hedge;
mod judge;
mod lazy_timer;
mod local_exec;
mod meter;
mod metrics;
mod pass;
mod plan;
mod probe;
mod queue;
mod record;
mod relay;
mod request_id;
mod response;
mod rewrite;
mod sample;
mod scrub;
mod send;
mod serve;
mod service;
mod settings;
mod target;
mod trace;
mod translated_answer;
mod translated_stream;
mod translation;
mod untold;
mod upgrade;
mod upstream;
mod worker;

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use rotator_core::routes::Routes;
use tokio_util::sync::CancellationToken;

use crate::{
    byte_budget::Budgets,
    upstream::UpstreamTls,
    worker::{Mail, WorkerHandle},
};

pub use control::{Control, ControlRequest};
pub use courier::Messenger;
pub use metrics::Metrics;
pub use probe::Probe;
pub use record::{Batch, RecordSender};
pub use response::ControlBody;
pub use settings::{AddressPolicy, ClientLimits, Settings, UpstreamLimits};

/// What the data path is made of.
#[derive(Clone)]
pub struct Parts {
    /// What the operator set.
    pub settings: Settings,
    /// The services.
    pub routes: Arc<Routes>,
    /// Where request records go.
    pub records: RecordSender,
    /// Everything that is not the data path.
    pub control: Control,
    /// Set when clients come over TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// The running data path.
pub struct Proxy {
    workers: Vec<WorkerHandle>,
    stop_accepting: CancellationToken,
    metrics: Metrics,
}

/// Why the data path did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listener or a thread could not be had.
    #[error("cannot start serving")]
    Io(#[from] io::Error),
    /// The TLS library refuses its configuration.
    #[error("cannot set up TLS towards upstreams")]
    Tls(#[from] rustls::Error),
}

impl Proxy {
    /// Serves the listener's connections, on threads of its own.
    pub fn start(parts: &Parts, listener: TcpListener) -> Result<Self, StartError> {
        let own_port = listener.local_addr()?.port();
        let tls = UpstreamTls::new(&parts.settings.roots)?;
        let budgets = Budgets::of(&parts.settings.client);
        let start = |number| worker::start(number, parts, own_port, tls.clone(), budgets.clone());
        let workers = (0..parts.settings.workers.get()).map(start).collect::<io::Result<Vec<_>>>()?;
        let metrics = Metrics(workers.iter().map(|w| Arc::clone(&w.metrics)).collect());
        let stop_accepting = CancellationToken::new();
        let inboxes = workers.iter().map(|w| (w.mail.clone(), Arc::clone(&w.connections))).collect();
        let runtime = parts.control.runtime();
        let listener = {
            let _in_runtime = runtime.enter();
            listener.set_nonblocking(true)?;
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(acceptor::run(listener, inboxes, stop_accepting.clone()));
        Ok(Self { workers, stop_accepting, metrics })
    }

    /// What the workers count.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Goes on serving, and tells clients by each answer to connect anew for the next request: once load balancers know
    /// that this server ends, that leads them elsewhere. Call it some time before [`Proxy::drain`].
    pub fn leave(&self) {
        for worker in &self.workers {
            let _ = worker.mail.send(Mail::Leave);
        }
    }

    /// Stops accepting, lets requests end for at most `timeout`, then breaks off what is left. Blocks until the workers
    /// have ended: call it from a blocking thread.
    pub fn drain(self, timeout: Duration) {
        self.stop_accepting.cancel();
        for worker in &self.workers {
            // A worker that has ended already needs no telling.
            let _ = worker.mail.send(Mail::Drain(timeout));
        }
        for worker in self.workers {
            // A worker's panic has been reported by the panic hook.
            let _ = worker.thread.join();
        }
    }

    /// Takes letters to webhooks.
    pub fn messenger(&self) -> Option<Messenger> {
        self.workers.first().map(|worker| Messenger(worker.mail.clone()))
    }

    /// Sends test requests for the admin API.
    pub fn probe(&self) -> Option<Probe> {
        self.workers.first().map(|worker| Probe(worker.mail.clone()))
    }
}
