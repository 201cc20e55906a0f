//! Another key is tried when that is safe, and only then.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request};
use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rotator_core::record::RequestOutcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{
    Gateway, PROXY_KEY, Running, Upstream,
    client::RawClient,
    eventually,
    tls::self_signed,
    upstream::{RawUpstream, chunk, ok, read_head, status, until_closed},
};

/// Nothing listens there.
const REFUSED: &str = "http://127.0.0.1:1";
const MIB: usize = 1 << 20;

/// Bytes that show when a piece is lost, doubled or moved.
fn body(len: usize) -> Bytes {
    (0..=250).cycle().take(len).collect()
}

/// Refuses the key `bad`.
async fn picky() -> Upstream {
    Upstream::reply(|r| if r.headers["x-key"] == "good" { ok("done") } else { status(429, "slow down") })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_without_a_connection_is_tried_again_with_whatever_key_there_is() {
    let gateway = Gateway::new()
        .generic("default", REFUSED, &["k1"])
        .generic("thrice", REFUSED, &["k1", "k2"])
        .with(|fields| fields.options.max_retries = Some(2))
        .generic("once", REFUSED, &["k1", "k2"])
        .with(|fields| fields.options.max_retries = Some(0))
        .start()
        .await;

    for (slug, attempts) in [("default", 2), ("thrice", 3), ("once", 1)] {
        let answer = gateway.post(&format!("/proxy/{slug}/x"), "body").await;
        assert_eq!(answer.status, 502, "{slug}");
        assert_eq!(answer.header("x-should-retry"), if attempts > 1 { "false" } else { "" }, "{slug}");
    }

    let records = gateway.records(3).await;
    let mut attempts: Vec<_> = records.iter().map(|r| r.attempts).collect();
    attempts.sort_unstable();
    assert_eq!(attempts, [1, 2, 3]);
    assert!(records.iter().all(|r| r.outcome == RequestOutcome::UpstreamFailed && r.status == 502));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_gives_way_to_the_next() {
    for refusal in [401, 403, 429] {
        let upstream = Upstream::reply(move |r| match r.headers["x-key"].to_str() {
            Ok("good") => ok("done"),
            _ => status(refusal, "no"),
        })
        .await;
        let gateway = Gateway::new().generic("svc", &upstream.url(), &["bad", "good"]).start().await;

        for _ in 0..4 {
            let answer = gateway.post("/proxy/svc/x", "body").await;
            assert_eq!((answer.status.as_u16(), answer.text()), (200, "done"));
            assert_eq!(answer.header("x-should-retry"), "");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_tried_twice_and_the_last_answer_passes_through() {
    let upstream = Upstream::reply(|r| status(401, r.headers["x-key"].as_bytes().len().to_string())).await;
    let gateway = Gateway::new()
        .generic("svc", &upstream.url(), &["1", "22", "333"])
        .with(|fields| fields.options.max_attempts = Some(10))
        .start()
        .await;

    let answer = gateway.get("/proxy/svc/x").await;

    let mut keys = upstream.seen("x-key");
    assert_eq!(answer.text(), keys.last().unwrap().len().to_string());
    keys.sort_unstable();
    assert_eq!(keys, ["1", "22", "333"]);
    assert_eq!((answer.status.as_u16(), answer.header("x-should-retry")), (401, "false"));
    assert_eq!(gateway.records(1).await[0].attempts, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn max_attempts_bounds_the_keys_that_are_tried() {
    let upstream = Upstream::reply(|_| status(429, "no")).await;
    let gateway =
        Gateway::new().generic("svc", &upstream.url(), &["k1", "k2", "k3", "k4", "k5"]).start().await;

    let answer = gateway.get("/proxy/svc/x").await;

    assert_eq!((answer.status.as_u16(), answer.header("x-should-retry")), (429, "false"));
    assert_eq!(upstream.received().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_key_cannot_mend_is_passed_on_at_once() {
    for code in [400, 404, 408, 409, 422, 500, 502, 503, 504] {
        let upstream = Upstream::reply(move |_| status(code, "no")).await;
        let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1", "k2"]).start().await;

        let answer = gateway.post("/proxy/svc/x", "body").await;

        assert_eq!((answer.status.as_u16(), answer.header("x-should-retry")), (code, ""));
        assert_eq!(upstream.received().len(), 1, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_within_the_replay_limit_is_sent_again_byte_by_byte() {
    let upstream = picky().await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["bad", "good"]).start().await;

    for len in [0, 1, 64 << 10, MIB - 1, MIB] {
        for sized in [true, false] {
            let received = upstream.received().len();
            let answer = post(&gateway, body(len), sized).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{len} {answer}");
            let received = upstream.received().split_off(received);
            assert!(received.iter().all(|r| r.body == body(len)), "{len}");
            assert!(received.len() <= 2 && received.last().unwrap().headers["x-key"] == "good");
            gateway.reset_keys();
        }
    }

    assert_eq!(upstream.seen("x-key").iter().filter(|key| *key == "bad").count(), 10);
}

/// Sends a body with its length, or in chunks of 10 000 bytes, and gives the answer's head.
async fn post(gateway: &Running, body: Bytes, sized: bool) -> String {
    let framing = if sized {
        format!("content-length: {}", body.len())
    } else {
        "transfer-encoding: chunked".to_owned()
    };
    let head =
        format!("POST /proxy/svc/x HTTP/1.1\r\nhost: a\r\nx-proxy-key: {PROXY_KEY}\r\n{framing}\r\n\r\n");
    let body = if sized {
        body.to_vec()
    } else {
        body.chunks(10_000).flat_map(chunk).chain(*b"0\r\n\r\n").collect()
    };
    let mut client = gateway.raw().await;
    let (mut reading, mut writing) = client.0.split();
    let send = async {
        writing.write_all(head.as_bytes()).await.unwrap();
        // An early refusal may close the connection before everything is sent.
        let _ = writing.write_all(&body).await;
    };
    let receive = async {
        let mut answer = Vec::new();
        while !answer.windows(4).any(|w| w == b"\r\n\r\n") && reading.read_buf(&mut answer).await.unwrap() > 0
        {
        }
        String::from_utf8(answer).unwrap()
    };
    tokio::join!(send, receive).1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_replay_limit_is_sent_once_and_the_refusal_passes() {
    let upstream = Upstream::reply(|_| status(429, "slow down")).await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1", "k2"]).start().await;

    for sized in [true, false] {
        let answer = post(&gateway, body(MIB + 1), sized).await;
        assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
        assert!(!answer.contains("x-should-retry"), "{answer}");
    }

    assert_eq!(upstream.received().len(), 2);
    assert!(upstream.received().iter().all(|r| r.body == body(MIB + 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_was_refused_half_sent_goes_to_the_next_key_whole() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        let mut bytes = read_head(&mut socket).await;
        if contains(&bytes, b"x-key: bad") {
            socket.write_all(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            return until_closed(&mut socket).await;
        }
        while !bytes.ends_with(&body(MIB)[MIB - 1000..]) {
            socket.read_buf(&mut bytes).await.unwrap();
        }
        let whole = contains(&bytes, &body(MIB)).to_string();
        let answer = format!("HTTP/1.1 200 OK\r\nx-whole: {whole}\r\ncontent-length: 0\r\n\r\n");
        socket.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["bad", "good"]).start().await;

    for _ in 0..4 {
        let answer = post(&gateway, body(MIB), true).await;
        assert!(answer.contains("x-whole: true"), "{answer}");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_may_have_been_processed_arrives_once() {
    let arrived = Arc::new(AtomicUsize::new(0));
    let upstream = {
        let arrived = Arc::clone(&arrived);
        RawUpstream::serve(move |mut socket| {
            let arrived = Arc::clone(&arrived);
            async move {
                let request = read_head(&mut socket).await;
                arrived.fetch_add(1, SeqCst);
                if contains(&request, b"/hangs") {
                    until_closed(&mut socket).await;
                }
            }
        })
        .await
    };
    let gateway = Gateway::new()
        .generic("svc", &upstream.url(), &["k1", "k2", "k3"])
        .with(|fields| fields.options.response_timeout_ms = Some(100))
        .generic("once", &upstream.url(), &["k1", "k2", "k3"])
        .with(|fields| fields.options.max_retries = Some(0))
        .start()
        .await;

    for (n, (method, path, code)) in [
        (Method::POST, "/proxy/svc/closes", 502),
        (Method::POST, "/proxy/svc/hangs", 504),
        (Method::PATCH, "/proxy/svc/closes", 502),
        (Method::GET, "/proxy/once/closes", 502),
        // Twice would do no harm, but take as long again.
        (Method::GET, "/proxy/svc/hangs", 504),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = gateway.send(Request::builder().method(method).uri(path), "body").await;
        assert_eq!((answer.status.as_u16(), arrived.load(SeqCst)), (code, n + 1), "{path}");
    }
}

/// Answers the first request of a connection, and reads its second one without an answer.
async fn forgetful(arrived: Arc<AtomicUsize>) -> RawUpstream {
    RawUpstream::serve(move |mut socket| {
        let arrived = Arc::clone(&arrived);
        async move {
            read_head(&mut socket).await;
            arrived.fetch_add(1, SeqCst);
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            if !read_head(&mut socket).await.is_empty() {
                arrived.fetch_add(1, SeqCst);
            }
        }
    })
    .await
}

fn one_worker() -> Gateway {
    Gateway::new().set(|s| s.workers = NonZeroUsize::MIN)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_that_dies_on_a_request_is_replaced_when_repeating_does_no_harm() {
    let arrived = Arc::new(AtomicUsize::new(0));
    let upstream = forgetful(Arc::clone(&arrived)).await;
    let gateway = one_worker().generic("svc", &upstream.url(), &["k1"]).start().await;

    assert_eq!(gateway.get("/proxy/svc/x").await.status, 200);
    assert_eq!(gateway.get("/proxy/svc/x").await.status, 200);
    assert_eq!(arrived.load(SeqCst), 3);
    assert_eq!(gateway.post("/proxy/svc/x", "body").await.status, 502);
    assert_eq!(arrived.load(SeqCst), 4);
    assert!(gateway.records(3).await.iter().all(|r| r.attempts == 1));
}

/// Speaks HTTP/2 over TLS and resets every stream, but keeps the connection.
async fn resetting(arrived: Arc<AtomicUsize>) -> RawUpstream {
    let tls = tokio_rustls::TlsAcceptor::from(self_signed(&["h2"]));
    RawUpstream::serve(move |socket| {
        let (tls, arrived) = (tls.clone(), Arc::clone(&arrived));
        async move {
            let socket = TokioIo::new(tls.accept(socket).await.unwrap());
            let service = service_fn(|_| {
                arrived.fetch_add(1, SeqCst);
                async { Err::<http::Response<http_body_util::Empty<Bytes>>, _>("reset") }
            });
            let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(socket, service).await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_2_upstream_that_resets_every_stream_is_not_asked_for_ever() {
    let arrived = Arc::new(AtomicUsize::new(0));
    let upstream = resetting(Arc::clone(&arrived)).await;
    let url = upstream.url().replace("http:", "https:");
    let gateway = one_worker()
        .generic("svc", &url, &["k1", "k2"])
        .with(|fields| {
            fields.options.accept_invalid_certs = true;
            fields.options.max_retries = Some(0);
        })
        .start()
        .await;

    for method in [Method::GET, Method::GET, Method::POST] {
        let before = arrived.load(SeqCst);
        let is_get = method == Method::GET;
        let answer = gateway.send(Request::builder().method(method).uri("/proxy/svc/x"), "").await;
        assert_eq!(answer.status, 502);
        let sent = arrived.load(SeqCst) - before;
        assert!(if is_get { sent <= 4 } else { sent == 1 }, "sent {sent} times");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_that_has_died_before_is_replaced_for_every_request() {
    let closed = Arc::new(AtomicUsize::new(0));
    let upstream = {
        let closed = Arc::clone(&closed);
        RawUpstream::serve(move |mut socket| {
            let closed = Arc::clone(&closed);
            async move {
                read_head(&mut socket).await;
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
                drop(socket);
                closed.fetch_add(1, SeqCst);
            }
        })
        .await
    };
    let gateway = one_worker().generic("svc", &upstream.url(), &["k1"]).start().await;

    for n in 1..=20 {
        assert_eq!(gateway.post("/proxy/svc/x", "body").await.status, 200);
        eventually(|| closed.load(SeqCst) == n).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_an_active_key_is_unavailable() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let mut gateway =
        Gateway::new().generic("none", &upstream.url(), &[]).generic("off", &upstream.url(), &["k1"]);
    gateway.sources[1].keys[0].is_active = false;
    let gateway = gateway.start().await;

    for path in ["/proxy/none/x", "/proxy/off/x"] {
        let answer = gateway.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-should-retry")), (503, "false"));
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_replay_budget_is_given_back_whatever_becomes_of_a_request() {
    const BUDGET: usize = 64 << 10;
    let upstream = picky().await;
    let gateway = one_worker()
        .set(|s| s.client.replay_budget_bytes = BUDGET)
        .generic("svc", &upstream.url(), &["bad", "good"])
        .generic("gone", REFUSED, &["bad", "good"])
        .start()
        .await;

    for _ in 0..5 {
        assert!(post(&gateway, body(BUDGET), false).await.starts_with("HTTP/1.1 200"));
        post(&gateway, body(4 * BUDGET), false).await;
        gateway.post("/proxy/gone/x", body(BUDGET)).await;
        leave_half_way(gateway.raw().await).await;
        gateway.settle(Duration::from_secs(5)).await;
    }

    // With a part of the budget missing, the body could not be sent to the second key.
    for _ in 0..4 {
        assert!(post(&gateway, body(BUDGET), true).await.starts_with("HTTP/1.1 200"));
    }
}

async fn leave_half_way(mut client: RawClient) {
    let head = format!("POST /proxy/svc/x HTTP/1.1\r\nhost: a\r\nx-proxy-key: {PROXY_KEY}\r\n");
    client.write(head + "content-length: 65536\r\n\r\nbegun").await;
}
