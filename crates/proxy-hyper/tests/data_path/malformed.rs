//! Requests that are no HTTP, or that two servers could read in two ways: the first byte that is wrong ends them.

use crate::support::{Gateway, PROXY_KEY, Running, Upstream, upstream::ok};

/// A service whose base path shows in what arrives.
async fn gateway() -> (Upstream, Running) {
    let upstream = Upstream::reply(|_| ok("hello")).await;
    let base = format!("{}/base", upstream.url());
    let gateway =
        Gateway::new().generic("svc", &base, &["up-key"]).llm("ai", "openai_compatible", &base, &["up-key"]);
    (upstream, gateway.start().await)
}

/// Sends these bytes, with the proxy key for `KEY`, and another request behind them; gives all that comes back.
async fn answers(gateway: &Running, request: &[u8]) -> String {
    const NEXT: &str = "GET /proxy/svc/smuggled HTTP/1.1\r\nHost: a\r\nKEY\r\nConnection: close\r\n\r\n";
    let key = format!("X-Proxy-Key: {PROXY_KEY}");
    let place = request.windows(3).position(|three| three == b"KEY");
    let request = match place {
        Some(place) => [&request[..place], key.as_bytes(), &request[place + 3..]].concat(),
        None => request.to_vec(),
    };
    let bytes = [&request, NEXT.replace("KEY", &key).as_bytes()].concat();
    gateway.raw().await.exchange(bytes).await
}

/// Checks that a request is answered once, with one of these statuses, and that the connection is closed after it.
async fn assert_refused(gateway: &Running, request: &[u8], statuses: &[&str]) {
    let answer = answers(gateway, request).await;
    let shown = String::from_utf8_lossy(request);
    let status = answer.get(9..12).unwrap_or_default();
    assert!(statuses.contains(&status), "{shown:?}: {answer}");
    assert_eq!(answer.matches("HTTP/1.").count(), 1, "{shown:?}: {answer}");
    assert!(!answer.contains(PROXY_KEY) && !answer.contains("up-key"), "{shown:?}: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_whose_length_is_in_doubt_ends_the_connection() {
    let (upstream, gateway) = gateway().await;

    for framing in [
        "Content-Length: ",
        "Content-Length: 3,",
        "Content-Length: 3, 3",
        "Content-Length: +3",
        "Content-Length: -3",
        "Content-Length: 0x3",
        "Content-Length: 3 3",
        "Content-Length: 18446744073709551616",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;a=b",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding:\r\nContent-Length: 3",
    ] {
        let request = format!("POST /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\n{framing}\r\n\r\n0\r\n\r\n");
        assert_refused(&gateway, request.as_bytes(), &["400"]).await;
    }
    let old = b"POST /proxy/svc/x HTTP/1.0\r\nHost: a\r\nKEY\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_refused(&gateway, old, &["400"]).await;
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_that_is_none_never_ends_a_body() {
    let (upstream, gateway) = gateway().await;

    for body in [
        "zz\r\n",
        "-1\r\n",
        "0x1\r\na\r\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "1;\n\r\na\r\n0\r\n\r\n",
        "\r\n",
    ] {
        let head = "POST /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_refused(&gateway, format!("{head}{body}").as_bytes(), &["400"]).await;
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_no_header_ends_the_connection() {
    let (upstream, gateway) = gateway().await;

    for line in [
        &b"X : y"[..],
        b" X: y",
        b"X: y\r\n folded",
        b"X: y\r\n\tfolded",
        b"X: a\rb",
        b"X: a\rY: b",
        b"X: a\0b",
        b"X\0: a",
        b": nameless",
        b"no colon",
        b"X\x7f: a",
        b"X Y: a",
        b"X: a\x01b",
        "\u{fc}: a".as_bytes(),
    ] {
        let request = [b"GET /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\n", line, b"\r\n\r\n"].concat();
        assert_refused(&gateway, &request, &["400"]).await;
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_names_exactly_one_valid_host() {
    let (upstream, gateway) = gateway().await;

    for hosts in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nhost: b\r\n",
        "Host: a/b@c\r\n",
        "Host: user@a\r\n",
        "Host: a b\r\n",
        "Host: a?b\r\n",
        "Host: a#b\r\n",
        "Host: a\\b\r\n",
        "Host: <a>\r\n",
        "Host: \u{fc}\r\n",
    ] {
        for target in ["/proxy/svc/x", "http://a/proxy/svc/x"] {
            let request = format!("GET {target} HTTP/1.1\r\n{hosts}KEY\r\n\r\n");
            assert_refused(&gateway, request.as_bytes(), &["400"]).await;
        }
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_host_a_request_names_the_upstream_gets_its_own() {
    let (upstream, gateway) = gateway().await;

    for (target, host) in [
        ("/proxy/svc/x", "evil.example"),
        ("/proxy/svc/x", "127.0.0.1:1"),
        ("/proxy/svc/x", ""),
        ("http://evil.example/proxy/svc/x", "evil.example"),
        ("http://evil.example/proxy/svc/x", "other.example"),
        ("https://evil.example:1/proxy/svc/x", "a"),
        ("HTTP://EVIL.example/proxy/svc/x", "a"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nKEY\r\nConnection: close\r\n\r\n");
        let answer = answers(&gateway, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{target} {host}: {answer}");
    }
    for received in upstream.received() {
        assert_eq!(received.uri, "/base/x");
        assert_eq!(received.headers.get_all("host").iter().count(), 1);
        assert_eq!(received.headers["host"], upstream.address.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_for_something_else_than_http_1_or_a_path_gets_nothing() {
    let (upstream, gateway) = gateway().await;

    for (request, statuses) in [
        ("CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nKEY\r\n\r\n", &["405"][..]),
        ("CONNECT /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", &["400", "405"]),
        ("TRACE /proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", &["405"]),
        ("TRACE /llm/ai/x HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", &["405"]),
        ("GET evil.example:443 HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", &["400"]),
        ("GET proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", &["400"]),
        ("GET http:///proxy/svc/x HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", &["400"]),
        ("GET /proxy/svc/x HTTP/1.2\r\nHost: a\r\nKEY\r\n\r\n", &["400", "505"]),
        ("GET /proxy/svc/x HTTP/2.0\r\nHost: a\r\nKEY\r\n\r\n", &["400", "505"]),
        ("GET /proxy/svc/x HTTP/0.9\r\nHost: a\r\nKEY\r\n\r\n", &["400", "505"]),
        ("GET /proxy/svc/x http/1.1\r\nHost: a\r\nKEY\r\n\r\n", &["400"]),
        ("GET /proxy/svc/x\r\nHost: a\r\nKEY\r\n\r\n", &["400"]),
        ("GET /proxy/svc/a b HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", &["400"]),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03\r\n\r\n", &["400"]),
    ] {
        assert_refused(&gateway, request.as_bytes(), statuses).await;
    }
    for request in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI /proxy/svc/x HTTP/2.0\r\nHost: a\r\nKEY\r\n\r\n"]
    {
        // What begins as HTTP/2 and goes on otherwise is not even answered in HTTP/1.1.
        let answer = answers(&gateway, request.as_bytes()).await;
        assert!(!answer.contains("HTTP/1.1") && !answer.contains("hello"), "{answer:?}");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_target_is_refused_or_arrives_once_as_it_is() {
    let (upstream, gateway) = gateway().await;

    for (line, status, arrives) in [
        ("GET /proxy/svc/x HTTP/1.1\nHost: a\nKEY\nConnection: close\n\n", "200", Some("/base/x")),
        (
            "GET /proxy/svc/x#fragment HTTP/1.1\r\nHost: a\r\nKEY\r\nConnection: close\r\n\r\n",
            "200",
            Some("/base/x"),
        ),
        (
            "GET /proxy/svc/\u{fc} HTTP/1.1\r\nHost: a\r\nKEY\r\nConnection: close\r\n\r\n",
            "200",
            Some("/base/\u{fc}"),
        ),
        ("GET /proxy/svc/a\\b HTTP/1.1\r\nHost: a\r\nKEY\r\nConnection: close\r\n\r\n", "400", None),
        ("GET \\proxy\\svc\\x HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", "400", None),
        ("GET /proxy/svc/\x7f HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", "400", None),
        ("GET /proxy/svc/\0 HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", "400", None),
    ] {
        let before = upstream.received().len();
        let answer = answers(&gateway, line.as_bytes()).await;
        assert_eq!(answer.get(9..12), Some(status), "{line:?}: {answer}");
        let arrived: Vec<_> = upstream.received()[before..].iter().map(|r| r.uri.to_string()).collect();
        assert_eq!(arrived, arrives.into_iter().collect::<Vec<_>>(), "{line:?}");
    }
}
