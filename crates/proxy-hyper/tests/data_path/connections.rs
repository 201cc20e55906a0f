//! Many requests on one connection: every answer goes to who asked, in order, framed as that client reads it.

use std::net::SocketAddr;

use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::mpsc::unbounded_channel, task::JoinSet, time::timeout};

use crate::support::{
    Gateway, PROXY_KEY, Running, Upstream,
    client::PATIENCE,
    h2::H2Client,
    upstream::{RawUpstream, chunk, ok, read_head, until_closed},
};

async fn gateway(url: &str) -> Running {
    let gateway = Gateway::new().generic("svc", url, &["up-key"]);
    gateway.set(|s| s.workers = 1.try_into().unwrap()).start().await
}

/// A request head with the proxy key and these lines.
fn head(method: &str, path: &str, lines: &str) -> String {
    format!("{method} /proxy/svc{path} HTTP/1.1\r\nHost: a\r\nX-Proxy-Key: {PROXY_KEY}\r\n{lines}\r\n")
}

/// Answers with the path and the body it got.
async fn echo() -> Upstream {
    Upstream::reply(|received| {
        let body = std::str::from_utf8(&received.body).unwrap();
        ok(format!("<{} {body}>", received.uri.path()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_order_and_each_needs_its_key() {
    let upstream = echo().await;
    let gateway = gateway(&upstream.url()).await;
    let unknown = head("GET", "/refused", "").replace(PROXY_KEY, "pk-someone-elses");
    let keyless = "GET /proxy/svc/refused HTTP/1.1\r\nHost: a\r\n\r\n";
    let requests = [
        head("GET", "/1", ""),
        keyless.to_owned(),
        head("POST", "/2", "Content-Length: 3\r\n") + "two",
        unknown,
        head("POST", "/3", "Content-Length: 5\r\n") + "three",
        head("GET", "/4", "Connection: close\r\n"),
        head("GET", "/after-close", ""),
    ];

    let answers = gateway.raw().await.exchange(requests.concat()).await;

    let found: Vec<_> = ["</1 >", "no proxy key", "</2 two>", "is not valid", "</3 three>", "</4 >"]
        .map(|text| answers.find(text).unwrap_or_else(|| panic!("no {text} in {answers}")))
        .into();
    assert!(found.is_sorted(), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 4, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 401").count(), 2, "{answers}");
    let paths: Vec<_> = upstream.received().iter().map(|r| r.uri.path().to_owned()).collect();
    assert_eq!(paths, ["/1", "/2", "/3", "/4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_bodies_may_be_framed_in_different_ways() {
    let upstream = echo().await;
    let gateway = gateway(&upstream.url()).await;
    let (sized, chunked) = ("Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n");
    let last = "0\r\n\r\n";
    let requests = [
        head("POST", "/1", sized) + "one",
        head("POST", "/2", chunked) + "3\r\ntwo\r\n" + last,
        head("POST", "/3", sized) + "333",
        head("POST", "/4", &format!("{chunked}Connection: close\r\n")) + "4\r\nfour\r\n" + last,
    ];

    let answers = gateway.raw().await.exchange(requests.concat()).await;

    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 4, "{answers}");
    assert!(answers.ends_with("</4 four>"), "{answers}");
}

/// Answers every request with the same bytes, and keeps the connection.
async fn always(answer: &'static str) -> RawUpstream {
    RawUpstream::serve(move |mut socket| async move {
        while !read_head(&mut socket).await.is_empty() {
            if socket.write_all(answer.as_bytes()).await.is_err() {
                break;
            }
        }
    })
    .await
}

const SIZED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_http_1_0_gets_an_answer_that_ends_with_the_connection() {
    for upstream in [always(SIZED).await, always(CHUNKED).await] {
        let gateway = gateway(&upstream.url()).await;
        let request = head("GET", "/x", "").replace("HTTP/1.1\r\nHost: a", "HTTP/1.0");

        let answer = gateway.raw().await.exchange(request).await;

        assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("\r\n\r\nbody"), "{answer}");
        assert!(!answer.contains("chunked") && !answer.contains("keep-alive"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_http_1_0_may_keep_its_connection_if_the_length_is_known() {
    let request = head("GET", "/x", "Connection: keep-alive\r\n").replace("HTTP/1.1\r\nHost: a", "HTTP/1.0");
    let upstream = always(SIZED).await;
    let sized = gateway(&upstream.url()).await;
    let mut client = sized.raw().await;
    for _ in 0..2 {
        client.write(&request).await;
        let answer = client.read_until("\r\n\r\nbody").await;
        assert!(answer.contains("\r\nconnection: keep-alive\r\n"), "{answer}");
        assert!(answer.contains("\r\ncontent-length: 4\r\n"), "{answer}");
    }

    let upstream = always(CHUNKED).await;
    let chunked = gateway(&upstream.url()).await;
    let answer = chunked.raw().await.exchange(&request).await;
    assert!(answer.ends_with("\r\n\r\nbody") && !answer.contains("chunked"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_http_1_0_that_ends_with_its_connection_is_whole() {
    let upstream =
        RawUpstream::answer(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nto the end").await;
    let gateway = gateway(&upstream.url()).await;

    for _ in 0..2 {
        let answer = gateway.get("/proxy/svc/x").await;
        assert!(answer.is_whole && answer.text() == "to the end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_reach_clients_of_http_2_and_are_left_out_over_http_1() {
    const WITH_TRAILERS: &str = "HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n\
                                 4\r\nbody\r\n0\r\nx-sum: 17\r\n\r\n";
    let upstream = always(WITH_TRAILERS).await;
    let gateway = gateway(&upstream.url()).await;

    let answer = H2Client::connect(gateway.address).await.open("/proxy/svc/x").await;
    let collected = answer.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["x-sum"], "17");
    assert_eq!(collected.to_bytes(), "body");

    for lines in ["Connection: close\r\n", "TE: trailers\r\nConnection: TE, close\r\n"] {
        let answer = gateway.raw().await.exchange(head("GET", "/x", lines)).await;
        assert!(answer.ends_with("\r\n4\r\nbody\r\n0\r\n\r\n"), "{answer}");
    }
}

/// Pieces of an answer, of some kilobytes each.
const PIECES: usize = 100;

/// Answers with the path, over and over.
async fn repeat_path(mut socket: TcpStream) {
    loop {
        let request = String::from_utf8(read_head(&mut socket).await).unwrap();
        let Some(path) = request.split(' ').nth(1) else { return };
        let piece = path.repeat(1000);
        let sized = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", piece.len() * PIECES);
        let is_sized = path.ends_with('0');
        let start =
            if is_sized { sized.as_str() } else { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" };
        let mut written = socket.write_all(start.as_bytes()).await;
        for _ in 0..PIECES {
            let bytes = if is_sized { piece.clone().into_bytes() } else { chunk(&piece) };
            written = written.and(socket.write_all(&bytes).await);
        }
        if written.is_err() || (!is_sized && socket.write_all(b"0\r\n\r\n").await.is_err()) {
            return;
        }
    }
}

/// Asks under its own path again and again on one connection; half a body is enough for some.
async fn ask(address: SocketAddr, id: usize, leaves: bool) {
    for _ in 0..4 {
        let socket = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (mut sender, connection) = http1::handshake(socket).await.unwrap();
        let connection = tokio::spawn(connection);
        for round in 0..2 {
            let request = http::Request::get(format!("/proxy/svc/{id}/{round}"));
            let request = request.header("host", "a").header("x-proxy-key", PROXY_KEY);
            let mut answer = sender.send_request(request.body(String::new()).unwrap()).await.unwrap();
            assert_eq!(answer.status(), 200);
            let mut body = Vec::new();
            while let Some(frame) = answer.frame().await {
                body.extend_from_slice(frame.unwrap().data_ref().unwrap());
                if leaves && round == 1 {
                    break;
                }
            }
            let own = format!("/{id}/{round}").into_bytes();
            assert!(body.chunks(own.len()).all(|part| own.starts_with(part)), "{id} got another's");
            assert!(leaves || body.len() == own.len() * 1000 * PIECES);
        }
        connection.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_anybody_elses_answer_while_others_leave_in_the_middle() {
    let upstream = RawUpstream::serve(repeat_path).await;
    let gateway = gateway(&upstream.url()).await;

    let mut clients = JoinSet::new();
    for id in 0..64 {
        clients.spawn(ask(gateway.address, 1000 + id, id % 3 == 0));
    }

    while let Some(client) = timeout(3 * PATIENCE, clients.join_next()).await.unwrap() {
        client.unwrap();
    }
    gateway.settle(PATIENCE).await;
}

const STRAY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray";

#[tokio::test(flavor = "multi_thread")]
async fn stray_bytes_after_any_kind_of_answer_are_nobodys() {
    for (method, answer) in [
        ("GET", SIZED),
        ("GET", CHUNKED),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
        ("GET", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
    ] {
        let upstream = always(format!("{answer}{STRAY}").leak()).await;
        let gateway = gateway(&upstream.url()).await;
        let mut client = gateway.raw().await;

        for _ in 0..4 {
            client.write(head(method, "/x", "")).await;
        }
        client.write(head(method, "/x", "Connection: close\r\n")).await;
        let answers = client.read_to_end().await;

        assert!(!answers.contains("stray"), "{method} {answer} {answers}");
        assert_eq!(answers.matches(&answer[..12]).count(), 5, "{method} {answer} {answers}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_on_which_the_upstream_speaks_unasked_is_closed() {
    let (closed, mut told) = unbounded_channel();
    let upstream = RawUpstream::serve(move |mut socket| {
        let closed = closed.clone();
        async move {
            read_head(&mut socket).await;
            socket.write_all(SIZED.as_bytes()).await.unwrap();
            // By now the answer has arrived, or arrives in one piece with this.
            socket.write_all(STRAY.as_bytes()).await.unwrap();
            until_closed(&mut socket).await;
            closed.send(()).unwrap();
        }
    })
    .await;
    let gateway = gateway(&upstream.url()).await;

    for _ in 0..3 {
        assert_eq!(gateway.get("/proxy/svc/x").await.text(), "body");
        timeout(PATIENCE, told.recv()).await.unwrap().unwrap();
    }
}
