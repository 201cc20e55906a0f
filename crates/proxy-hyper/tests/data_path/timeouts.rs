//! Whoever is too slow is cut off, and the blame falls on whoever was.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rotator_core::record::RequestOutcome;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::support::{
    Gateway, PROXY_KEY, Running, Upstream,
    client::RawClient,
    upstream::{EVENT_STREAM, RawUpstream, chunk, ok, read_head, until_closed},
};

const SHORT: Duration = Duration::from_millis(250);
/// For what must not run out.
const LONG: Duration = Duration::from_mins(1);
const FOREVER_MS: Option<u64> = Some(60_000);
/// A machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(5);

/// Answers every request, after this long.
async fn slow(delay: Duration) -> RawUpstream {
    RawUpstream::serve(move |mut socket| async move {
        while !read_head(&mut socket).await.is_empty() {
            sleep(delay).await;
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
    })
    .await
}

/// Reads until the other side closes, which must happen after about `time`, and gives what came.
async fn closes_after(client: &mut RawClient, time: Duration) -> String {
    let start = Instant::now();
    let text = client.read_to_end().await;
    let passed = start.elapsed();
    assert!(passed + Duration::from_millis(50) >= time && passed < time + SLACK, "closed after {passed:?}");
    text
}

/// A gateway where every time-out of a client is long but for those that are set.
async fn patient(upstream: &str, set: impl FnOnce(&mut proxy_hyper::ClientLimits)) -> Running {
    Gateway::new()
        .set(|s| {
            let limits = &mut s.client;
            (limits.head_timeout, limits.idle_timeout, limits.body_timeout) = (LONG, LONG, LONG);
            set(limits);
        })
        .generic("svc", upstream, &["k1", "k2"])
        .start()
        .await
}

fn head(method: &str, more: &str) -> String {
    format!("{method} /proxy/svc/x HTTP/1.1\r\nhost: a\r\nx-proxy-key: {PROXY_KEY}\r\n{more}\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_request_is_closed_after_the_head_timeout() {
    let gateway = patient("http://127.0.0.1:1", |limits| limits.head_timeout = SHORT).await;

    let mut silent = gateway.raw().await;
    assert_eq!(closes_after(&mut silent, SHORT).await, "");

    let mut begun = gateway.raw().await;
    begun.write("GET /proxy").await;
    closes_after(&mut begun, SHORT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_drips_is_cut_after_the_head_timeout() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let gateway = patient(&upstream.url(), |limits| limits.head_timeout = 2 * SHORT).await;

    for served_before in [false, true] {
        let mut client = gateway.raw().await;
        if served_before {
            client.write(head("GET", "")).await;
            client.read_until("hi").await;
        }
        let start = Instant::now();
        for byte in head("GET", "").bytes().cycle() {
            if client.0.write_all(&[byte]).await.is_err() || start.elapsed() > SLACK {
                break;
            }
            sleep(SHORT / 10).await;
        }
        assert!(start.elapsed() < SLACK, "it may drip for ever");
    }
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_kept_for_the_idle_timeout() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let gateway = patient(&upstream.url(), |limits| limits.idle_timeout = SHORT).await;
    let mut client = gateway.raw().await;

    for _ in 0..2 {
        client.write(head("GET", "")).await;
        client.read_until("hi").await;
        sleep(SHORT / 2).await;
    }

    closes_after(&mut client, SHORT / 2).await;
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_2_connection_is_kept_for_the_idle_timeout_whatever_its_pings() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let gateway = patient(&upstream.url(), |limits| {
        limits.head_timeout = SHORT;
        limits.idle_timeout = 4 * SHORT;
    })
    .await;
    let socket = TokioIo::new(TcpStream::connect(gateway.address).await.unwrap());
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(SHORT / 5)
        .keep_alive_while_idle(true)
        .handshake::<_, Empty<Bytes>>(socket)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);

    for _ in 0..2 {
        let request = Request::get(gateway.url("/proxy/svc/x")).header("x-proxy-key", PROXY_KEY);
        let answer = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        sleep(2 * SHORT).await;
    }

    let closed = tokio::time::timeout(2 * SHORT + SLACK, connection).await;
    assert!(closed.is_ok(), "it is kept for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stalls_in_its_body_is_told_so_and_no_key_is_blamed() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let gateway = Gateway::new()
        .set(|s| {
            s.client.body_timeout = SHORT;
            s.upstream.generic_response_timeout = SHORT / 2;
        })
        .generic("svc", &upstream.url(), &["k1", "k2"])
        .start()
        .await;

    for framing in ["content-length: 10\r\n", "transfer-encoding: chunked\r\n"] {
        let mut client = gateway.raw().await;
        client.write(head("POST", framing) + "5\r\nbegun").await;
        let answer = closes_after(&mut client, SHORT).await;
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"), "{answer}");
    }

    assert!(upstream.received().is_empty());
    assert!(gateway.routes.take_usage().await.is_empty());
    assert!(gateway.records(2).await.iter().all(|r| r.outcome == RequestOutcome::Refused && r.attempts == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_slow_but_moves_is_not_cut_by_the_response_timeout() {
    let upstream = Upstream::reply(|r| ok(r.body.clone())).await;
    let gateway = Gateway::new()
        .set(|s| s.upstream.generic_response_timeout = SHORT / 5)
        .generic("svc", &upstream.url(), &["k1"])
        .start()
        .await;

    let mut client = gateway.raw().await;
    client.write(head("POST", "transfer-encoding: chunked\r\n")).await;
    for piece in ["one", "two", "three", "four"] {
        sleep(SHORT / 2).await;
        client.write(chunk(piece)).await;
    }
    client.write("0\r\n\r\n").await;

    let answer = client.read_until("four").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("onetwothreefour"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_has_its_own_time_for_an_answer() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        let is_bad = String::from_utf8(read_head(&mut socket).await).unwrap().contains("x-key: k1");
        sleep(2 * SHORT).await;
        let status = if is_bad { "429 Wait" } else { "200 OK" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        socket.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let gateway = Gateway::new()
        .set(|s| s.upstream.generic_response_timeout = 3 * SHORT)
        .generic("svc", &upstream.url(), &["k1", "k2"])
        .start()
        .await;

    assert_eq!(gateway.get("/proxy/svc/x").await.status, 200);
    assert_eq!(gateway.records(1).await[0].attempts, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_does_not_take_the_body_times_out() {
    let upstream = RawUpstream::serve(|socket| async move {
        sleep(LONG).await;
        drop(socket);
    })
    .await;
    let gateway = Gateway::new()
        .set(|s| s.upstream.generic_response_timeout = SHORT)
        .generic("svc", &upstream.url(), &["k1"])
        .start()
        .await;

    let answer = gateway.post("/proxy/svc/x", vec![b'x'; 40 << 20]).await;

    assert_eq!(answer.status, 504);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_service_has_its_response_timeout_and_a_config_may_have_its_own() {
    let upstream = slow(2 * SHORT).await;
    let url = upstream.url();
    let gateway = Gateway::new()
        .set(|s| {
            s.upstream.generic_response_timeout = SHORT;
            s.upstream.llm_response_timeout = LONG;
        })
        .generic("rest", &url, &["k1"])
        .generic("rest-slow", &url, &["k1"])
        .with(|fields| fields.options.response_timeout_ms = FOREVER_MS)
        .llm("ai", "openai_compatible", &url, &["k1"])
        .llm("ai-fast", "openai_compatible", &url, &["k1"])
        .with(|fields| fields.options.response_timeout_ms = Some(100))
        .start()
        .await;

    for (path, status) in
        [("/proxy/rest", 504), ("/proxy/rest-slow", 200), ("/llm/ai/v1/x", 200), ("/llm/ai-fast/v1/x", 504)]
    {
        assert_eq!(gateway.post(path, "{}").await.status, status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_may_have_its_own_idle_timeout() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        socket.write_all(&[EVENT_STREAM, &chunk("data: 1\n\n")].concat()).await.unwrap();
        sleep(2 * SHORT).await;
        let _ = socket.write_all(b"0\r\n\r\n").await;
    })
    .await;
    let gateway = Gateway::new()
        .set(|s| s.upstream.body_timeout = SHORT)
        .generic("short", &upstream.url(), &["k1"])
        .generic("long", &upstream.url(), &["k1"])
        .with(|fields| fields.options.idle_timeout_ms = FOREVER_MS)
        .start()
        .await;

    assert!(!gateway.get("/proxy/short").await.is_whole);
    assert!(gateway.get("/proxy/long").await.is_whole);
}

/// A listener whose queue of connections is full, so that connecting to it takes for ever.
fn overrun() -> (String, Vec<Socket>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any_port: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&SockAddr::from(any_port)).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("http://{}", address.as_socket().unwrap());
    let mut sockets = vec![listener];
    for _ in 0..4 {
        let waiting = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        waiting.set_nonblocking(true).unwrap();
        let _ = waiting.connect(&address);
        sockets.push(waiting);
    }
    (url, sockets)
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_has_its_timeout_with_the_tls_handshake_in_it() {
    let (full, _sockets) = overrun();
    let silent = RawUpstream::serve(|mut socket| async move { until_closed(&mut socket).await }).await;
    let gateway = Gateway::new()
        .set(|s| s.upstream.connect_timeout = SHORT)
        .generic("full", &full, &["k1"])
        .generic("silent", &silent.url().replace("http:", "https:"), &["k1"])
        .generic("impatient", &full, &["k1"])
        .with(|fields| fields.options.connect_timeout_ms = Some(50))
        .start()
        .await;

    for (slug, at_least) in [("full", SHORT), ("silent", SHORT), ("impatient", SHORT / 5)] {
        let start = Instant::now();
        let answer = gateway.send(Request::get(format!("/proxy/{slug}")), "").await;
        let passed = start.elapsed();
        assert_eq!((answer.status.as_u16(), answer.json()["status"].as_u64()), (504, Some(504)), "{slug}");
        assert!(passed >= at_least && passed < at_least + SLACK, "{slug} {passed:?}");
    }
}
