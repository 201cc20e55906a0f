//! What the client sent is what the API got, and the other way round.

use bytes::Bytes;
use http::Request;
use rotator_core::record::RequestOutcome;
use tokio::io::AsyncWriteExt;

use crate::support::{
    Gateway, PROXY_KEY, Upstream,
    upstream::{RawUpstream, ok, read_head, status},
};

/// Bytes that no text encoding would survive.
fn bytes(len: usize) -> Bytes {
    (0..len).map(|n| u8::try_from((n * 31 + n / 251) % 256).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn path_query_and_repeated_headers_arrive_byte_by_byte() {
    let upstream = Upstream::reply(|_| ok("x")).await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k"]).start().await;
    let path = "/a%20b//c;p=1/%7E~/$&'()*+,=:@?q=%2F&q=a+b&&empty=&=x&%E4%BD%A0";

    let request = Request::builder().method("PATCH").uri(format!("/proxy/svc{path}"));
    let request = request.header("x-multi", "1").header("x-multi", "2").header("x-multi", "1");
    let answer = gateway.send(request.header("x-high", &b"caf\xe9"[..]), "").await;

    assert_eq!(answer.status, 200);
    let received = &upstream.received()[0];
    assert_eq!((received.method.as_str(), received.uri.to_string().as_str()), ("PATCH", path));
    assert_eq!(upstream.seen("x-multi"), ["1", "2", "1"]);
    assert_eq!(received.headers["x-high"].as_bytes(), b"caf\xe9");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_any_size_pass_unchanged_both_ways() {
    let upstream = Upstream::reply(|received| ok(received.body.clone())).await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k"]).start().await;

    for len in [0, 1, 1023, 65_536, 1 << 20, (1 << 20) + 1, 8 << 20] {
        let body = bytes(len);
        let answer = gateway.post("/proxy/svc/echo", body.clone()).await;
        assert!(answer.status == 200 && answer.is_whole, "{len}");
        assert!(answer.body == body, "{len}");
    }
    assert!(upstream.received().iter().all(|r| r.body == bytes(r.body.len())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_unknown_length_is_passed_on_whatever_the_method() {
    let upstream = Upstream::reply(|_| ok("x")).await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k"]).start().await;

    for method in ["GET", "HEAD", "DELETE", "POST"] {
        let head = format!("{method} /proxy/svc/x HTTP/1.1\r\nHost: a\r\nX-Proxy-Key: {PROXY_KEY}\r\n");
        let body = "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        gateway.raw().await.exchange(head + body).await;
    }

    let bodies: Vec<_> = upstream.received().into_iter().map(|received| received.body).collect();
    assert_eq!(bodies, ["abc"; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_keep_their_status_headers_and_encoding() {
    let upstream = Upstream::reply(|_| {
        let mut response = status(207, &b"\x1f\x8b not really gzip"[..]);
        for value in ["a=1; Path=/", "b=2", "a=3"] {
            response.headers_mut().append("set-cookie", value.parse().unwrap());
        }
        response.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        response.headers_mut().insert("x-request-id", "theirs".parse().unwrap());
        response
    })
    .await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k"]).start().await;

    let answer = gateway.get("/proxy/svc/x").await;

    assert_eq!((answer.status.as_u16(), answer.body.as_ref()), (207, &b"\x1f\x8b not really gzip"[..]));
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1; Path=/", "b=2", "a=3"]);
    assert_eq!(
        (answer.header("content-encoding"), answer.header("x-upstream-request-id")),
        ("gzip", "theirs")
    );
    assert_eq!(answer.header("x-request-id").len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_and_not_modified_carry_no_body_but_keep_its_length() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        let head = read_head(&mut socket).await;
        let answer: &[u8] = if head.starts_with(b"HEAD") {
            b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\nConnection: close\r\n\r\n"
        } else {
            b"HTTP/1.1 304 Not Modified\r\nETag: e\r\nConnection: close\r\n\r\n"
        };
        tokio::io::AsyncWriteExt::write_all(&mut socket, answer).await.unwrap();
    })
    .await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k"]).start().await;

    let head = gateway.send(Request::head("/proxy/svc/x"), "").await;
    let cached = gateway.get("/proxy/svc/x").await;

    assert_eq!((head.status.as_u16(), head.header("content-length"), head.body.len()), (200, "77", 0));
    assert_eq!((cached.status.as_u16(), cached.header("etag"), cached.body.len()), (304, "e", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_never_looks_whole() {
    for broken in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    ] {
        let upstream = RawUpstream::answer(broken).await;
        let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1", "k2"]).start().await;

        let answer = gateway.get("/proxy/svc/x").await;

        assert!(!answer.is_whole, "{:?}", String::from_utf8_lossy(broken));
        assert_eq!(gateway.records(1).await[0].outcome.as_str(), "upstream_cut");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_resets_its_connection_makes_no_empty_or_whole_answer() {
    for begun in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc",
    ] {
        let upstream = RawUpstream::serve(move |mut socket| async move {
            read_head(&mut socket).await;
            socket.write_all(begun).await.unwrap();
            socket.set_zero_linger().unwrap();
        })
        .await;
        let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1", "k2"]).start().await;

        let answer = gateway.post("/proxy/svc/x", "body").await;

        // A reset may overtake what was sent before it.
        let is_told = answer.status == 502 && answer.is_whole || answer.status == 200 && !answer.is_whole;
        assert!(is_told, "{}: {answer:?}", String::from_utf8_lossy(begun));
        assert_ne!(gateway.records(1).await[0].outcome, RequestOutcome::Completed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_a_502_in_problem_json() {
    for nonsense in [
        &b"HTTP/1.1 200 OK\r\nX: a\nY\x00: b\r\n\r\n"[..],
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: upgrade\r\n\r\n",
        b"",
    ] {
        let upstream = RawUpstream::answer(nonsense).await;
        let gateway = Gateway::new().generic("svc", &upstream.url(), &["k"]).start().await;

        let answer = gateway.post("/proxy/svc/x", "once").await;

        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (502, "application/problem+json")
        );
        assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interim_answers_without_end_are_cut() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        let flood = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100);
        while tokio::io::AsyncWriteExt::write_all(&mut socket, &flood).await.is_ok() {}
    })
    .await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k"]).start().await;

    assert_eq!(gateway.get("/proxy/svc/x").await.status, 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_after_an_answer_never_become_the_next_one() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        while !read_head(&mut socket).await.is_empty() {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray";
            if tokio::io::AsyncWriteExt::write_all(&mut socket, answer).await.is_err() {
                break;
            }
        }
    })
    .await;
    let gateway =
        Gateway::new().generic("svc", &upstream.url(), &["k"]).set(|s| s.workers = 1.try_into().unwrap());
    let gateway = gateway.start().await;

    for _ in 0..5 {
        assert_eq!(gateway.get("/proxy/svc/x").await.text(), "ok");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_passed_on_and_never_followed() {
    let sink = Upstream::reply(|_| ok("leaked")).await;
    let location = format!("{}/next?access_key=up-secret-key", sink.url());
    let upstream = Upstream::reply(move |_| {
        let mut response = status(307, "");
        response.headers_mut().insert("location", location.parse().unwrap());
        response
    })
    .await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["up-secret-key"]).with(|fields| {
        fields.api_key_location = Some("query".into());
        fields.api_key_name = Some("access_key".into());
    });
    let gateway = gateway.start().await;

    let answer = gateway.get("/proxy/svc/x?a=1").await;

    assert_eq!(answer.status, 307);
    assert!(!answer.header("location").contains("up-secret-key"), "{}", answer.header("location"));
    assert!(sink.received().is_empty());
    assert_eq!(upstream.received()[0].uri, "/x?a=1&access_key=up-secret-key");
    assert!(!format!("{:?}", upstream.received()).contains(PROXY_KEY));
}
