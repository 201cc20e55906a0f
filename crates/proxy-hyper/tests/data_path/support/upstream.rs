//! Upstreams: one that speaks HTTP, and one that speaks whatever bytes a test wants.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri, Version, request::Parts};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::{Service, service_fn},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

pub type Body = BoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A request as an upstream got it.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: Method,
    pub uri: Uri,
    pub version: Version,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An upstream that reads requests whole, remembers them, and answers by a function.
pub struct Upstream {
    pub address: SocketAddr,
    scheme: &'static str,
    log: Arc<Log>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Log {
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
}

impl Upstream {
    /// Answers every request with what the function makes of it, over HTTP/1.1.
    pub async fn reply(answer: impl Fn(&Received) -> Response<Body> + Send + Sync + 'static) -> Self {
        Self::start(None, answer).await
    }

    /// The same over TLS, and in HTTP/2 where both sides offer it.
    pub async fn secure(
        tls: Arc<ServerConfig>,
        answer: impl Fn(&Received) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(tls), answer).await
    }

    async fn start(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Received) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (log, answer) = (Arc::<Log>::default(), Arc::new(answer));
        let server = {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                loop {
                    let (socket, _) = listener.accept().await.unwrap();
                    log.connections.fetch_add(1, SeqCst);
                    let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                    let service =
                        service_fn(move |request| serve(Arc::clone(&log), Arc::clone(&answer), request));
                    tokio::spawn(converse(tls.clone(), socket, service));
                }
            })
        };
        Self { address, scheme, log, server }
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.log.connections.load(SeqCst)
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.log.received.lock().unwrap().clone()
    }

    /// The values of a header over all requests, in order.
    pub fn seen(&self, header: &str) -> Vec<String> {
        let received = self.log.received.lock().unwrap();
        received
            .iter()
            .flat_map(|r| r.headers.get_all(header))
            .map(|v| v.to_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(
    log: Arc<Log>,
    answer: Arc<impl Fn(&Received) -> Response<Body>>,
    request: Request<Incoming>,
) -> hyper::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let Parts { method, uri, version, headers, .. } = parts;
    let received = Received { method, uri, version, headers, body };
    log.received.lock().unwrap().push(received.clone());
    Ok(answer(&received))
}

/// Serves a connection in the protocol that was agreed on.
pub async fn converse<S>(tls: Option<Arc<ServerConfig>>, socket: TcpStream, service: S)
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = hyper::Error, Future: Send> + Send,
    S: 'static,
{
    let Some(tls) = tls else {
        let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        return;
    };
    let Ok(stream) = TlsAcceptor::from(tls).accept(socket).await else { return };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let builder = http2::Builder::new(TokioExecutor::new());
        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
    } else {
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }
}

/// A 200 with this text.
pub fn ok(text: impl Into<Bytes>) -> Response<Body> {
    status(200, text)
}

/// An answer with this status and text.
pub fn status(status: u16, text: impl Into<Bytes>) -> Response<Body> {
    let body = Full::from(text.into()).map_err(|never: Infallible| match never {}).boxed();
    Response::builder().status(status).body(body).unwrap()
}

/// An upstream of raw bytes: the function gets each connection.
pub struct RawUpstream {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl RawUpstream {
    pub async fn serve<F>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        let server = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, SeqCst);
                tokio::spawn(handle(socket));
            }
        });
        Self { address, connections, server }
    }

    /// Answers every request head with these bytes, then closes.
    pub async fn answer(bytes: &'static [u8]) -> Self {
        Self::serve(move |mut socket| async move {
            read_head(&mut socket).await;
            socket.write_all(bytes).await.unwrap();
            socket.shutdown().await.ok();
        })
        .await
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

impl Drop for RawUpstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Reads up to the end of a message head; may read more.
pub async fn read_head(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|w| w == b"\r\n\r\n") {
        if socket.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            break;
        }
    }
    bytes
}

/// The head of an endless stream of server-sent events.
pub const EVENT_STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// A piece of a chunked body.
pub fn chunk(data: impl AsRef<[u8]>) -> Vec<u8> {
    let data = data.as_ref();
    [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

/// Waits until the other side has closed; what still comes is thrown away.
pub async fn until_closed(socket: &mut TcpStream) {
    let mut scratch = vec![0; 64 << 10];
    while socket.read(&mut scratch).await.unwrap_or(0) > 0 {}
}

/// An upstream that answers when it is let to.
pub async fn held(release: Arc<Semaphore>) -> RawUpstream {
    RawUpstream::serve(move |mut socket| {
        let release = Arc::clone(&release);
        async move {
            while !read_head(&mut socket).await.is_empty() {
                release.acquire().await.unwrap().forget();
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                let _ = socket.write_all(answer).await;
            }
        }
    })
    .await
}
