//! Bytes pass when they come, no faster than they are taken, and never end cleanly where they broke off.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use llm_formats::{Dialect, ErrorKind, stream_error_event};
use rotator_core::record::RequestOutcome;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{Mutex, mpsc, oneshot},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::support::{
    Gateway, PROXY_KEY, Running,
    client::{RawClient, open, read_until},
    eventually,
    upstream::{EVENT_STREAM, RawUpstream, chunk, read_head, until_closed},
};

const EVENTS: usize = 200;

async fn openai(upstream: &RawUpstream) -> Running {
    Gateway::new().llm("ai", "openai_compatible", &upstream.url(), &["k1"]).start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_arrives_before_the_next_one_is_sent() {
    let (seen, told) = mpsc::channel(1);
    let told = Arc::new(Mutex::new(told));
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
    let gateway = openai(&upstream).await;

    let mut answer = open(gateway.address, Request::get("/llm/ai/v1/x"), Bytes::new()).await;
    for n in 0..EVENTS {
        let event = read_until(answer.body_mut(), "\n\n").await;
        assert_eq!(event, format!("data: event {n}\n\n"));
        seen.send(n).await.unwrap();
    }

    assert_eq!(gateway.records(1).await[0].outcome, RequestOutcome::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_counted_as_long_as_it_is_under_way() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        socket.write_all(EVENT_STREAM).await.unwrap();
        socket.write_all(&chunk("data: {\"choices\":[]}\n\n")).await.unwrap();
        until_closed(&mut socket).await;
    })
    .await;
    let gateway = openai(&upstream).await;

    let request = Request::post("/llm/ai/v1/chat/completions");
    let mut answer = open(gateway.address, request, Bytes::from_static(b"{}")).await;
    read_until(answer.body_mut(), "\n\n").await;
    let metrics = gateway.metrics();
    assert_eq!((metrics.active_requests(), metrics.active_streams()), (1, 1));
    assert_eq!(metrics.client_connections(), 1);

    drop(answer);
    eventually(|| metrics.active_requests() == 0).await;
    assert_eq!(metrics.active_streams(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_keeps_its_rhythm() {
    let start = Instant::now();
    let upstream = RawUpstream::serve(move |mut socket| async move {
        read_head(&mut socket).await;
        socket.write_all(EVENT_STREAM).await.unwrap();
        for _ in 0..EVENTS {
            let event = format!("data: {}\n\n", start.elapsed().as_micros());
            socket.write_all(&chunk(event)).await.unwrap();
            sleep(Duration::from_millis(20)).await;
        }
        socket.write_all(b"0\r\n\r\n").await.unwrap();
    })
    .await;
    let gateway = openai(&upstream).await;

    let mut answer = open(gateway.address, Request::get("/llm/ai/v1/x"), Bytes::new()).await;
    let mut delays = Vec::new();
    for _ in 0..EVENTS {
        let event = read_until(answer.body_mut(), "\n\n").await;
        let sent = Duration::from_micros(event.trim()["data: ".len()..].parse().unwrap());
        delays.push(start.elapsed().saturating_sub(sent));
    }

    delays.sort_unstable();
    // Half of them, so that a busy machine does not fail the test; an event kept for the next one would be 20 ms late.
    assert!(delays[EVENTS / 2] < Duration::from_millis(10), "{delays:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_moves_outlasts_every_time_out() {
    const SHORT: Duration = Duration::from_secs(1);
    let upstream = RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        socket.write_all(EVENT_STREAM).await.unwrap();
        for n in 0..30 {
            socket.write_all(&chunk(format!("data: {n}\n\n"))).await.unwrap();
            sleep(SHORT / 10).await;
        }
        socket.write_all(b"0\r\n\r\n").await.unwrap();
    })
    .await;
    let gateway = Gateway::new()
        .set(|s| {
            (s.client.head_timeout, s.client.idle_timeout) = (SHORT, SHORT);
            (s.client.body_timeout, s.client.write_timeout) = (SHORT, SHORT);
            (s.upstream.llm_response_timeout, s.upstream.idle_timeout) = (SHORT, SHORT);
        })
        .llm("ai", "openai_compatible", &upstream.url(), &["k1"])
        .start()
        .await;

    let answer = gateway.post("/llm/ai/v1/chat/completions", "{}").await;

    assert!(answer.is_whole && answer.text().ends_with("data: 29\n\n"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_sees_the_first_chunk_before_the_client_sends_the_last() {
    let (saw_first, first_seen) = oneshot::channel();
    let saw_first = Arc::new(Mutex::new(Some(saw_first)));
    let upstream = RawUpstream::serve(move |mut socket| {
        let saw_first = Arc::clone(&saw_first);
        async move {
            read_text(&mut socket, "first").await;
            saw_first.lock().await.take().unwrap().send(()).unwrap();
            read_text(&mut socket, "last").await;
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").await.unwrap();
        }
    })
    .await;
    let gateway = openai(&upstream).await;

    let mut client = gateway.raw().await;
    let head = format!(
        "POST /llm/ai/v1/x HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {PROXY_KEY}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    client.write([head.as_bytes(), &chunk("first")].concat()).await;
    timeout(Duration::from_secs(5), first_seen).await.unwrap().unwrap();
    client.write([chunk("last").as_slice(), b"0\r\n\r\n"].concat()).await;

    assert!(client.read_until("done").await.starts_with("HTTP/1.1 200"));
}

async fn read_text(socket: &mut TcpStream, text: &str) {
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains(text) {
        assert!(tokio::io::AsyncReadExt::read_buf(socket, &mut bytes).await.unwrap() > 0, "no {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_reading_is_cut_off() {
    let closed = Arc::new(AtomicUsize::new(0));
    let upstream = endless(Arc::clone(&closed)).await;
    let gateway = Gateway::new()
        .set(|s| s.client.write_timeout = Duration::from_millis(300))
        .llm("ai", "openai_compatible", &upstream.url(), &["k1"])
        .start()
        .await;

    let mut client = gateway.raw().await;
    client.write(format!("GET /llm/ai/v1/x HTTP/1.1\r\nhost: a\r\nx-api-key: {PROXY_KEY}\r\n\r\n")).await;
    client.read_until("\r\n\r\n").await;

    assert_eq!(gateway.records(1).await[0].outcome, RequestOutcome::ClientGone);
    gateway.settle(Duration::from_secs(1)).await;
    eventually(|| closed.load(SeqCst) == 1).await;
}

/// Sends as much as is taken, and counts the connections that were closed.
async fn endless(closed: Arc<AtomicUsize>) -> RawUpstream {
    RawUpstream::serve(move |mut socket| {
        let closed = Arc::clone(&closed);
        async move {
            read_head(&mut socket).await;
            socket.write_all(EVENT_STREAM).await.unwrap();
            let piece = chunk(vec![b'x'; 16 << 10]);
            while socket.write_all(&piece).await.is_ok() {}
            closed.fetch_add(1, SeqCst);
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_that_leave_mid_stream_leave_nothing_behind() {
    const WAVE: usize = 250;
    let closed = Arc::new(AtomicUsize::new(0));
    let upstream = {
        let closed = Arc::clone(&closed);
        RawUpstream::serve(move |mut socket| {
            let closed = Arc::clone(&closed);
            async move {
                read_head(&mut socket).await;
                socket.write_all(&[EVENT_STREAM, &chunk("data: 1\n\n")].concat()).await.unwrap();
                until_closed(&mut socket).await;
                closed.fetch_add(1, SeqCst);
            }
        })
        .await
    };
    let gateway = openai(&upstream).await;

    for wave in 1..=4 {
        let mut streams = JoinSet::new();
        for _ in 0..WAVE {
            streams.spawn(opened_stream(gateway.address));
        }
        let streams = streams.join_all().await;
        assert_eq!(gateway.metrics().active_requests(), WAVE as u64);

        drop(streams);

        gateway.settle(Duration::from_secs(1)).await;
        eventually(|| closed.load(SeqCst) == wave * WAVE).await;
    }
    let records = gateway.records(4 * WAVE).await;
    assert!(records.iter().all(|r| (r.outcome, r.status) == (RequestOutcome::ClientGone, 200)));
}

/// A connection whose answer has begun.
async fn opened_stream(address: SocketAddr) -> RawClient {
    let mut client = RawClient::connect(address).await;
    client.write(format!("GET /llm/ai/v1/x HTTP/1.1\r\nhost: a\r\nx-api-key: {PROXY_KEY}\r\n\r\n")).await;
    client.read_until("data: 1").await;
    client
}

const DIALECTS: [(&str, &str, Dialect); 3] = [
    ("openai_compatible", "/llm/ai/v1/chat/completions", Dialect::OpenAi),
    ("anthropic_native", "/llm/ai/v1/messages", Dialect::Anthropic),
    ("gemini_native", "/llm/ai/v1beta/models/m:streamGenerateContent", Dialect::Gemini),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_off_ends_with_the_clients_error_event() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        let half = [EVENT_STREAM, &chunk("data: one\n\n"), b"1f\r\ndata: half of an"].concat();
        socket.write_all(&half).await.unwrap();
    })
    .await;
    for (api_format, path, dialect) in DIALECTS {
        let gateway = Gateway::new().llm("ai", api_format, &upstream.url(), &["k1"]).start().await;

        let answer = gateway.post(path, "{}").await;

        let id = answer.header("x-request-id");
        let message = "the upstream broke off its answer";
        let event = stream_error_event(dialect, ErrorKind::UpstreamFailed, message, id);
        let event = String::from_utf8(event).unwrap();
        assert_eq!(answer.text(), format!("data: one\n\ndata: half of an{event}"));
        let record = &gateway.records(1).await[0];
        assert_eq!((record.outcome, record.status), (RequestOutcome::UpstreamCut, 200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_falls_silent_is_ended_with_the_clients_error_event() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        socket.write_all(&[EVENT_STREAM, &chunk("data: one\n\n")].concat()).await.unwrap();
        until_closed(&mut socket).await;
    })
    .await;
    let gateway = Gateway::new()
        .set(|s| s.upstream.body_timeout = Duration::from_millis(200))
        .llm("ai", "openai_compatible", &upstream.url(), &["k1"])
        .start()
        .await;

    let answer = gateway.post("/llm/ai/v1/chat/completions", "{}").await;

    assert!(answer.text().starts_with("data: one\n\n\n\ndata: {\"error\":"), "{}", answer.text());
    assert!(answer.text().contains("stopped in the middle"));
    assert_eq!(gateway.records(1).await[0].outcome, RequestOutcome::UpstreamCut);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_answer_that_breaks_off_is_visibly_incomplete() {
    for (head, cut) in [
        ("content-type: application/json\r\ncontent-length: 9", "{\"a\":"),
        ("content-type: application/json\r\ntransfer-encoding: chunked", "5\r\n{\"a\":\r\n"),
        ("content-type: text/event-stream\r\ncontent-length: 99", "data:1\n\n"),
        (
            "content-type: text/event-stream\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked",
            "5\r\n\x1f....",
        ),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{cut}").leak();
        let upstream = RawUpstream::answer(answer.as_bytes()).await;
        let gateway = Gateway::new()
            .llm("ai", "openai_compatible", &upstream.url(), &["k1"])
            .generic("rest", &upstream.url(), &["k1"])
            .start()
            .await;

        for path in ["/llm/ai/v1/chat/completions", "/proxy/rest/x"] {
            let answer = gateway.post(path, "{}").await;
            let whole_so_far = if cut.starts_with("data") { 8 } else { 5 };
            assert!(!answer.is_whole && answer.body.len() == whole_so_far, "{path} {head}");
        }
        let records = gateway.records(2).await;
        assert!(records.iter().all(|r| r.outcome == RequestOutcome::UpstreamCut));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_a_generic_service_that_breaks_off_is_visibly_incomplete() {
    let cut = [EVENT_STREAM, &chunk("data: one\n\n")].concat().leak();
    let upstream = RawUpstream::answer(cut).await;
    let gateway = Gateway::new().generic("rest", &upstream.url(), &["k1"]).start().await;

    let answer = gateway.get("/proxy/rest/x").await;

    assert!(!answer.is_whole && answer.text() == "data: one\n\n");
}

const PING: &str = "event: ping\ndata: {\"type\": \"ping\"}\n\n";
const TEXT: &str = "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"hi\"}}\n\n";
const OVERLOADED: &str =
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n";

/// Begins a stream with these events, by key, and ends it.
async fn beginning(events: impl Fn(&str) -> Vec<&'static str> + Send + Sync + 'static) -> RawUpstream {
    let events = Arc::new(events);
    RawUpstream::serve(move |mut socket| {
        let events = Arc::clone(&events);
        async move {
            let head = String::from_utf8(read_head(&mut socket).await).unwrap();
            let key = head.split("x-api-key: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
            socket.write_all(EVENT_STREAM).await.unwrap();
            for event in events(&key) {
                socket.write_all(&chunk(event)).await.unwrap();
                sleep(Duration::from_millis(5)).await;
            }
            socket.write_all(b"0\r\n\r\n").await.unwrap();
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_begins_with_an_error_is_asked_for_again() {
    let upstream =
        beginning(|key| if key == "bad" { vec![PING, OVERLOADED] } else { vec![PING, TEXT] }).await;
    let gateway = Gateway::new()
        .llm("ai", "anthropic_native", &upstream.url(), &["bad", "good"])
        .with(|fields| fields.options.max_retries = Some(1))
        .start()
        .await;

    for _ in 0..3 {
        assert_eq!(gateway.post("/llm/ai/v1/messages", "{}").await.text(), [PING, TEXT].concat());
    }

    let records = gateway.records(3).await;
    let trace = records.iter().find_map(|record| record.trace.as_deref()).unwrap();
    let told = (&*trace.attempts[0].outcome, trace.attempts[0].rule.as_deref());
    assert_eq!(told, ("upstream_failed", Some("overloaded")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_after_content_or_on_every_key_goes_through_as_it_is() {
    let upstream = beginning(|_| vec![PING, TEXT, OVERLOADED]).await;
    let gateway = Gateway::new().llm("ai", "anthropic_native", &upstream.url(), &["k1", "k2"]).start().await;
    assert_eq!(gateway.post("/llm/ai/v1/messages", "{}").await.text(), [PING, TEXT, OVERLOADED].concat());
    assert_eq!(upstream.connections(), 1);

    let upstream = beginning(|_| vec![OVERLOADED, TEXT]).await;
    let gateway = Gateway::new().llm("ai", "anthropic_native", &upstream.url(), &["k1", "k2"]).start().await;
    assert_eq!(gateway.post("/llm/ai/v1/messages", "{}").await.text(), [OVERLOADED, TEXT].concat());
    assert_eq!(upstream.connections(), 2);
    let record = &gateway.records(1).await[0];
    assert_eq!((record.outcome, record.status), (RequestOutcome::UpstreamFailed, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_inside_a_stream_does_not_show_the_key() {
    const TELLTALE: &str = "data: {\"error\": {\"message\": \"bad key sk-secret-0123456789\"}}\n\n";
    let upstream = beginning(|_| vec![TELLTALE]).await;
    let gateway = Gateway::new()
        .llm("ai", "anthropic_native", &upstream.url(), &["sk-secret-0123456789"])
        .start()
        .await;

    let text = gateway.post("/llm/ai/v1/messages", "{}").await.text().to_owned();

    assert!(text.contains("bad key") && !text.contains("sk-secret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_off_before_its_first_content_is_no_answer() {
    let cut = [EVENT_STREAM, &chunk(PING)].concat().leak();
    let upstream = RawUpstream::answer(cut).await;
    let gateway = Gateway::new().llm("ai", "anthropic_native", &upstream.url(), &["k1", "k2"]).start().await;

    let answer = gateway.post("/llm/ai/v1/messages", "{}").await;

    assert_eq!((answer.status.as_u16(), upstream.connections()), (502, 1));
    assert_eq!(answer.json()["type"], "error");
    assert_eq!(gateway.records(1).await[0].outcome, RequestOutcome::UpstreamFailed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_content_is_not_held_back_for_long() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        socket.write_all(EVENT_STREAM).await.unwrap();
        socket.write_all(&chunk(PING)).await.unwrap();
        until_closed(&mut socket).await;
    })
    .await;
    let gateway = openai(&upstream).await;

    let opening = open(gateway.address, Request::post("/llm/ai/v1/x"), Bytes::new());
    let mut answer = timeout(Duration::from_secs(20), opening).await.unwrap();
    assert_eq!(read_until(answer.body_mut(), "\n\n").await, PING);
}
