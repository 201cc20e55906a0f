//! Requests that two servers could read in two ways are refused; what belongs to one connection goes no further.

use crate::support::{Gateway, PROXY_KEY, Running, Upstream, upstream::ok};

async fn gateway() -> (Upstream, Running) {
    let upstream = Upstream::reply(|_| ok("hello")).await;
    let gateway =
        Gateway::new().generic("svc", &format!("{}/base", upstream.url()), &["up-key"]).start().await;
    (upstream, gateway)
}

/// Sends a request head and body as they stand, but for the proxy key, and gives the status line.
async fn status_of(gateway: &Running, request: &str) -> String {
    let request = request.replace("KEY", &format!("X-Proxy-Key: {PROXY_KEY}"));
    let answer = gateway.raw().await.exchange(request).await;
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_framing_is_refused_and_reaches_no_upstream() {
    let (upstream, gateway) = gateway().await;

    for request in [
        "POST /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\nTransfer-Encoding: chunked\r\ncontent-LENGTH: 5\r\n\r\n0\r\n\r\n",
        "POST /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /proxy/svc/x HTTP/1.0\r\nHost: a\r\nKEY\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\nContent-Length: 3,\r\n\r\nabc",
        "POST /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "GET /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\nX : y\r\n\r\n",
        "GET /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\nX: y\r\n folded\r\n\r\n",
        "GET /proxy/svc/x HTTP/1.1\r\nKEY\r\n\r\n",
        "GET /proxy/svc/x HTTP/1.1\r\nHost: a\r\nHost: b\r\nKEY\r\n\r\n",
        "GET /proxy/svc/x HTTP/1.1\r\nHost: a/b@c\r\nKEY\r\n\r\n",
        "GET /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ] {
        let status = status_of(&gateway, request).await;
        assert!(
            status.starts_with("HTTP/1.1 400") || status.starts_with("HTTP/1.0 400"),
            "{status:?}: {request:?}"
        );
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_and_trace_open_nothing() {
    let (upstream, gateway) = gateway().await;

    for request in [
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nKEY\r\n\r\n",
        "TRACE /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n",
    ] {
        let status = status_of(&gateway, request).await;
        assert!(status.starts_with("HTTP/1.1 405"), "{status:?}");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_content_length_twice_is_one_request() {
    let (upstream, gateway) = gateway().await;
    let request = "POST /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\nConnection: close\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc";

    assert_eq!(status_of(&gateway, request).await, "HTTP/1.1 200 OK");
    let received = upstream.received();
    assert_eq!((received.len(), received[0].body.as_ref()), (1, &b"abc"[..]));
    assert_eq!(received[0].headers.get_all("content-length").iter().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_destination_is_the_config_s_alone() {
    let (upstream, gateway) = gateway().await;
    let request = "GET http://evil.example/proxy/svc/x?a=1 HTTP/1.1\r\nHost: evil.example\r\nKEY\r\nConnection: close\r\n\
                   X-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n\r\n";

    assert_eq!(status_of(&gateway, request).await, "HTTP/1.1 200 OK");
    let received = &upstream.received()[0];
    assert_eq!(received.uri, "/base/x?a=1");
    assert_eq!(received.headers["host"], upstream.address.to_string().as_str());
    assert!(!format!("{:?}", received.headers).contains("evil"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_one_connection_goes_no_further_and_the_key_arrives_once() {
    let (upstream, gateway) = gateway().await;
    let request = "GET /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\nConnection: close, x-one\r\nConnection: x-key, X-Two\r\nX-One: 1\r\n\
                   X-Two: 2\r\nX-Key: mine\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\nProxy-Authorization: Basic eA==\r\nTE: trailers\r\n\
                   Trailer: x\r\nX-Stays: a\r\nX-Stays: b\r\n\r\n";

    assert_eq!(status_of(&gateway, request).await, "HTTP/1.1 200 OK");
    let received = &upstream.received()[0];
    let names: Vec<_> = received.headers.keys().map(http::HeaderName::as_str).collect();
    assert!(names.iter().all(|name| matches!(*name, "x-stays" | "x-key" | "host")), "{names:?}");
    assert_eq!(upstream.seen("x-key"), ["up-key"]);
    assert_eq!(upstream.seen("x-stays"), ["a", "b"]);
    assert!(!format!("{received:?}").contains(PROXY_KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_could_leave_its_base_reaches_no_upstream() {
    let (upstream, gateway) = gateway().await;

    for path in [
        "/..",
        "/../x",
        "/%2e%2e/x",
        "/.%2e/x",
        "/..%2f..%2fadmin",
        "/%5c..",
        "//evil.example/",
        "/..;/x",
        "/a%00",
    ] {
        let status = status_of(
            &gateway,
            &format!("GET /proxy/svc{path} HTTP/1.1\r\nHost: a\r\nKEY\r\nConnection: close\r\n\r\n"),
        )
        .await;
        assert!(status.starts_with("HTTP/1.1 400"), "{path}: {status:?}");
    }
    for path in ["/%70roxy/svc/x", "//proxy/svc/x", "/PROXY/svc/x", "/proxy"] {
        let answer = gateway.get(path).await;
        assert!(answer.text().starts_with("control "), "{path}: {}", answer.text());
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_after_an_early_answer_are_never_a_request() {
    let (upstream, gateway) = gateway().await;
    let smuggled = format!("GET /proxy/svc/smuggled HTTP/1.1\r\nHost: a\r\nX-Proxy-Key: {PROXY_KEY}\r\n\r\n");
    let request =
        format!("POST /proxy/svc/x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{smuggled}");

    let answer = gateway.raw().await.exchange(request).await;

    assert!(answer.starts_with("HTTP/1.1 401"), "{answer:?}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer:?}");
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_not_asked_for_before_the_proxy_key_was_checked() {
    let (_upstream, gateway) = gateway().await;
    let request =
        "POST /proxy/svc/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";

    assert!(status_of(&gateway, request).await.starts_with("HTTP/1.1 401"));

    let mut client = gateway.raw().await;
    client.write(request.replace("Host: a", &format!("Host: a\r\nX-Proxy-Key: {PROXY_KEY}"))).await;
    client.read_until("100 Continue").await;
    client.write("abc").await;
    client.read_until("hello").await;
}
