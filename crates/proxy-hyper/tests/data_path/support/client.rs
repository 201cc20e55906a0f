//! Clients: one that speaks HTTP, and one for raw bytes.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, request::Builder};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::PROXY_KEY;

/// How long a test waits before it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An answer, whole or broken off.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Whether the body came to a clean end.
    pub is_whole: bool,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends a request on a connection of its own and reads the answer.
pub async fn send(address: SocketAddr, request: Builder, body: Bytes) -> Answer {
    let response = open(address, request, body).await;
    let (parts, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    let is_whole = loop {
        match timeout(PATIENCE, body.frame()).await.unwrap() {
            Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
            Some(Err(_)) => break false,
            None => break true,
        }
    };
    Answer { status: parts.status, headers: parts.headers, body: bytes.into(), is_whole }
}

/// Sends a request on a connection of its own; the body of the answer is read by the test.
pub async fn open(address: SocketAddr, request: Builder, body: Bytes) -> http::Response<Incoming> {
    let socket = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let request = complete(request, address).body(Full::<Bytes>::from(body)).unwrap();
    timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap()
}

fn complete(request: Builder, address: SocketAddr) -> Builder {
    let headers = request.headers_ref().unwrap();
    let shows_key = ["x-proxy-key", "authorization", "x-api-key", "x-goog-api-key", "api-key", "x-no-key"];
    let shows_key = shows_key.iter().any(|name| headers.contains_key(*name));
    let is_llm = request.uri_ref().unwrap().path().starts_with("/llm");
    let has_host = headers.contains_key("host");
    let request = match (shows_key, is_llm) {
        (true, _) => request,
        (false, true) => request.header("authorization", format!("Bearer {PROXY_KEY}")),
        (false, false) => request.header("x-proxy-key", PROXY_KEY),
    };
    if has_host { request } else { request.header("host", address.to_string()) }
}

/// A connection for raw bytes.
pub struct RawClient(pub TcpStream);

impl RawClient {
    pub async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads until the other side closes.
    pub async fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        // A reset after the answer is an end as well.
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await.unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Reads until this text has come.
    pub async fn read_until(&mut self, text: &str) -> String {
        let mut bytes = Vec::new();
        while !String::from_utf8_lossy(&bytes).contains(text) {
            let n = timeout(PATIENCE, self.0.read_buf(&mut bytes)).await.unwrap().unwrap();
            assert!(n > 0, "closed before {text:?}: {:?}", String::from_utf8_lossy(&bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sends bytes and reads until the other side closes.
    pub async fn exchange(mut self, bytes: impl AsRef<[u8]>) -> String {
        self.write(bytes).await;
        self.read_to_end().await
    }
}

/// Sends this many GETs one after the other on one connection; each must be answered with 200.
pub async fn burst(address: SocketAddr, path: &str, count: usize) {
    let socket = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..count {
        sender.ready().await.unwrap();
        let request = complete(http::Request::get(path), address).body(Full::<Bytes>::default()).unwrap();
        let response = timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.unwrap();
    }
}

/// Reads an answer's body until this text has come.
pub async fn read_until(body: &mut Incoming, text: &str) -> String {
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains(text) {
        let frame = timeout(PATIENCE, body.frame()).await.unwrap();
        let frame = frame.unwrap_or_else(|| panic!("no {text:?} in {:?}", String::from_utf8_lossy(&bytes)));
        bytes.extend_from_slice(frame.unwrap().data_ref().unwrap_or(&Bytes::new()));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
