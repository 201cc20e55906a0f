//! Where clients are told to come again while the database's server does not answer at the start. The process is alive
//! and not ready, unless it knows from before what to serve; nothing is gained by ending it and starting it again.

use std::{convert::Infallible, net::TcpListener, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rotator_core::{record::RequestId, snapshot::Snapshot, store::OpenReport, vault::KeyEncryptionKeys};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::{
    app,
    backends::{Awaited, OpenStore, is_worth_waiting_for},
    clock,
    config::Config,
    data::Data,
    last_snapshot::LastSnapshot,
    tls::Certificate,
};

/// Between two attempts to open the database: at first, and in the end.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(10)];
/// How long a visit may take.
const VISIT: Duration = Duration::from_secs(5);

/// How a server begins.
pub enum Beginning {
    /// With its database, of which this was found.
    Database(OpenStore, OpenReport),
    /// With what was known of its database, which is opened when it is back.
    Snapshot(Snapshot, OpenStore, Awaited),
}

/// Opens the database as soon as it can be, or begins with what was known of it.
pub async fn begin(
    config: &Config,
    kept: Option<&LastSnapshot>,
    listener: &TcpListener,
) -> anyhow::Result<Beginning> {
    let mut pauses = Pauses::default();
    let mut room = None;
    loop {
        let keys = config.access.encryption.clone();
        match OpenStore::open(&config.database, keys, clock::now()).await {
            Err(error) if is_worth_waiting_for(&error) => {
                if room.is_none() {
                    if let Some(snapshot) =
                        kept.filter(|_| !config.database.reset).and_then(LastSnapshot::open)
                        && let Some((store, awaited)) = OpenStore::awaited(&config.database)
                    {
                        warn!(error = format!("{error:#}"), "the database cannot be opened yet");
                        return Ok(Beginning::Snapshot(snapshot, store, awaited));
                    }
                    room = Some(receive(config, listener)?);
                }
                pauses.wait(&error).await;
            }
            result => {
                let (store, report) = result?;
                if room.is_some() {
                    info!("the database is there");
                }
                return Ok(Beginning::Database(store, report));
            }
        }
    }
}

/// Opens a database that was away when the server began. Whatever is wrong with it, what was known of it is served.
pub async fn open_awaited(awaited: Awaited, keys: KeyEncryptionKeys, data: Data) {
    let mut pauses = Pauses::default();
    loop {
        match awaited.open(keys.clone(), clock::now()).await {
            Ok(report) => {
                info!("the database is there: {report}");
                break;
            }
            Err(error) => pauses.wait(&error).await,
        }
    }
    if let Err(error) = data.read_rests().await {
        warn!(error = format!("{error:#}"), "keys that rest are found out anew");
    }
}

/// Longer and longer, up to the last of [`PAUSES`].
struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(PAUSES[0])
    }
}

impl Pauses {
    async fn wait(&mut self, error: &anyhow::Error) {
        // Instances that were started together do not come back together.
        let pause = self.0.mul_f64(0.5 + fastrand::f64() / 2.0);
        warn!(error = format!("{error:#}"), "the database cannot be opened yet; trying again in {pause:.1?}");
        sleep(pause).await;
        self.0 = PAUSES[1].min(self.0 * 2);
    }
}

/// Answers whoever comes, until the handle is dropped.
fn receive(config: &Config, listener: &TcpListener) -> anyhow::Result<AbortOnDropHandle<()>> {
    let tls = match &config.server.tls {
        None => None,
        Some(files) => {
            let mut settings = Certificate::load(files)?.server_config()?;
            settings.alpn_protocols = vec![b"http/1.1".to_vec()];
            Some(TlsAcceptor::from(Arc::new(settings)))
        }
    };
    let listener = listener.try_clone()?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(timeout(VISIT, visit(stream, tls.clone())))),
                // There may be a free file again in a moment.
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    })))
}

async fn visit(stream: TcpStream, tls: Option<TlsAcceptor>) {
    match tls {
        None => answer(stream).await,
        Some(tls) => {
            // Whoever speaks no TLS hears nothing.
            if let Ok(stream) = tls.accept(stream).await {
                answer(stream).await;
            }
        }
    }
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let respond = |request: Request<Incoming>| async move {
        let request_id = RequestId::from_bits(fastrand::u128(..));
        Ok::<_, Infallible>(app::starting(request.uri().path(), request_id.as_str()))
    };
    // A visitor who leaves early is no concern of ours.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service_fn(respond))
        .await;
}
