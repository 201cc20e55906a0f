//! What clients that stop reading cost: alone in its process, so that its memory can be measured.

#![expect(clippy::unwrap_used, reason = "assertions")]
#![expect(unreachable_pub, reason = "the kit reads like a library")]

#[expect(unused_imports, reason = "the rest of the kit is for the other tests")]
#[path = "data_path/support/mod.rs"]
mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use support::{
    Gateway, PROXY_KEY,
    client::RawClient,
    upstream::{RawUpstream, read_head},
};
use tokio::{io::AsyncWriteExt, task::JoinSet, time::sleep};

const CLIENTS: u64 = 64;
const BODY: u64 = 1 << 30;
const PER_CLIENT: u64 = 256 << 10;
/// What the sockets' buffers between an upstream and its client may hold at the very most.
const IN_SOCKETS: u64 = BODY / 8;

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_stop_reading_stop_the_upstream_and_cost_little_memory() {
    let taken = Arc::new(AtomicU64::new(0));
    let upstream = fast_upstream(Arc::clone(&taken)).await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1"]).start().await;
    drop(opened(gateway.address).await);
    gateway.settle(Duration::from_secs(5)).await;
    let before = resident_bytes();

    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(opened(gateway.address));
    }
    let clients = clients.join_all().await;
    let taken = until_it_rests(&taken).await;

    let grown = resident_bytes().saturating_sub(before);
    assert!(taken < CLIENTS * IN_SOCKETS, "{taken} bytes were taken that nobody reads");
    assert!(grown <= CLIENTS * PER_CLIENT, "{} KiB per client", grown / CLIENTS / 1024);
    drop(clients);
}

/// Sends a gigabyte to every client, as fast as it is taken.
async fn fast_upstream(taken: Arc<AtomicU64>) -> RawUpstream {
    RawUpstream::serve(move |mut socket| {
        let taken = Arc::clone(&taken);
        async move {
            read_head(&mut socket).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY}\r\n\r\n");
            socket.write_all(head.as_bytes()).await.unwrap();
            while let Ok(n) = socket.write(&[b'x'; 16 << 10]).await {
                taken.fetch_add(n as u64, Relaxed);
            }
        }
    })
    .await
}

/// A client that reads the head of its answer and nothing more.
async fn opened(address: std::net::SocketAddr) -> RawClient {
    let mut client = RawClient::connect(address).await;
    client.write(format!("GET /proxy/svc/x HTTP/1.1\r\nhost: a\r\nx-proxy-key: {PROXY_KEY}\r\n\r\n")).await;
    client.read_until("\r\n\r\n").await;
    client
}

/// The number, once it has not moved for half a second.
async fn until_it_rests(number: &AtomicU64) -> u64 {
    let mut last = 0;
    while last != number.load(Relaxed) {
        last = number.load(Relaxed);
        sleep(Duration::from_millis(500)).await;
    }
    last
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
