//! What the client gets of a stream.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use rotator_core::record::{RequestOutcome, Tokens};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::{ANTHROPIC_PATH, CHAT_STREAM, GEMINI, MESSAGES_STREAM, OPENAI_PATH, claude, gpt, json, service};
use crate::support::{
    Upstream,
    client::{Answer, open, read_until},
    eventually,
    upstream::{Body, EVENT_STREAM, RawUpstream, chunk, ok, read_head, until_closed},
};

/// A stream of Anthropic's API, event by event.
const START: &str = r#"data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":9,"output_tokens":1}}}

"#;
const BLOCK: &str = r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

"#;
const HEL: &str = r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}

"#;
const LO: &str = r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo!"}}

"#;
const BLOCK_END: &str = "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n";
const DELTA: &str = r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}

"#;
const STOP: &str = "data: {\"type\":\"message_stop\"}\n\n";
const WHOLE: [&str; 7] = [START, BLOCK, HEL, LO, BLOCK_END, DELTA, STOP];
const OVERLOADED: &str =
    "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";

/// A stream of an API like `OpenAI`'s.
const CHUNK: &str = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello!"},"finish_reason":null}]}

"#;

/// What becomes of a stream after its last event.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Ends,
    BreaksOff,
    Waits,
}

/// Answers every request with these events, by key, and tells how many connections were closed on it.
async fn streaming(
    events: impl Fn(&str) -> Vec<&'static str> + Send + Sync + 'static,
    then: Then,
) -> (RawUpstream, Arc<AtomicUsize>) {
    let (events, closed) = (Arc::new(events), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&closed);
    let upstream = RawUpstream::serve(move |mut socket| {
        let (events, closed) = (Arc::clone(&events), Arc::clone(&count));
        async move {
            loop {
                let head = String::from_utf8(read_head(&mut socket).await).unwrap();
                let Some((_, key)) = head.split_once("x-api-key: ").or(head.split_once("Bearer ")) else {
                    break;
                };
                socket.write_all(EVENT_STREAM).await.unwrap();
                for event in events(key.split("\r\n").next().unwrap()) {
                    // In the middle of a line as well.
                    let (head, tail) = event.split_at(event.len() / 2);
                    socket.write_all(&chunk(head)).await.unwrap();
                    tokio::task::yield_now().await;
                    socket.write_all(&chunk(tail)).await.unwrap();
                }
                match then {
                    Then::Ends => socket.write_all(b"0\r\n\r\n").await.unwrap(),
                    Then::BreaksOff => socket.shutdown().await.unwrap(),
                    Then::Waits => until_closed(&mut socket).await,
                }
            }
            closed.fetch_add(1, SeqCst);
        }
    })
    .await;
    (upstream, closed)
}

/// A stream that comes at once.
fn stream(text: impl Into<Bytes>) -> Response<Body> {
    let mut answer = ok(text);
    answer.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
    answer
}

/// The data of every event.
fn events(answer: &Answer) -> Vec<Value> {
    let data = answer.text().lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// What the model said, for clients of `OpenAI`.
fn said(answer: &Answer) -> String {
    let texts = events(answer)
        .into_iter()
        .filter_map(|event| Some(event.pointer("/choices/0/delta/content")?.as_str()?.to_owned()));
    texts.collect()
}

#[tokio::test]
async fn a_stream_is_translated_and_what_it_used_is_recorded() {
    let (upstream, _) = streaming(|_| WHOLE.to_vec(), Then::Ends).await;
    let gateway = claude(&upstream.url(), &["up-1"]).start().await;

    let answer = gateway.post(OPENAI_PATH, CHAT_STREAM).await;

    assert!(answer.is_whole && answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(said(&answer), "Hello!");
    let record = &gateway.records(1).await[0];
    assert_eq!((record.outcome, record.status), (RequestOutcome::Completed, 200));
    let used = Tokens { input: 9, cached_read: 0, cache_write: 0, output: 3, reasoning: 0 };
    assert_eq!((record.usage, record.bytes_out), (Some(used), answer.body.len() as u64));
}

#[tokio::test]
async fn the_first_words_do_not_wait_for_the_last() {
    let (upstream, _) = streaming(|_| vec![START, BLOCK, HEL], Then::Waits).await;
    let gateway = claude(&upstream.url(), &["up-1"]).start().await;

    let mut answer = open(gateway.address, Request::post(OPENAI_PATH), CHAT_STREAM.into()).await;

    read_until(answer.body_mut(), "Hel").await;
}

#[tokio::test]
async fn a_key_at_its_limit_gives_way_to_the_next() {
    let upstream = Upstream::reply(|request| match request.headers["x-api-key"].to_str() {
        Ok("good") => stream(WHOLE.concat()),
        _ => json(429, "{}"),
    })
    .await;
    let gateway = claude(&upstream.url(), &["bad", "good"]).start().await;

    for _ in 0..2 {
        assert_eq!(said(&gateway.post(OPENAI_PATH, CHAT_STREAM).await), "Hello!");
    }

    let records = gateway.records(2).await;
    let attempts: u8 = records.iter().map(|record| record.attempts).sum();
    assert_eq!(attempts, 3, "{records:?}");
}

#[tokio::test]
async fn a_stream_that_begins_with_an_error_is_asked_for_again() {
    let by_key = |key: &str| if key == "bad" { vec![START, OVERLOADED] } else { WHOLE.to_vec() };
    let (upstream, _) = streaming(by_key, Then::Ends).await;
    let gateway = claude(&upstream.url(), &["bad", "good"])
        .with(|fields| fields.options.max_retries = Some(1))
        .start()
        .await;

    for _ in 0..3 {
        assert_eq!(said(&gateway.post(OPENAI_PATH, CHAT_STREAM).await), "Hello!");
    }

    let records = gateway.records(3).await;
    assert!(records.iter().any(|record| record.attempts == 2), "{records:?}");
}

#[tokio::test]
async fn an_error_on_every_key_or_after_content_is_told_in_the_clients_words_without_the_key() {
    const TELLTALE: &str = "data: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"no sk-secret-0123456789\"}}\n\n";
    let (upstream, _) = streaming(|_| vec![START, TELLTALE], Then::Ends).await;
    let gateway = claude(&upstream.url(), &["sk-secret-0123456789"]).start().await;

    let answer = gateway.post(OPENAI_PATH, CHAT_STREAM).await;

    let last = events(&answer).pop().unwrap();
    assert_eq!(last["error"]["message"], "no ********************", "{}", answer.text());
    assert_eq!(gateway.records(1).await[0].outcome, RequestOutcome::UpstreamFailed);

    let (upstream, _) = streaming(|_| vec![START, BLOCK, HEL, OVERLOADED], Then::Ends).await;
    let gateway = claude(&upstream.url(), &["k1", "k2"]).start().await;

    let answer = gateway.post(OPENAI_PATH, CHAT_STREAM).await;

    assert_eq!((said(&answer).as_str(), upstream.connections()), ("Hel", 1));
    assert_eq!(events(&answer).pop().unwrap()["error"]["message"], "busy");
    assert!(!answer.text().contains("[DONE]"), "{}", answer.text());
}

#[tokio::test]
async fn a_stream_without_its_end_ends_with_the_clients_error_event() {
    for then in [Then::BreaksOff, Then::Ends] {
        let (upstream, _) = streaming(|_| vec![START, BLOCK, HEL], then).await;
        let gateway = claude(&upstream.url(), &["up-1"]).start().await;

        let answer = gateway.post(OPENAI_PATH, CHAT_STREAM).await;

        assert_eq!((said(&answer).as_str(), answer.is_whole), ("Hel", true));
        let last = events(&answer).pop().unwrap();
        assert_eq!(last["error"]["message"], "the upstream broke off its answer");
        assert!(!answer.text().contains("[DONE]"), "{}", answer.text());
        let record = &gateway.records(1).await[0];
        assert_eq!((record.outcome, record.status), (RequestOutcome::UpstreamCut, 200));
        assert_eq!(record.usage.map(|used| used.input), Some(9));
        assert_eq!(record.bytes_out, answer.body.len() as u64);
    }
}

#[tokio::test]
async fn every_kind_of_client_is_told_that_its_stream_broke_off() {
    for then in [Then::BreaksOff, Then::Ends] {
        let (upstream, _) = streaming(|_| vec![CHUNK], then).await;
        let gateway = gpt(&upstream.url(), &["up-1"]).start().await;

        let answer = gateway.post(ANTHROPIC_PATH, MESSAGES_STREAM).await;
        let text = answer.text();
        assert!(text.contains("event: error\ndata: {") && !text.contains("message_stop"), "{text}");
        assert_eq!(events(&answer).pop().unwrap()["error"]["type"], "api_error");

        let path = "/llm/ai/v1beta/models/m:streamGenerateContent";
        let answer = gateway.post(&format!("{path}?alt=sse"), GEMINI).await;
        assert_eq!(events(&answer).pop().unwrap()["error"]["code"], 502, "{}", answer.text());
        let answer = gateway.post(path, GEMINI).await;
        assert_eq!(answer.json().as_array().unwrap().last().unwrap()["error"]["code"], 502);

        let question = r#"{"model":"m","input":"hi","stream":true}"#;
        let answer = gateway.post("/llm/ai/v1/responses", question).await;
        assert!(!answer.text().contains("response.completed"), "{}", answer.text());
        let last = events(&answer).pop().unwrap();
        assert!(last["type"] == "error" || last["type"] == "response.failed", "{last}");

        let records = gateway.records(4).await;
        assert!(records.iter().all(|record| record.outcome == RequestOutcome::UpstreamCut), "{records:?}");
    }
}

#[tokio::test]
async fn a_stream_of_nothing_is_told_as_broken_off() {
    let (chunked, _) = streaming(|_| vec![], Then::Ends).await;
    let announced = Upstream::reply(|_| stream("")).await;
    for url in [chunked.url(), announced.url()] {
        let gateway = claude(&url, &["up-1"]).start().await;

        let answer = gateway.post(OPENAI_PATH, CHAT_STREAM).await;

        assert_eq!(answer.status, 200);
        let last = events(&answer).pop().unwrap();
        assert_eq!(last["error"]["message"], "the upstream broke off its answer");
        assert_eq!(gateway.records(1).await[0].outcome, RequestOutcome::UpstreamCut);
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_read_ends_the_stream_with_an_error() {
    let (upstream, _) = streaming(|_| vec![START, BLOCK, HEL, "data: {oops\n\n", LO], Then::Ends).await;
    let gateway = claude(&upstream.url(), &["up-1"]).start().await;

    let answer = gateway.post(OPENAI_PATH, CHAT_STREAM).await;

    assert_eq!(said(&answer), "Hel");
    let last = events(&answer).pop().unwrap();
    assert_eq!(last["error"]["message"], "the upstream sent an event that cannot be read");
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_cut_and_the_client_told() {
    let (upstream, closed) = streaming(|_| vec![START, BLOCK, HEL], Then::Waits).await;
    let gateway = claude(&upstream.url(), &["up-1"])
        .set(|settings| settings.upstream.body_timeout = Duration::from_millis(200))
        .start()
        .await;

    let answer = gateway.post(OPENAI_PATH, CHAT_STREAM).await;

    let last = events(&answer).pop().unwrap();
    assert_eq!(last["error"]["message"], "the upstream stopped in the middle of its answer");
    assert_eq!(gateway.records(1).await[0].outcome, RequestOutcome::UpstreamCut);
    gateway.settle(Duration::from_secs(5)).await;
    eventually(|| closed.load(SeqCst) == 1).await;
}

#[tokio::test]
async fn a_client_that_leaves_mid_stream_cancels_the_upstream_and_frees_the_key() {
    let (upstream, closed) = streaming(|_| vec![START, BLOCK, HEL], Then::Waits).await;
    let gateway = claude(&upstream.url(), &["up-1"]).start().await;

    let mut answer = open(gateway.address, Request::post(OPENAI_PATH), CHAT_STREAM.into()).await;
    read_until(answer.body_mut(), "Hel").await;
    assert_eq!(gateway.metrics().active_requests(), 1);
    drop(answer);

    let record = &gateway.records(1).await[0];
    assert_eq!((record.outcome, record.status), (RequestOutcome::ClientGone, 200));
    assert_eq!(record.usage.map(|used| used.input), Some(9));
    gateway.settle(Duration::from_secs(5)).await;
    eventually(|| closed.load(SeqCst) == 1).await;
}

#[tokio::test]
async fn losses_are_named_with_a_stream_too() {
    let (upstream, _) = streaming(|_| WHOLE.to_vec(), Then::Ends).await;
    let gateway = claude(&upstream.url(), &["up-1"]).start().await;

    let answer = gateway.post(OPENAI_PATH, CHAT_STREAM.replacen('{', "{\"seed\":7,", 1)).await;

    assert_eq!((answer.header("x-rotator-dropped"), said(&answer).as_str()), ("seed", "Hello!"));
}

#[tokio::test]
async fn a_stream_of_gemini_is_asked_for_as_events() {
    const ALL: &str = r#"data: {"candidates":[{"content":{"parts":[{"text":"Hello!"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":3,"totalTokenCount":12},"modelVersion":"m","responseId":"r1"}

"#;
    let upstream = Upstream::reply(|_| stream(ALL)).await;
    let gateway = service("gemini_native", "openai", &upstream.url(), &["up-1"]).start().await;

    let answer = gateway.post(OPENAI_PATH, CHAT_STREAM).await;

    assert_eq!(said(&answer), "Hello!", "{}", answer.text());
    assert_eq!(upstream.received()[0].uri, "/v1beta/models/m:streamGenerateContent?alt=sse");
    let record = &gateway.records(1).await[0];
    assert_eq!((record.outcome, record.bytes_out), (RequestOutcome::Completed, answer.body.len() as u64));
}
