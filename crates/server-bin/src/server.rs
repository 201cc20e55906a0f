//! All parts put together, and taken apart again.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, OnceLock},
    time::Duration,
};

use admin_api::{AdminCredentials, AdminParts, AdminSettings, AdminState, SigningKey, Vitals};
use anyhow::Context as _;
use proxy_hyper::{Control, ControlRequest, Metrics, Parts, Proxy, Settings};
use rotator_core::{access::ProxyKeys, notifications::Courier, probe::KeyProbe, secret::Secret};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{runtime::Handle, task::spawn_blocking};
use tracing::info;

use crate::{
    app::{self, App, Caller},
    backends::{BUILD_KIND, OpenStore},
    background::Background,
    clock,
    config::{self, Access, Config},
    data::Data,
    last_snapshot::LastSnapshot,
    metrics,
    notices::{self, Notices},
    panel::Panel,
    probes,
    shutdown::Shutdown,
    tls::Certificate,
    vitals::vitals,
    waiting_room::{Beginning, open_awaited},
};

/// A running server.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Under which clients reach it, without a final slash.
    pub base_url: String,
    proxy: Proxy,
    admin: AdminState,
    data: Data,
    store: OpenStore,
    background: Background,
    drain_timeout: Duration,
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// How long the last records and counts may take to be written: normally, and when the end must be now.
const LAST_WRITES: [Duration; 2] = [Duration::from_secs(5), Duration::from_millis(200)];
const SESSION_LIFETIME: Duration = Duration::from_hours(1);

/// Binds an address. `::` takes IPv4 too.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Server {
    /// Reads what the store has and serves the listener. The runtime it is called on carries all but proxied requests.
    pub async fn start(
        config: Config,
        beginning: Beginning,
        kept: Option<LastSnapshot>,
        listener: TcpListener,
    ) -> anyhow::Result<Self> {
        let Config { access, server, logs, upstream, rests, database, cache, warnings, effective } = config;
        let Access { credentials, signing_key, proxy_keys, metrics_token, encryption, .. } = access;
        let address = listener.local_addr()?;
        let base_url = base_url(&server, address);
        let certificate = server.tls.as_ref().map(Certificate::load).transpose()?;
        let known = ProxyKeys::new(&proxy_keys);
        let (data, store) = match beginning {
            Beginning::Database(store, _) => (Data::read(&store, known, rests, &cache).await?, store),
            Beginning::Snapshot(snapshot, store, awaited) => {
                let data = Data::restore(snapshot, &store, known, rests, &cache).await?;
                tokio::spawn(open_awaited(awaited, encryption, data.clone()));
                (data, store)
            }
        };
        let (background, records) = Background::start(&data, logs, certificate.clone());
        if let Some(kept) = kept {
            tokio::spawn(kept.keep(data.clone()));
        }

        // The admin API tests keys by way of the data path, and the data path leads to the admin API.
        let app = Arc::new(OnceLock::new());
        let parts = Parts {
            settings: settings(&server, &upstream),
            routes: Arc::clone(&data.routes),
            records,
            control: control(Arc::clone(&app)),
            tls: certificate.map(|certificate| certificate.server_config()).transpose()?.map(Arc::new),
        };
        let proxy = Proxy::start(&parts, listener)?;
        let probe = Arc::new(proxy.probe().context("there is no worker")?);
        let prober = Arc::clone(&probe) as Arc<dyn KeyProbe>;
        tokio::spawn(probes::probe_keys(data.clone(), prober, background.leading.clone(), probes::INTERVAL));
        let courier = Arc::new(proxy.messenger().context("there is no worker")?);
        let notices =
            Notices::new(data.clone(), courier.clone(), background.leading.clone(), base_url.clone());
        tokio::spawn(notices.send(notices::INTERVAL));
        let settings = AdminSettings {
            proxy_public_base_url: base_url.clone(),
            build: BUILD_KIND,
            version: env!("CARGO_PKG_VERSION").into(),
            database_type: database.type_name().into(),
            cache_type: cache.name().into(),
            operator_proxy_keys: proxy_keys.iter().map(Secret::masked).collect(),
            max_attempts: parts.settings.max_attempts,
            session_lifetime: SESSION_LIFETIME,
            effective,
            warnings,
        };
        let vitals = vitals(&data, &background, proxy.metrics());
        let admin = admin(&data, (probe, courier), vitals, (credentials, signing_key), settings);
        app.get_or_init(|| App {
            admin: admin_api::router(admin.clone()),
            health: Arc::clone(&data.health),
            metrics: metrics(&data, &background, proxy.metrics()),
            metrics_token: ProxyKeys::new(&metrics_token),
            panel: Panel::embedded(),
            clock: clock::now,
        });
        let drain_timeout = server.drain_timeout;
        Ok(Self { address, base_url, proxy, admin, data, store, background, drain_timeout })
    }

    /// Serves until it is told to end, and ends: readiness first, then the listener, requests and jobs, counts, the database.
    pub async fn run(self, shutdown: Shutdown) {
        let Self { proxy, admin, data, store, background, drain_timeout, .. } = self;
        shutdown.unready.cancelled().await;
        data.health.drain();
        proxy.leave();
        background.leave();
        shutdown.drain.cancelled().await;
        info!(requests = proxy.metrics().active_requests(), "draining");
        // First: jobs must not take the end of the workers for the keys' fault, and answers that follow a job end with it.
        let jobs_ended = admin.stop();
        let drained = spawn_blocking(move || proxy.drain(drain_timeout));
        let ended = async { tokio::join!(drained, jobs_ended) };
        let all_ended = shutdown.now.run_until_cancelled(ended).await.is_some();
        background.finish(LAST_WRITES[usize::from(!all_ended)]).await;
        store.close().await;
        info!("stopped");
    }
}

fn settings(server: &config::Server, upstream: &config::Upstream) -> Settings {
    let mut settings = Settings::default();
    settings.workers = server.workers.unwrap_or(settings.workers);
    settings.client.max_body_bytes = server.max_body_bytes;
    settings.upstream.connect_timeout = upstream.connect_timeout;
    settings.upstream.generic_response_timeout = upstream.generic_timeout;
    settings.upstream.llm_response_timeout = upstream.llm_timeout;
    settings.upstream.body_timeout = upstream.idle_timeout;
    settings.max_attempts = upstream.max_attempts.get();
    settings.debug_headers = server.debug_headers;
    settings.address_policy = upstream.addresses;
    settings.roots = Arc::clone(&upstream.roots);
    settings.outbound_proxies = Arc::clone(&upstream.proxies);
    settings
}

/// Leads from the data path to the app, once there is one.
fn control(app: Arc<OnceLock<App>>) -> Control {
    Control::new(Handle::current(), move |ControlRequest { request, client, is_tls, request_id }| {
        let app = Arc::clone(&app);
        async move {
            let caller = Caller { address: client, over_tls: is_tls, request_id };
            match app.get() {
                Some(app) => app.respond(request, caller).await,
                None => app::starting(request.uri().path(), &caller.request_id),
            }
        }
    })
}

fn admin(
    data: &Data,
    (probe, courier): (Arc<dyn KeyProbe>, Arc<dyn Courier>),
    vitals: Arc<dyn Fn() -> Vitals + Send + Sync>,
    (credentials, signing_key): (AdminCredentials, SigningKey),
    settings: AdminSettings,
) -> AdminState {
    AdminState::new(AdminParts {
        store: Arc::clone(&data.store),
        cache: Arc::clone(&data.cache),
        routes: Arc::clone(&data.routes),
        probe,
        courier,
        credentials,
        signing_key,
        clock: Arc::new(clock::now),
        vitals,
        settings,
    })
}

fn metrics(
    data: &Data,
    background: &Background,
    data_path: Metrics,
) -> Box<dyn Fn() -> String + Send + Sync> {
    let (routes, health) = (Arc::clone(&data.routes), Arc::clone(&data.health));
    let dropped = Arc::clone(&background.records_dropped);
    Box::new(move || metrics::render(&data_path.render(), &routes, &health, &dropped))
}

/// Under which clients reach the server: what the operator says, or this machine.
fn base_url(server: &config::Server, address: SocketAddr) -> String {
    if let Some(url) = &server.public_base_url {
        return url.as_str().trim_end_matches('/').to_owned();
    }
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://localhost:{}", address.port())
}
