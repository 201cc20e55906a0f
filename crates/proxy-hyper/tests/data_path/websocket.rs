//! WebSocket handshakes get the upstream key; then bytes pass both ways.

use std::time::Duration;

use rotator_core::record::RequestOutcome;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc::unbounded_channel,
    time::{sleep, timeout},
};

use crate::support::{
    Gateway, PROXY_KEY, Running,
    client::{PATIENCE, RawClient},
    upstream::{RawUpstream, read_head, until_closed},
    websocket::{SWITCH, echo, handshake, services, switching},
};

/// An open tunnel.
async fn tunnel(gateway: &Running) -> RawClient {
    let mut client = gateway.raw().await;
    client.write(handshake("/proxy/svc/x")).await;
    let head = client.read_until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handshake_carries_the_upstream_key_and_not_the_proxy_key() {
    let (upstream, mut heads) = switching(echo).await;
    let gateway = services(&upstream.url(), &["up-key"]).start().await;

    for (path, target, key) in [
        ("/proxy/svc/rt?model=m", "GET /base/rt?model=m HTTP/1.1\r\n", "\r\nx-key: up-key\r\n"),
        ("/llm/ai/v1/realtime?model=m", "GET /v1/realtime?model=m ", "\r\nauthorization: Bearer up-key\r\n"),
    ] {
        let mut client = gateway.raw().await;
        client.write(handshake(path)).await;
        let answer = client.read_until("\r\n\r\n").await;

        let head = heads.recv().await.unwrap();
        assert!(head.starts_with(target) && head.contains(key) && !head.contains(PROXY_KEY), "{head}");
        for line in [
            "connection: upgrade",
            "upgrade: websocket",
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
            "sec-websocket-version: 13",
            "sec-websocket-protocol: realtime",
        ] {
            assert_eq!(head.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line}: {head}");
        }
        for line in ["sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "upgrade: websocket", "x-conn: 1"]
        {
            assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_amount_of_bytes_passes_both_ways_at_once() {
    const LEN: usize = 8 << 20;
    let (upstream, _heads) = switching(echo).await;
    let gateway = services(&upstream.url(), &["k"]).start().await;
    let client = tunnel(&gateway).await;
    let sent: Vec<u8> = (0..LEN).map(|n| u8::try_from((n * 31 + n / 251) % 256).unwrap()).collect();

    let (mut reading, mut writing) = client.0.into_split();
    let sending = {
        let sent = sent.clone();
        tokio::spawn(async move { writing.write_all(&sent).await.map(|()| writing) })
    };
    let mut received = vec![0; LEN];
    timeout(PATIENCE, reading.read_exact(&mut received)).await.unwrap().unwrap();

    assert!(received == sent);
    drop(sending.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_come_with_the_handshake_are_not_lost() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        let request = read_head(&mut socket).await;
        let early = request.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let greeting = [SWITCH.as_bytes(), b"welcome ", &request[early..]].concat();
        socket.write_all(&greeting).await.unwrap();
        echo(socket).await;
    })
    .await;
    let gateway = services(&upstream.url(), &["k"]).start().await;
    let mut client = gateway.raw().await;

    client.write(handshake("/proxy/svc/x") + "early").await;

    client.read_until("welcome early").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_said_all_still_hears_the_rest() {
    let (upstream, _heads) = switching(|mut socket| async move {
        let mut heard = String::new();
        socket.read_to_string(&mut heard).await.unwrap();
        socket.write_all(format!("heard {heard}").as_bytes()).await.unwrap();
    })
    .await;
    let gateway = services(&upstream.url(), &["k"]).start().await;
    let mut client = tunnel(&gateway).await;

    client.write("all of it").await;
    client.0.shutdown().await.unwrap();

    assert_eq!(client.read_to_end().await, "heard all of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_ends_when_the_upstream_closes() {
    let (upstream, _heads) = switching(|mut socket| async move {
        assert_eq!(socket.read_u8().await.unwrap(), b'?');
        socket.write_all(b"bye").await.unwrap();
    })
    .await;
    let gateway = services(&upstream.url(), &["k"]).start().await;
    let mut client = tunnel(&gateway).await;

    client.write("?").await;
    assert_eq!(client.read_to_end().await, "bye");
    drop(client);

    let record = &gateway.records(1).await[0];
    assert_eq!((record.status, record.outcome), (101, RequestOutcome::Completed));
    gateway.settle(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_ends_when_the_client_leaves() {
    let (left, mut told) = unbounded_channel();
    let upstream = RawUpstream::serve(move |mut socket| {
        let left = left.clone();
        async move {
            read_head(&mut socket).await;
            socket.write_all(SWITCH.as_bytes()).await.unwrap();
            until_closed(&mut socket).await;
            left.send(()).unwrap();
        }
    })
    .await;
    let gateway = services(&upstream.url(), &["k"]).start().await;
    let client = tunnel(&gateway).await;
    assert!(told.is_empty());

    drop(client);

    timeout(PATIENCE, told.recv()).await.unwrap().unwrap();
    assert_eq!(gateway.records(1).await[0].status, 101);
    gateway.settle(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_in_flight_as_long_as_its_tunnel_is_open() {
    let (upstream, _heads) = switching(echo).await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1", "k2"]).start().await;
    let first = tunnel(&gateway).await;
    let second = tunnel(&gateway).await;

    let in_flight = || {
        let routes = gateway.routes.table().load_full();
        routes.iter().flat_map(|route| route.pool.slots()).map(|slot| slot.in_flight()).collect::<Vec<_>>()
    };
    assert_eq!(in_flight(), [1, 1]);
    drop((first, second));
    gateway.settle(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_tunnel_outlives_the_time_limits_of_requests() {
    const LIMIT: Duration = Duration::from_millis(100);
    let (upstream, _heads) = switching(echo).await;
    let gateway = services(&upstream.url(), &["k"]).set(|s| {
        (s.client.head_timeout, s.client.idle_timeout, s.client.body_timeout) = (LIMIT, LIMIT, LIMIT);
        (s.upstream.body_timeout, s.upstream.idle_timeout, s.client.write_timeout) = (LIMIT, LIMIT, LIMIT);
    });
    let gateway = gateway.start().await;
    let mut client = tunnel(&gateway).await;

    for _ in 0..2 {
        sleep(4 * LIMIT).await;
        client.write("still here").await;
        client.read_until("still here").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_replaced_before_the_tunnel_opens() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        let head = String::from_utf8(read_head(&mut socket).await).unwrap();
        if head.contains("x-key: bad") {
            socket.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        } else {
            socket.write_all(SWITCH.as_bytes()).await.unwrap();
        }
        echo(socket).await;
    })
    .await;
    let gateway = services(&upstream.url(), &["bad", "good"]).start().await;

    for _ in 0..4 {
        let mut client = tunnel(&gateway).await;
        client.write("hello").await;
        client.read_until("hello").await;
    }
}
