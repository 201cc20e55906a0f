//! Upstreams: one that speaks HTTP, and one that speaks whatever bytes a test wants.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub type Body = BoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A request as an upstream got it.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An HTTP/1.1 upstream that reads requests whole, remembers them, and answers by a function.
pub struct Upstream {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    server: JoinHandle<()>,
}

impl Upstream {
    /// Answers every request with what the function makes of it.
    pub async fn reply(answer: impl Fn(&Received) -> Response<Body> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&received), Arc::new(answer));
        let server = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await?.to_bytes();
                        let received =
                            Received { method: parts.method, uri: parts.uri, headers: parts.headers, body };
                        log.lock().unwrap().push(received.clone());
                        Ok::<_, hyper::Error>(answer(&received))
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            }
        });
        Self { address, received, server }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The values of a header over all requests, in order.
    pub fn seen(&self, header: &str) -> Vec<String> {
        let received = self.received.lock().unwrap();
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
    server: JoinHandle<()>,
}

impl RawUpstream {
    pub async fn serve<F>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(handle(socket));
            }
        });
        Self { address, server }
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
