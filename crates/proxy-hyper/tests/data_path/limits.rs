//! What is too large is refused before it costs anything; what is only odd passes untouched.

use std::num::NonZeroUsize;

use bytes::Bytes;
use http::Request;
use proxy_hyper::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{
    Gateway, PROXY_KEY, Upstream,
    upstream::{Body, Received, chunk, ok},
};

const MIB: u64 = 1 << 20;

fn echo(request: &Received) -> http::Response<Body> {
    ok(request.body.clone())
}

fn post(path: &str, key: &str, framing: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: a\r\nx-proxy-key: {key}\r\n{framing}\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_announces_too_many_bytes_is_refused_at_once() {
    let upstream = Upstream::reply(echo).await;
    let gateway = Gateway::new()
        .generic("svc", &upstream.url(), &["k1"])
        .generic("small", &upstream.url(), &["k1"])
        .with(|fields| fields.options.max_body_bytes = Some(10))
        .start()
        .await;

    for (path, length) in
        [("/proxy/svc/x", 50 * MIB + 1), ("/proxy/svc/x", u64::MAX / 2), ("/proxy/small/x", 11)]
    {
        let head = post(path, PROXY_KEY, &format!("content-length: {length}"));
        let answer = gateway.raw().await.exchange(head).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{length} {answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_exactly_the_limit_passes() {
    let upstream = Upstream::reply(echo).await;
    let gateway = Gateway::new()
        .generic("small", &upstream.url(), &["k1"])
        .with(|fields| fields.options.max_body_bytes = Some(10))
        .start()
        .await;

    assert_eq!(gateway.post("/proxy/small/x", "0123456789").await.text(), "0123456789");
    assert_eq!(gateway.post("/proxy/small/x", "0123456789a").await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_that_grows_too_large_never_ends_cleanly_upstream() {
    let upstream = Upstream::reply(echo).await;
    let gateway = Gateway::new()
        .set(|s| s.client.max_body_bytes = 64 << 10)
        .generic("svc", &upstream.url(), &["k1", "k2"])
        .start()
        .await;

    let body: Vec<u8> = (0..20).flat_map(|_| chunk([b'x'; 4 << 10])).chain(*b"0\r\n\r\n").collect();
    let request = [post("/proxy/svc/x", PROXY_KEY, "transfer-encoding: chunked").as_bytes(), &body].concat();
    let answer = gateway.raw().await.exchange(request).await;

    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(upstream.received().is_empty());
    let record = &gateway.records(1).await[0];
    assert_eq!((record.status, record.attempts), (413, 1));
    assert!(gateway.routes.take_usage().await.is_empty(), "a key is not to blame for its client");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_target_has_16_kib() {
    let upstream = Upstream::reply(echo).await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1"]).start().await;
    let target = |length: usize| format!("{:a<length$}", "/proxy/svc/?");

    assert_eq!(gateway.get(&target(16 << 10)).await.status, 200);
    assert_eq!(gateway.get(&target((16 << 10) + 1)).await.status, 414);
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_32_kib_and_100_fields() {
    let upstream = Upstream::reply(echo).await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1"]).start().await;
    let head = |fields: String| {
        format!(
            "GET /proxy/svc/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-proxy-key: {PROXY_KEY}\r\n{fields}\r\n"
        )
    };
    let long = |length: usize| head(format!("x-long: {}\r\n", "x".repeat(length)));
    let many = |count: usize| head("x-many: 1\r\n".repeat(count));

    for (request, status) in [(long(31 << 10), 200), (long(33 << 10), 431), (many(97), 200), (many(98), 431)]
    {
        let answer = gateway.raw().await.exchange(request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status} {answer}");
    }
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_body_passes_untouched() {
    let upstream = Upstream::reply(echo).await;
    let gateway = Gateway::new()
        .llm("ai", "openai_compatible", &upstream.url(), &["k1", "k2"])
        .with(|fields| fields.strategy = Some("sticky".into()))
        .start()
        .await;

    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let wide = r#""k":0,"#.repeat(100_000);
    for body in [
        Bytes::from(format!("{{\"messages\":{deep}}}")),
        format!("{{\"messages\":[{deep}]}}").into(),
        format!("{{{wide}\"z\":1}}").into(),
        r#"{"messages":[{"role":"user","content":"\ud800"}],"messages":1}"#.into(),
        Bytes::from_static(b"{\"messages\":[\"\xff\xfe\"]}"),
        r#"{"messages":[],"n":1e99999}"#.into(),
        Bytes::from_static(b"\0\x01\x02"),
        Bytes::new(),
    ] {
        let answer = gateway.post("/llm/ai/v1/chat/completions", body.clone()).await;
        assert!(
            answer.status == 200 && answer.body == body,
            "{}",
            String::from_utf8_lossy(&body[..body.len().min(80)])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_bodies_are_carried_and_never_unpacked() {
    // Only a reader that unpacks would notice that this is no gzip at all.
    const PACKED: &[u8] = b"\x1f\x8b\x08 not gzip";
    let upstream = Upstream::reply(|r| {
        let mut answer = echo(r);
        answer.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        answer
    })
    .await;
    let gateway = Gateway::new().llm("ai", "openai_compatible", &upstream.url(), &["k1"]).start().await;

    let request = Request::post("/llm/ai/v1/x").header("content-encoding", "gzip");
    let answer = gateway.send(request, PACKED).await;

    assert_eq!((answer.header("content-encoding"), &answer.body[..]), ("gzip", PACKED));
    assert_eq!(upstream.received()[0].body, PACKED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_valid_key_or_service_is_not_read() {
    let upstream = Upstream::reply(echo).await;
    let gateway = Gateway::new()
        .generic("svc", &upstream.url(), &["k1"])
        .with(|fields| fields.method = Some("GET".into()))
        .start()
        .await;

    for (path, key, status) in
        [("/proxy/svc/x", "wrong", 401), ("/proxy/nope/x", PROXY_KEY, 404), ("/proxy/svc/x", PROXY_KEY, 405)]
    {
        let mut client = gateway.raw().await;
        client.write(post(path, key, &format!("content-length: {}", 50 * MIB))).await;
        let (mut reading, mut writing) = client.0.split();
        let upload = async {
            let mut taken = 0;
            while let Ok(n @ 1..) = writing.write(&[b'x'; 16 << 10]).await {
                taken += n as u64;
            }
            taken
        };
        let mut answer = Vec::new();
        let (taken, _) = tokio::join!(upload, reading.read_to_end(&mut answer));

        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        // What the sockets of both sides hold, and little more.
        assert!(taken < 8 * MIB, "{taken} bytes were taken");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_asked_for_only_after_the_key_was_checked() {
    let upstream = Upstream::reply(echo).await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1"]).start().await;
    let framing = "content-length: 4\r\nexpect: 100-continue";

    let refused = gateway.raw().await.exchange(post("/proxy/svc/x", "wrong", framing)).await;
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");

    let mut client = gateway.raw().await;
    client.write(post("/proxy/svc/x", PROXY_KEY, framing)).await;
    assert!(client.read_until("\r\n\r\n").await.starts_with("HTTP/1.1 100 "));
    client.write("body").await;
    assert!(client.read_until("body").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_log_that_stands_still_holds_nobody_up_and_what_it_misses_is_counted() {
    let upstream = Upstream::reply(echo).await;
    let one_worker = |settings: &mut Settings| settings.workers = NonZeroUsize::MIN;
    let gateway =
        Gateway::new().set(one_worker).batches(1).generic("svc", &upstream.url(), &["k1"]).start().await;

    // Batches of 256 are handed over, and nobody takes them.
    for _ in 0..3 * 256 {
        assert_eq!(gateway.get("/proxy/svc/x").await.status, 200);
    }

    assert!(gateway.proxy.as_ref().unwrap().metrics().records_dropped() > 0);
}
