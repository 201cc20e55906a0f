//! A forward proxy that opens tunnels: RFC 9110 §9.3.6.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::TcpStream,
};

use super::upstream::{RawUpstream, read_head};

/// Opens a tunnel to whatever it is asked for, and remembers what it sees.
pub struct ForwardProxy {
    server: RawUpstream,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// The requests for a tunnel.
    pub heads: Vec<String>,
    /// What went through towards the far ends.
    pub bytes: Vec<u8>,
}

impl ForwardProxy {
    pub async fn start() -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let log = Arc::clone(&seen);
        let server = RawUpstream::serve(move |socket| tunnel(socket, Arc::clone(&log))).await;
        Self { server, seen }
    }

    /// Its URL, with this user information.
    pub fn url(&self, user: &str) -> String {
        format!("http://{user}@{}", self.server.address)
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

async fn tunnel(mut socket: TcpStream, log: Arc<Mutex<Seen>>) {
    let head = String::from_utf8(read_head(&mut socket).await).unwrap();
    let target = head.split(' ').nth(1).unwrap().to_owned();
    log.lock().unwrap().heads.push(head);
    let far = TcpStream::connect(target).await.unwrap();
    socket.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let (mut from_far, mut to_far) = far.into_split();
    let (mut from_near, mut to_near) = socket.into_split();
    tokio::spawn(async move { copy(&mut from_far, &mut to_near).await });
    let mut bytes = vec![0; 16 << 10];
    while let Ok(n @ 1..) = from_near.read(&mut bytes).await {
        log.lock().unwrap().bytes.extend_from_slice(&bytes[..n]);
        to_far.write_all(&bytes[..n]).await.unwrap();
    }
}
