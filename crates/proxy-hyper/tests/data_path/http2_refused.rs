//! What a client may not do over HTTP/2.

use http::Request;

use crate::support::{
    Gateway, PROXY_KEY, Running, Upstream,
    client::PATIENCE,
    h2::{ENHANCE_YOUR_CALM, Fate, H2Client, RawH2},
    upstream::{RawUpstream, ok, until_closed},
};

/// A service before this upstream.
async fn gateway(url: &str) -> Running {
    Gateway::new().generic("svc", url, &["up-key"]).start().await
}

/// The fields of a good request, and one more.
fn fields<'a>(extra: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let good = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/proxy/svc/x"),
        ("x-proxy-key", PROXY_KEY),
    ];
    [&good, extra].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_belong_to_http_1_connections_reach_no_upstream() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let gateway = gateway(&upstream.url()).await;
    let mut raw = RawH2::connect(gateway.address).await;
    raw.headers(1, &fields(&[]), true).await.unwrap();
    assert_eq!(raw.fate(1).await, Fate::Answered);

    for bad in [
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("keep-alive", "5"),
        ("te", "gzip"),
        ("X-Upper", "1"),
        (":late", "1"),
        ("x-crlf", "a\r\nx-key: mine"),
    ] {
        let mut raw = RawH2::connect(gateway.address).await;
        raw.headers(1, &fields(&[bad]), true).await.unwrap();
        let fate = raw.fate(1).await;
        assert!(matches!(fate, Fate::Reset | Fate::GoAway(1)), "{bad:?}: {fate:?}");
    }
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_as_long_as_announced_is_never_a_request() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let gateway = gateway(&upstream.url()).await;
    let client = H2Client::connect(gateway.address).await;

    for (announced, data) in [("5", "abc"), ("2", "abc"), ("5", "")] {
        let mut raw = RawH2::connect(gateway.address).await;
        raw.headers(1, &fields(&[("content-length", announced)]), false).await.unwrap();
        raw.data(1, data.as_bytes(), true).await.unwrap();
        assert_eq!(raw.fate(1).await, Fate::Reset, "{announced} {data:?}");
    }

    gateway.settle(PATIENCE).await;
    assert!(upstream.received().is_empty());
    assert_eq!(client.get("/proxy/svc/x").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_key_or_a_path_is_refused_and_its_neighbours_are_not() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let gateway = gateway(&upstream.url()).await;
    let client = H2Client::connect(gateway.address).await;
    let without_key = Request::get(client.request("GET", "/proxy/svc/x").uri_ref().unwrap().clone());
    let connect = Request::connect("example.com:443").header("x-proxy-key", PROXY_KEY);

    for (request, status) in
        [(without_key, 401), (connect, 405), (client.request("GET", "/proxy/svc/../x"), 400)]
    {
        let answer = client.send(request.body(ok("").into_body()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status);
    }

    assert!(upstream.received().is_empty());
    assert_eq!(client.get("/proxy/svc/x").await, (200, "hi".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_resets_all_it_begins_is_sent_away() {
    let upstream = RawUpstream::serve(|mut socket| async move { until_closed(&mut socket).await }).await;
    let gateway = gateway(&upstream.url()).await;
    let mut raw = RawH2::connect(gateway.address).await;

    for stream in (1..4000).step_by(2) {
        let sent = raw.headers(stream, &fields(&[]), true).await;
        if sent.is_err() || raw.reset(stream).await.is_err() {
            break;
        }
    }

    let fate = raw.fate(4001).await;
    assert!(matches!(fate, Fate::GoAway(ENHANCE_YOUR_CALM) | Fate::Closed), "{fate:?}");
    gateway.settle(PATIENCE).await;
}
