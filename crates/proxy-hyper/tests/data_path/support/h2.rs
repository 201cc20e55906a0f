//! HTTP/2 clients over plain TCP: one that keeps the rules, and one of raw frames that need not.

use std::net::SocketAddr;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    PROXY_KEY,
    client::PATIENCE,
    upstream::{Body, ok},
};

/// One connection, for any number of requests.
#[derive(Clone)]
pub struct H2Client {
    sender: http2::SendRequest<Body>,
    address: SocketAddr,
}

impl H2Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let socket = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (sender, connection) = http2::handshake(TokioExecutor::new(), socket).await.unwrap();
        tokio::spawn(connection);
        Self { sender, address }
    }

    /// A request for a path, with the proxy key.
    pub fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let uri = format!("http://{}{path}", self.address);
        Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {PROXY_KEY}"))
    }

    pub async fn send(&self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        timeout(PATIENCE, self.sender.clone().send_request(request)).await.unwrap()
    }

    /// The answer to a GET.
    pub async fn open(&self, path: &str) -> Response<Incoming> {
        self.send(self.request("GET", path).body(ok("").into_body()).unwrap()).await.unwrap()
    }

    /// The status and the whole body of the answer to a GET.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.open(path).await;
        let status = answer.status().as_u16();
        let body = timeout(PATIENCE, answer.into_body().collect()).await.unwrap().unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

/// A connection for raw frames: RFC 9113 §4.1.
pub struct RawH2(TcpStream);

/// What becomes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Answered,
    Reset,
    /// The whole connection is given up, for this reason.
    GoAway(u32),
    Closed,
}

/// RFC 9113 §7.
pub const ENHANCE_YOUR_CALM: u32 = 0xb;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

impl RawH2 {
    pub async fn connect(address: SocketAddr) -> Self {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut client = Self(socket);
        client.write(0x4, 0, 0, &[]).await.unwrap();
        client
    }

    /// Begins a stream. No field may be longer than 126 bytes.
    pub async fn headers(
        &mut self,
        stream: u32,
        fields: &[(&str, &str)],
        is_last: bool,
    ) -> std::io::Result<()> {
        let mut block = Vec::new();
        for (name, value) in fields {
            // RFC 7541 §6.2.2: a literal that is not indexed, with a new name.
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend_from_slice(text.as_bytes());
            }
        }
        self.write(0x1, END_HEADERS | if is_last { END_STREAM } else { 0 }, stream, &block).await
    }

    pub async fn data(&mut self, stream: u32, data: &[u8], is_last: bool) -> std::io::Result<()> {
        self.write(0x0, if is_last { END_STREAM } else { 0 }, stream, data).await
    }

    pub async fn reset(&mut self, stream: u32) -> std::io::Result<()> {
        self.write(0x3, 0, stream, &8_u32.to_be_bytes()).await
    }

    async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let frame = [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat();
        self.0.write_all(&frame).await
    }

    /// Waits until something has become of a stream.
    pub async fn fate(&mut self, stream: u32) -> Fate {
        loop {
            let mut head = [0; 9];
            if timeout(PATIENCE, self.0.read_exact(&mut head)).await.unwrap().is_err() {
                return Fate::Closed;
            }
            let [_, _, _, kind, _, id @ ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            self.0.read_exact(&mut payload).await.unwrap();
            match (kind, u32::from_be_bytes(id)) {
                (0x1, id) if id == stream => return Fate::Answered,
                (0x3, id) if id == stream => return Fate::Reset,
                (0x7, _) => return Fate::GoAway(u32::from_be_bytes(payload[4..8].try_into().unwrap())),
                _ => {}
            }
        }
    }
}
