//! Clients that speak HTTP/2 with prior knowledge over plain TCP.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Frame;
use rotator_core::record::RequestOutcome;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{Barrier, mpsc, mpsc::unbounded_channel},
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

use crate::support::{
    Gateway, PROXY_KEY, Running, Upstream,
    client::{PATIENCE, RawClient, read_until},
    h2::H2Client,
    upstream::{EVENT_STREAM, RawUpstream, chunk, ok, read_head, until_closed},
};

/// A service before an upstream, and one connection to it.
async fn client_of(url: &str) -> (Running, H2Client) {
    let gateway = Gateway::new().generic("svc", url, &["up-key"]).start().await;
    let client = H2Client::connect(gateway.address).await;
    (gateway, client)
}

/// A body that is sent piece by piece.
struct Pieces(mpsc::Receiver<&'static str>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|text| Ok(Frame::data(text.into()))))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_arrives_as_if_it_had_come_over_http_1() {
    let upstream = Upstream::reply(|_| ok("hello")).await;
    let (_gateway, client) = client_of(&format!("{}/base", upstream.url())).await;
    let request = client.request("PATCH", "/proxy/svc/a%20b//c?q=%2F&q=a+b&&empty=");
    let request = request.header("x-multi", "1").header("x-multi", "2").header("te", "trailers");
    let request = request.header("cookie", "a=1").header("cookie", "b=2").header("host", "evil.example");

    let answer = client.send(request.body(ok("body").into_body()).unwrap()).await.unwrap();

    assert_eq!((answer.version(), answer.status().as_u16()), (http::Version::HTTP_2, 200));
    let received = &upstream.received()[0];
    assert_eq!(received.method, "PATCH");
    assert_eq!(received.uri, "/base/a%20b//c?q=%2F&q=a+b&&empty=");
    assert_eq!(received.body, "body");
    assert_eq!(upstream.seen("x-multi"), ["1", "2"]);
    // RFC 9113 §8.2.3: HTTP/1.1 knows one line of cookies only.
    assert_eq!(upstream.seen("cookie"), ["a=1; b=2"]);
    assert_eq!(upstream.seen("host"), [upstream.address.to_string()]);
    assert_eq!(upstream.seen("x-key"), ["up-key"]);
    let text = format!("{received:?}");
    assert!(!text.contains(PROXY_KEY) && !text.contains("evil") && !text.contains("trailers"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_connection_run_beside_each_other_and_get_their_own_answers() {
    const REQUESTS: usize = 50;
    let all_here = Arc::new(Barrier::new(REQUESTS));
    let upstream = RawUpstream::serve(move |mut socket| {
        let all_here = Arc::clone(&all_here);
        async move {
            let head = String::from_utf8(read_head(&mut socket).await).unwrap();
            let id = head.split(' ').nth(1).unwrap().to_owned();
            all_here.wait().await;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{id}", id.len());
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let (_gateway, client) = client_of(&upstream.url()).await;

    let mut requests = JoinSet::new();
    for n in 0..REQUESTS {
        let client = client.clone();
        requests.spawn(async move { (n, client.get(&format!("/proxy/svc/{n}")).await) });
    }

    while let Some(answered) = requests.join_next().await {
        let (n, answer) = answered.unwrap();
        assert_eq!(answer, (200, format!("/{n}")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_arrives_before_the_next_one_is_sent() {
    const EVENTS: usize = 100;
    let (seen, told) = mpsc::channel(1);
    let told = Arc::new(tokio::sync::Mutex::new(told));
    let upstream = RawUpstream::serve(move |mut socket| {
        let told = Arc::clone(&told);
        async move {
            read_head(&mut socket).await;
            socket.write_all(EVENT_STREAM).await.unwrap();
            for n in 0..EVENTS {
                socket.write_all(&chunk(format!("data: event {n}\n\n"))).await.unwrap();
                assert_eq!(told.lock().await.recv().await, Some(n));
            }
            socket.write_all(b"0\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let (gateway, client) = client_of(&upstream.url()).await;

    let mut answer = client.open("/proxy/svc/events").await;
    for n in 0..EVENTS {
        let event = read_until(answer.body_mut(), "\n\n").await;
        assert_eq!(event, format!("data: event {n}\n\n"));
        seen.send(n).await.unwrap();
    }

    assert_eq!(gateway.records(1).await[0].outcome, RequestOutcome::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_passed_on_while_it_comes() {
    let (saw_first, mut first_seen) = unbounded_channel();
    let upstream = RawUpstream::serve(move |socket| {
        let saw_first = saw_first.clone();
        async move {
            let mut client = RawClient(socket);
            client.read_until("first").await;
            saw_first.send(()).unwrap();
            client.read_until("last").await;
            client.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").await;
        }
    })
    .await;
    let (_gateway, client) = client_of(&upstream.url()).await;
    let (sender, pieces) = mpsc::channel(1);
    let request = client.request("POST", "/proxy/svc/x").body(Pieces(pieces).boxed()).unwrap();
    let answering = tokio::spawn(async move { client.send(request).await.unwrap() });

    sender.send("first").await.unwrap();
    timeout(PATIENCE, first_seen.recv()).await.unwrap().unwrap();
    sender.send("last").await.unwrap();
    drop(sender);

    let body = answering.await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_pass_unchanged_both_ways() {
    let upstream = Upstream::reply(|received| ok(received.body.clone())).await;
    let (_gateway, client) = client_of(&upstream.url()).await;
    let body: Bytes = (0..4_usize << 20).map(|n| u8::try_from((n * 31 + n / 251) % 256).unwrap()).collect();

    let request = client.request("POST", "/proxy/svc/x").body(ok(body.clone()).into_body()).unwrap();
    let answer = client.send(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();

    assert!(answer == body && upstream.received()[0].body == body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_the_client_resets_ends_at_the_upstream_and_no_other_does() {
    let (left, mut told) = unbounded_channel();
    let upstream = RawUpstream::serve(move |mut socket| {
        let left = left.clone();
        async move {
            let head = String::from_utf8(read_head(&mut socket).await).unwrap();
            socket.write_all(&[EVENT_STREAM, &chunk("data: one\n\n")].concat()).await.unwrap();
            until_closed(&mut socket).await;
            left.send(head).unwrap();
        }
    })
    .await;
    let (gateway, client) = client_of(&upstream.url()).await;
    let mut stays = client.open("/proxy/svc/stays").await;
    let mut goes = client.open("/proxy/svc/goes").await;
    for answer in [&mut stays, &mut goes] {
        read_until(answer.body_mut(), "data: one").await;
    }

    drop(goes);

    let head = timeout(PATIENCE, told.recv()).await.unwrap().unwrap();
    assert!(head.contains("/goes"), "{head}");
    assert_eq!(gateway.records(1).await[0].outcome, RequestOutcome::ClientGone);
    assert!(told.is_empty() && gateway.metrics().active_requests() == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_takes_no_new_stream_and_ends_the_open_ones() {
    let (go_on, may_go_on) = tokio::sync::watch::channel(false);
    let upstream = RawUpstream::serve(move |mut socket| {
        let mut may_go_on = may_go_on.clone();
        async move {
            read_head(&mut socket).await;
            socket.write_all(&[EVENT_STREAM, &chunk("one")].concat()).await.unwrap();
            may_go_on.wait_for(|go_on| *go_on).await.unwrap();
            socket.write_all(&[&chunk("two")[..], b"0\r\n\r\n"].concat()).await.unwrap();
        }
    })
    .await;
    let (mut gateway, client) = client_of(&upstream.url()).await;
    let mut answer = client.open("/proxy/svc/x").await;
    read_until(answer.body_mut(), "one").await;

    let proxy = gateway.proxy.take().unwrap();
    let draining = spawn_blocking(move || proxy.drain(PATIENCE));
    while TcpStream::connect(gateway.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let late = || client.request("GET", "/proxy/svc/late").body(ok("").into_body()).unwrap();
    timeout(PATIENCE, async { while client.send(late()).await.is_ok() {} }).await.unwrap();
    go_on.send(true).unwrap();

    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "two");
    draining.await.unwrap();
}
