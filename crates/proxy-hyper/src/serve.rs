//! One client connection: TLS, HTTP/1.1 or HTTP/2, limits, drain.

use std::{
    future::Future,
    net::SocketAddr,
    ops::DerefMut,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tracing::debug;

use crate::{
    client_io::ClientIo, connection::Connection, drain::Stage, local_exec::DrainedExec,
    response::ResponseBody, service, worker::Worker,
};

/// RFC 9113 §3.4: what an HTTP/2 client with prior knowledge says first.
const H2_PREFACE_START: &[u8; 4] = b"PRI ";
/// A client that stops reading costs this and one piece of the upstream's, besides what the sockets hold.
const MAX_BUFFER: usize = 32 << 10;
const H2_WINDOW: u32 = 256 << 10;
const H2_KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Serves a client's connection to its end.
pub(crate) async fn serve(worker: Rc<Worker>, socket: TcpStream, peer: SocketAddr) {
    if socket.set_nodelay(true).is_err() {
        return;
    }
    worker.metrics.client_connections.add(1);
    match worker.tls.clone() {
        None => {
            if let Some(is_h2) = before_requests(&worker, speaks_h2(&socket)).await {
                connection(&worker, socket, Connection::new(peer.ip(), false), is_h2).await;
            }
        }
        // Larger, and rarer where each byte of a connection counts: plain ones need not make room for it.
        Some(tls) => Box::pin(encrypted(&worker, tls, socket, peer)).await,
    }
    worker.metrics.client_connections.sub(1);
}

async fn encrypted(worker: &Rc<Worker>, tls: Arc<ServerConfig>, socket: TcpStream, peer: SocketAddr) {
    match before_requests(worker, TlsAcceptor::from(tls).accept(socket)).await {
        Some(Ok(stream)) => {
            let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            connection(worker, stream, Connection::new(peer.ip(), true), is_h2).await;
        }
        Some(Err(error)) => debug!(%error, "tls handshake failed"),
        None => debug!("tls handshake took too long"),
    }
}

/// What comes before requests, in the time for a request's head, and only while the server takes requests.
async fn before_requests<T>(worker: &Rc<Worker>, greeting: impl Future<Output = T>) -> Option<T> {
    let mut ticket = worker.drain.ticket();
    let stopping = std::future::poll_fn(|cx| match ticket.stage(cx) {
        Stage::Serving | Stage::Leaving => Poll::Pending,
        Stage::Draining | Stage::Cutting => Poll::Ready(()),
    });
    tokio::select! {
        biased;
        greeted = timeout(worker.settings.client.head_timeout, greeting) => greeted.ok(),
        () = stopping => None,
    }
}

/// Looks at the first bytes without taking them.
async fn speaks_h2(socket: &TcpStream) -> bool {
    let mut start = [0; H2_PREFACE_START.len()];
    loop {
        match socket.peek(&mut start).await {
            Ok(n) if n > 0 && n < start.len() && H2_PREFACE_START.starts_with(&start[..n]) => {
                sleep(Duration::from_millis(5)).await;
            }
            Ok(n) => return n == start.len() && start == *H2_PREFACE_START,
            Err(_) => return false,
        }
    }
}

async fn connection<S>(worker: &Rc<Worker>, socket: S, connection: Arc<Connection>, is_h2: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let settings = &worker.settings;
    let limits = Arc::clone(&worker.client_limits);
    let io = TokioIo::new(ClientIo::new(socket, Arc::clone(&connection), limits, is_h2));
    let respond = {
        let (worker, connection) = (Rc::clone(worker), connection);
        move |request: Request<Incoming>| service::respond(&worker, &connection, request)
    };
    if is_h2 {
        let connection = http2::Builder::new(DrainedExec(Rc::clone(&worker.drain)))
            .timer(TokioTimer::new())
            .max_concurrent_streams(settings.client.max_streams)
            .max_header_list_size(u32::try_from(settings.client.max_head_bytes).unwrap_or(u32::MAX))
            .initial_stream_window_size(H2_WINDOW)
            .initial_connection_window_size(4 * H2_WINDOW)
            .max_send_buf_size(MAX_BUFFER)
            .keep_alive_interval(H2_KEEP_ALIVE)
            .serve_connection(io, service_fn(respond));
        // The larger of the two kinds by far, which the other need not make room for.
        drained(worker, Box::pin(connection), Stage::Leaving, http2::Connection::graceful_shutdown).await;
    } else {
        let service = {
            let worker = Rc::clone(worker);
            service_fn(move |request| {
                let (answering, worker) = (respond(request), Rc::clone(&worker));
                async move { answering.await.map(|answer| closing_when_leaving(&worker, answer)) }
            })
        };
        let connection = http1::Builder::new()
            // Most bodies are small: copying one beside its head costs less than a list of pieces.
            .writev(false)
            .max_buf_size(MAX_BUFFER.max(settings.client.max_head_bytes))
            .max_header_size(settings.client.max_head_bytes)
            .serve_connection(io, service)
            .with_upgrades();
        drained(worker, pin!(connection), Stage::Draining, http1::UpgradeableConnection::graceful_shutdown)
            .await;
    }
}

/// An HTTP/1.1 connection that is not in use cannot be closed without a chance that a request is on its way on it. So
/// the answer says that it is the last.
fn closing_when_leaving(worker: &Worker, mut answer: Response<ResponseBody>) -> Response<ResponseBody> {
    if worker.drain.stage() != Stage::Serving && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Runs a connection; from a stage on, it ends after the requests it has.
async fn drained<P, C>(
    worker: &Rc<Worker>,
    mut connection: Pin<P>,
    from: Stage,
    graceful_shutdown: fn(Pin<&mut C>),
) where
    P: DerefMut<Target = C>,
    C: Future<Output = Result<(), hyper::Error>>,
{
    let mut ticket = worker.drain.ticket();
    let mut is_told = false;
    let result = std::future::poll_fn(|cx| {
        if ticket.stage(cx) >= from && !is_told {
            is_told = true;
            graceful_shutdown(connection.as_mut());
        }
        connection.as_mut().poll(cx)
    })
    .await;
    if let Err(error) = result {
        debug!(%error, "client connection ended early");
    }
}
