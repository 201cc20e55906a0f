//! A server that stops: what has begun ends well, what cannot end is told so, and it is over in time.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rotator_core::record::RequestOutcome;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep, timeout},
};

use crate::support::{
    Gateway, PROXY_KEY, Running, Upstream,
    client::{RawClient, open, read_until},
    eventually,
    upstream::{EVENT_STREAM, RawUpstream, chunk, ok, read_head, until_closed},
};

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);
/// How late a drain may end.
const SLACK: Duration = Duration::from_secs(1);

/// Drains in the background, and tells how long it took.
fn drain(gateway: &mut Running, time: Duration) -> JoinHandle<Duration> {
    let proxy = gateway.proxy.take().unwrap();
    spawn_blocking(move || {
        let start = Instant::now();
        proxy.drain(time);
        start.elapsed()
    })
}

/// Waits until the server does not accept any more.
async fn until_refused(address: SocketAddr) {
    while TcpStream::connect(address).await.is_ok() {
        sleep(Duration::from_millis(5)).await;
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\nx-proxy-key: {PROXY_KEY}\r\n\r\n")
}

/// One event, then nothing.
async fn stalling() -> RawUpstream {
    RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        socket.write_all(&[EVENT_STREAM, &chunk("data: one\n\n")].concat()).await.unwrap();
        until_closed(&mut socket).await;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_request_are_closed_at_once() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let mut gateway = Gateway::new().generic("svc", &upstream.url(), &["k1"]).start().await;
    let mut kept = gateway.raw().await;
    kept.write(get("/proxy/svc/x")).await;
    kept.read_until("hi").await;
    let mut silent = gateway.raw().await;

    let took = drain(&mut gateway, LONG).await.unwrap();

    assert!(took < SLACK, "{took:?}");
    for client in [&mut kept, &mut silent] {
        assert_eq!(client.read_to_end().await, "");
    }
    assert!(TcpStream::connect(gateway.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_leaves_serves_on_and_each_answer_is_the_last_of_its_connection() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1"]).start().await;
    let mut kept = gateway.raw().await;
    kept.write(get("/proxy/svc/x")).await;
    kept.read_until("hi").await;

    gateway.proxy.as_ref().unwrap().leave();
    // It has heard of it when it says so.
    loop {
        let mut another = gateway.raw().await;
        another.write(get("/proxy/svc/x")).await;
        let answer = another.read_until("hi").await;
        if answer.contains("connection: close\r\n") {
            assert_eq!(another.read_to_end().await, "");
            break;
        }
    }

    kept.write(get("/proxy/svc/x")).await;
    let answer = kept.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_answered_and_its_connection_closed() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        sleep(2 * SHORT).await;
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").await.unwrap();
        until_closed(&mut socket).await;
    })
    .await;
    let mut gateway = Gateway::new().generic("svc", &upstream.url(), &["k1"]).start().await;
    let mut client = gateway.raw().await;
    client.write(get("/proxy/svc/one")).await;
    sleep(SHORT / 3).await;

    let draining = drain(&mut gateway, LONG);
    until_refused(gateway.address).await;
    client.write(get("/proxy/svc/two")).await;
    let answers = client.read_to_end().await;

    assert!(answers.contains("connection: close\r\n") && answers.ends_with("done"), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1").count(), 1, "{answers}");
    assert!(draining.await.unwrap() < 2 * SHORT + SLACK);
    assert_eq!(gateway.records(1).await[0].outcome, RequestOutcome::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_head_has_begun_is_answered() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let mut gateway = Gateway::new().generic("svc", &upstream.url(), &["k1"]).start().await;
    let mut client = gateway.raw().await;
    let request = get("/proxy/svc/x");
    client.write(&request[..20]).await;
    sleep(SHORT / 3).await;

    let draining = drain(&mut gateway, LONG);
    until_refused(gateway.address).await;
    client.write(&request[20..]).await;

    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close"), "{answer}");
    assert!(draining.await.unwrap() < LONG);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_and_a_stream_in_flight_are_finished() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        let mut bytes = read_head(&mut socket).await;
        socket.write_all(&[EVENT_STREAM, &chunk("data: one\n\n")].concat()).await.unwrap();
        while !bytes.ends_with(b"0\r\n\r\n") {
            socket.read_buf(&mut bytes).await.unwrap();
        }
        socket.write_all(&[chunk("data: two\n\n").as_slice(), b"0\r\n\r\n"].concat()).await.unwrap();
    })
    .await;
    let mut gateway = Gateway::new().llm("ai", "openai_compatible", &upstream.url(), &["k1"]).start().await;
    let mut client = gateway.raw().await;
    let head = get("/llm/ai/v1/x")
        .replace("GET", "POST")
        .replace("\r\n\r\n", "\r\ntransfer-encoding: chunked\r\n\r\n");
    client.write([head.as_bytes(), &chunk("first")].concat()).await;
    client.read_until("data: one").await;

    let draining = drain(&mut gateway, LONG);
    until_refused(gateway.address).await;
    client.write([chunk("last").as_slice(), b"0\r\n\r\n"].concat()).await;

    assert!(client.read_to_end().await.ends_with("data: two\n\n\r\n0\r\n\r\n"));
    assert!(draining.await.unwrap() < LONG);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_end_in_time_ends_with_the_clients_error_event() {
    for (api_format, path, event) in [
        ("openai_compatible", "/llm/ai/v1/chat/completions", "\n\ndata: {\"error\":"),
        ("anthropic_native", "/llm/ai/v1/messages", "\nevent: error\ndata: {\"error\":"),
        ("gemini_native", "/llm/ai/v1beta/models/m:streamGenerateContent", "\n\ndata: {\"error\":"),
    ] {
        let upstream = stalling().await;
        let mut gateway = Gateway::new().llm("ai", api_format, &upstream.url(), &["k1"]).start().await;
        let mut answer = open(gateway.address, Request::post(path), Bytes::new()).await;
        read_until(answer.body_mut(), "data: one\n\n").await;

        let draining = drain(&mut gateway, SHORT);
        let rest = answer.into_body().collect().await.unwrap().to_bytes();

        let rest = String::from_utf8_lossy(&rest).into_owned();
        assert!(rest.contains(event) && rest.contains("this server is stopping"), "{api_format} {rest:?}");
        let took = draining.await.unwrap();
        assert!(took >= SHORT && took < SHORT + SLACK, "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_over_http_2_is_told_as_well() {
    let upstream = stalling().await;
    let mut gateway = Gateway::new().llm("ai", "anthropic_native", &upstream.url(), &["k1"]).start().await;
    let socket = TokioIo::new(TcpStream::connect(gateway.address).await.unwrap());
    let (mut sender, connection) =
        http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), socket).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(gateway.url("/llm/ai/v1/messages")).header("x-api-key", PROXY_KEY);
    let mut answer = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
    read_until(answer.body_mut(), "data: one\n\n").await;

    let draining = drain(&mut gateway, SHORT);
    let rest = answer.into_body().collect().await.unwrap().to_bytes();

    let rest = String::from_utf8_lossy(&rest).into_owned();
    assert!(rest.contains("event: error\n") && rest.contains("this server is stopping"), "{rest:?}");
    assert!(draining.await.unwrap() < SHORT + SLACK);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_answer_that_does_not_end_in_time_is_visibly_incomplete() {
    let upstream = stalling().await;
    let mut gateway = Gateway::new().generic("svc", &upstream.url(), &["k1"]).start().await;
    let mut answer = open(gateway.address, Request::get("/proxy/svc/x"), Bytes::new()).await;
    read_until(answer.body_mut(), "data: one\n\n").await;

    let draining = drain(&mut gateway, SHORT);

    assert!(answer.into_body().collect().await.is_err());
    assert!(draining.await.unwrap() < SHORT + SLACK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_and_an_upstream_that_does_not_answer_keep_nobody_waiting() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        if String::from_utf8(read_head(&mut socket).await).unwrap().contains("/silent") {
            return until_closed(&mut socket).await;
        }
        socket.write_all(EVENT_STREAM).await.unwrap();
        while socket.write_all(&chunk([b'x'; 10_000])).await.is_ok() {}
    })
    .await;
    let mut gateway = Gateway::new().generic("svc", &upstream.url(), &["k1"]).start().await;
    let mut clients: Vec<RawClient> = Vec::new();
    for path in ["/proxy/svc/silent", "/proxy/svc/fast"] {
        let mut client = gateway.raw().await;
        client.write(get(path)).await;
        clients.push(client);
    }
    clients[1].read_until("HTTP/1.1 200").await;
    eventually(|| gateway.metrics().active_requests() == 2).await;

    let took = drain(&mut gateway, SHORT).await.unwrap();

    assert!(took >= SHORT && took < SHORT + SLACK, "{took:?}");
    assert_eq!(gateway.records(2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_goes_on_until_it_closes_or_time_is_up() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = socket.split();
        let _ = tokio::io::copy(&mut reading, &mut writing).await;
    })
    .await;
    for (time, closes) in [(LONG, true), (SHORT, false)] {
        let mut gateway = Gateway::new().generic("svc", &upstream.url(), &["k1"]).start().await;
        let mut client = gateway.raw().await;
        let upgrade = "connection: upgrade\r\nupgrade: websocket\r\n\r\n";
        client.write(get("/proxy/svc/x").replace("\r\n\r\n", "\r\n") + upgrade).await;
        client.read_until("\r\n\r\n").await;

        let draining = drain(&mut gateway, time);
        until_refused(gateway.address).await;
        sleep(SHORT / 2).await;
        client.write("still here").await;
        client.read_until("still here").await;
        if closes {
            drop(client);
        }

        let took = timeout(time, draining).await.unwrap_or(Ok(time)).unwrap();
        assert!(if closes { took < LONG } else { took < SHORT + SLACK }, "{took:?}");
    }
}
