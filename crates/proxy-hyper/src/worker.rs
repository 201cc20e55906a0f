//! One thread that carries requests: its own runtime, its own share of the connections, its own upstream pool.

use std::{
    cell::RefCell,
    io,
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use arc_swap::{ArcSwap, Cache};
use jiff::Timestamp;
use rotator_core::{
    access::ProxyKeys,
    credential::ReadyCredential,
    model::{ConfigType, KeyId, ProxyConfig},
    notifications::{Letter, Receipt},
    probe::ProbeReport,
    routes::{Route, RouteTable},
};
use tokio::{
    net::TcpStream,
    runtime::{Builder, LocalOptions},
    sync::{mpsc, oneshot},
    task::spawn_local,
    time::{Instant, interval, sleep},
};
use tracing::error;

use crate::{
    Parts,
    byte_budget::Budgets,
    courier,
    drain::{Drain, Stage},
    metrics::WorkerMetrics,
    probe,
    queue::Queues,
    record::Recorder,
    request_id::RequestIds,
    serve::serve,
    settings::{ClientLimits, Settings},
    upstream::{Connector, Resolver, UpstreamTls, Upstreams},
};

const RECORD_INTERVAL: Duration = Duration::from_millis(500);
const IDLE_SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// What a worker is asked to do.
pub(crate) enum Mail {
    /// Serve this connection.
    Socket(std::net::TcpStream, SocketAddr),
    /// Send one test request.
    Probe(Box<ProxyConfig>, KeyId, ReadyCredential, oneshot::Sender<ProbeReport>),
    /// Take this letter to its webhook.
    Letter(Box<Letter>, oneshot::Sender<Receipt>),
    /// Let no connection be used again.
    Leave,
    /// End requests, then connections, within this time.
    Drain(Duration),
}

/// A worker as seen from outside.
pub(crate) struct WorkerHandle {
    pub(crate) mail: mpsc::UnboundedSender<Mail>,
    /// Connections it has.
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) metrics: Arc<WorkerMetrics>,
    pub(crate) thread: JoinHandle<()>,
}

/// What the requests of one worker share.
pub(crate) struct Worker {
    pub(crate) settings: Settings,
    /// Those of the settings, for every connection's socket.
    pub(crate) client_limits: Arc<ClientLimits>,
    pub(crate) control: crate::Control,
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    pub(crate) upstreams: Upstreams,
    pub(crate) queues: Rc<Queues>,
    pub(crate) recorder: Recorder,
    pub(crate) metrics: Arc<WorkerMetrics>,
    pub(crate) drain: Rc<Drain>,
    pub(crate) request_ids: RequestIds,
    pub(crate) budgets: Budgets,
    routes: RefCell<Cache<Arc<ArcSwap<RouteTable>>, Arc<RouteTable>>>,
}

impl Worker {
    /// The active service of this type and slug, in the current snapshot.
    pub(crate) fn route(&self, config_type: ConfigType, slug: &str) -> Option<Arc<Route>> {
        self.routes.borrow_mut().load().find(config_type, slug).cloned()
    }

    /// Who may call, in the current snapshot.
    pub(crate) fn proxy_keys<T>(&self, check: impl FnOnce(&ProxyKeys) -> T) -> T {
        check(self.routes.borrow_mut().load().proxy_keys())
    }

    /// Whether any service takes the proxy key in the body.
    pub(crate) fn takes_body_keys(&self) -> bool {
        self.routes.borrow_mut().load().takes_body_keys()
    }
}

/// The time of day, for people and logs; never for time-outs.
#[expect(clippy::disallowed_methods, reason = "the one place where the data path asks for the time of day")]
pub(crate) fn wall_clock() -> Timestamp {
    Timestamp::now()
}

/// Starts a worker thread.
pub(crate) fn start(
    number: usize,
    parts: &Parts,
    own_port: u16,
    tls: UpstreamTls,
    budgets: Budgets,
) -> io::Result<WorkerHandle> {
    let (mail, inbox) = mpsc::unbounded_channel();
    let connections = Arc::new(AtomicUsize::new(0));
    let metrics = Arc::new(WorkerMetrics::default());
    let thread = {
        let (connections, metrics, parts) = (Arc::clone(&connections), Arc::clone(&metrics), parts.clone());
        std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            let runtime =
                match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
                    Ok(runtime) => runtime,
                    Err(error) => return error!(%error, "a worker cannot start"),
                };
            let connector = Connector {
                policy: parts.settings.address_policy,
                tls,
                proxies: Arc::clone(&parts.settings.outbound_proxies),
                own_port,
                resolver: Resolver::default(),
            };
            let worker = Rc::new(Worker {
                upstreams: Upstreams::new(connector, Arc::clone(&metrics)),
                queues: Rc::default(),
                recorder: Recorder::new(parts.records, Arc::clone(&metrics)),
                routes: RefCell::new(Cache::new(Arc::clone(parts.routes.table()))),
                client_limits: Arc::new(parts.settings.client.clone()),
                settings: parts.settings,
                control: parts.control,
                tls: parts.tls,
                metrics,
                drain: Rc::default(),
                request_ids: RequestIds::new(),
                budgets,
            });
            runtime.block_on(run(worker, inbox, connections));
            // A look-up of a name may hang for long, and nobody needs it any more.
            runtime.shutdown_background();
        })?
    };
    Ok(WorkerHandle { mail, connections, metrics, thread })
}

async fn run(worker: Rc<Worker>, mut inbox: mpsc::UnboundedReceiver<Mail>, connections: Arc<AtomicUsize>) {
    let mut records = interval(RECORD_INTERVAL);
    let mut sweep = interval(IDLE_SWEEP_INTERVAL);
    let drain_timeout = loop {
        tokio::select! {
            mail = inbox.recv() => match mail {
                Some(Mail::Socket(socket, peer)) => accept(&worker, socket, peer, &connections),
                Some(Mail::Probe(config, key, credential, answer)) => {
                    let worker = Rc::clone(&worker);
                    spawn_local(async move {
                        // Nobody waits any more when the answer cannot be delivered.
                        let _ = answer.send(probe::probe(&worker, &config, key, &credential).await);
                    });
                }
                Some(Mail::Letter(letter, answer)) => {
                    let worker = Rc::clone(&worker);
                    spawn_local(async move {
                        let _ = answer.send(courier::deliver(&worker, &letter).await);
                    });
                }
                Some(Mail::Leave) => worker.drain.enter(Stage::Leaving),
                Some(Mail::Drain(timeout)) => break timeout,
                None => break Duration::ZERO,
            },
            _ = records.tick() => worker.recorder.hand_over(),
            _ = sweep.tick() => worker.upstreams.close_idle(worker.settings.upstream.idle_timeout),
        }
    };
    // The acceptor may have been about to hand over one more.
    inbox.close();
    while let Ok(mail) = inbox.try_recv() {
        if let Mail::Socket(socket, peer) = mail {
            accept(&worker, socket, peer, &connections);
        }
    }
    drain(&worker, &connections, drain_timeout).await;
}

fn accept(
    worker: &Rc<Worker>,
    socket: std::net::TcpStream,
    peer: SocketAddr,
    connections: &Arc<AtomicUsize>,
) {
    let (worker, connections) = (Rc::clone(worker), Arc::clone(connections));
    spawn_local(async move {
        if let Ok(socket) = TcpStream::from_std(socket) {
            serve(worker, socket, peer).await;
        }
        connections.fetch_sub(1, Relaxed);
    });
}

/// Lets requests end, then breaks off what is left.
async fn drain(worker: &Rc<Worker>, connections: &AtomicUsize, timeout: Duration) {
    const POLL: Duration = Duration::from_millis(20);
    const LAST_WORDS: Duration = Duration::from_millis(500);
    for (stage, time) in [(Stage::Draining, timeout), (Stage::Cutting, LAST_WORDS)] {
        worker.drain.enter(stage);
        let deadline = Instant::now() + time;
        // A tunnel has left its connection, but is a request still.
        let is_busy = || connections.load(Relaxed) > 0 || worker.metrics.active_requests.get() > 0;
        while is_busy() && Instant::now() < deadline {
            sleep(POLL).await;
        }
    }
}
