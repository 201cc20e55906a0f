//! What the client gets of an answer that comes whole.

use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use rotator_core::record::{RequestOutcome, Tokens};
use serde_json::{Value, json as value};
use tokio::{io::AsyncWriteExt, sync::mpsc::unbounded_channel};

use super::{
    ANTHROPIC_PATH, CHAT, CHAT_STREAM, FROM_ANTHROPIC, FROM_OPENAI, GEMINI, MESSAGES, MESSAGES_STREAM,
    OPENAI_PATH, claude, gpt, json, service,
};
use crate::support::{
    PROXY_KEY, Upstream, eventually,
    upstream::{RawUpstream, read_head, status, until_closed},
};

#[tokio::test]
async fn an_answer_comes_in_the_clients_format_and_what_it_used_is_recorded() {
    let upstream = Upstream::reply(|_| json(200, FROM_OPENAI)).await;
    let gateway = gpt(&upstream.url(), &["up-1"]).start().await;

    let answer = gateway.post(ANTHROPIC_PATH, MESSAGES).await;

    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    assert_eq!(answer.header("request-id"), answer.header("x-request-id"));
    assert_eq!(answer.json()["content"], value!([{ "type": "text", "text": "Hello!" }]));
    let record = &gateway.records(1).await[0];
    assert_eq!((record.outcome, record.status), (RequestOutcome::Completed, 200));
    let used = Tokens { input: 9, cached_read: 0, cache_write: 0, output: 3, reasoning: 0 };
    assert_eq!((record.usage, record.model.as_deref()), (Some(used), Some("m")));
    assert_eq!(record.bytes_in, MESSAGES.len() as u64);
    assert_eq!(record.bytes_out, answer.body.len() as u64);
}

#[tokio::test]
async fn a_packed_answer_is_unpacked() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(FROM_OPENAI.as_bytes()).unwrap();
    let gzip = Bytes::from(gzip.finish().unwrap());
    let upstream = Upstream::reply(move |_| {
        let mut answer = status(200, gzip.clone());
        answer.headers_mut().insert("content-type", "application/json".parse().unwrap());
        answer.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        answer
    })
    .await;
    let gateway = gpt(&upstream.url(), &["up-1"]).start().await;

    let answer = gateway.post(ANTHROPIC_PATH, MESSAGES).await;

    assert_eq!(answer.json()["content"][0]["text"], "Hello!");
    assert_eq!(answer.header("content-encoding"), "");
    assert_eq!(gateway.records(1).await[0].usage.map(|used| used.output), Some(3));
}

#[tokio::test]
async fn a_key_at_its_limit_gives_way_to_the_next() {
    let upstream = Upstream::reply(|request| match request.headers["x-api-key"].to_str() {
        Ok("good") => json(200, FROM_ANTHROPIC),
        _ => json(429, r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#),
    })
    .await;
    let gateway = claude(&upstream.url(), &["bad", "good"]).start().await;

    for _ in 0..3 {
        let answer = gateway.post(OPENAI_PATH, CHAT).await;
        assert_eq!(answer.json()["choices"][0]["message"]["content"], "Hello!", "{}", answer.text());
    }

    // The bad key rests, wherever the turn began.
    let (bad, good): (Vec<_>, Vec<_>) =
        upstream.received().into_iter().partition(|request| request.headers["x-api-key"] == "bad");
    assert_eq!((bad.len(), good.len()), (1, 3));
    assert_eq!(bad[0].body, good[0].body);
}

#[tokio::test]
async fn an_error_of_the_api_comes_in_the_clients_words_without_the_key() {
    const ERROR: &str =
        r#"{"error":{"message":"bad key sk-secret-0123456789","type":"invalid_request_error","code":"x"}}"#;
    for (code, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (404, "not_found_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
    ] {
        let upstream = Upstream::reply(move |_| json(code, ERROR)).await;
        let gateway = gpt(&upstream.url(), &["sk-secret-0123456789"]).start().await;

        for question in [MESSAGES, MESSAGES_STREAM] {
            gateway.reset_keys();
            let answer = gateway.post(ANTHROPIC_PATH, question).await;

            assert_eq!((answer.status.as_u16(), answer.header("content-type")), (code, "application/json"));
            let body = answer.json();
            assert_eq!((&body["type"], &body["error"]["type"]), (&value!("error"), &value!(kind)));
            assert_eq!(body["error"]["message"], "bad key ********************");
            assert_eq!(body["request_id"], answer.header("x-request-id"));
        }
        let record = &gateway.records(1).await[0];
        assert_eq!((record.outcome, record.status), (RequestOutcome::Completed, code));
    }
}

#[tokio::test]
async fn a_packed_error_does_not_show_the_key_either() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(br#"{"error":{"message":"bad key sk-secret-0123456789"}}"#).unwrap();
    let gzip = Bytes::from(gzip.finish().unwrap());
    let upstream = Upstream::reply(move |_| {
        let mut answer = status(403, gzip.clone());
        answer.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        answer.headers_mut().insert("x-told", "sk-secret-0123456789".parse().unwrap());
        answer
    })
    .await;
    let gateway = gpt(&upstream.url(), &["sk-secret-0123456789"]).start().await;

    let answer = gateway.post(ANTHROPIC_PATH, MESSAGES).await;

    assert_eq!(answer.json()["error"]["message"], "bad key ********************");
    assert!(!format!("{answer:?}").contains("sk-secret"), "{answer:?}");
}

#[tokio::test]
async fn only_clients_of_anthropic_know_a_529() {
    const OVERLOADED: &str = r#"{"error":{"type":"overloaded_error","message":"too much to do"}}"#;
    let upstream = Upstream::reply(|_| json(529, OVERLOADED)).await;
    let api = upstream.url();
    let anthropics = claude(&api, &["up-1"]).start().await;
    let openais = gpt(&api, &["up-1"]).start().await;

    let answer = anthropics.post(OPENAI_PATH, CHAT).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]["message"]),
        (503, &value!("too much to do"))
    );
    assert_eq!(anthropics.records(1).await[0].status, 503);
    let answer = anthropics.post("/llm/ai/v1beta/models/m:generateContent", GEMINI).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]["code"]), (503, &value!(503)));
    let answer = openais.post(ANTHROPIC_PATH, MESSAGES).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]["type"]), (529, &value!("overloaded_error")));
}

#[tokio::test]
async fn our_own_errors_are_in_the_clients_words_too() {
    let upstream = Upstream::reply(|_| json(429, "{}")).await;
    let gateway = gpt(&upstream.url(), &["up-1"]).start().await;

    gateway.post(ANTHROPIC_PATH, MESSAGES).await;
    let resting = gateway.post(ANTHROPIC_PATH, MESSAGES).await;

    assert_eq!(resting.status, 429);
    assert_eq!(resting.json()["error"]["type"], "rate_limit_error", "{}", resting.text());
}

#[tokio::test]
async fn an_answer_that_is_not_in_the_apis_format_is_a_failure_of_the_upstream() {
    for text in ["", "<html>welcome</html>", "[]", r#"{"content":"Hello!"}"#] {
        let upstream = Upstream::reply(move |_| json(200, text)).await;
        let gateway = gpt(&upstream.url(), &["up-1"]).start().await;

        for question in [MESSAGES, MESSAGES_STREAM] {
            let answer = gateway.post(ANTHROPIC_PATH, question).await;

            assert_eq!(answer.status, 502, "{text}");
            let error = &answer.json()["error"];
            assert!(error["message"].as_str().unwrap().contains("format"), "{error}");
        }
        let records = gateway.records(2).await;
        assert!(records.iter().all(|r| (r.outcome, r.status) == (RequestOutcome::UpstreamFailed, 502)));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_failure_of_the_upstream() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{\"id\":";
    let upstream = RawUpstream::answer(cut.as_bytes()).await;
    let gateway = gpt(&upstream.url(), &["up-1"]).start().await;

    let answer = gateway.post(ANTHROPIC_PATH, MESSAGES).await;

    assert_eq!((answer.status.as_u16(), &answer.json()["error"]["type"]), (502, &value!("api_error")));
    assert_eq!(gateway.records(1).await[0].outcome, RequestOutcome::UpstreamFailed);
}

#[tokio::test]
async fn a_client_that_waits_for_a_stream_gets_one_from_an_api_that_has_none() {
    let upstream = Upstream::reply(|_| json(200, FROM_ANTHROPIC)).await;
    let gateway = claude(&upstream.url(), &["up-1"]).start().await;

    let answer = gateway.post(OPENAI_PATH, CHAT_STREAM).await;

    assert_eq!(answer.header("content-type"), "text/event-stream; charset=utf-8");
    assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
    let chunks = answer.text().split("\n\n").filter_map(|event| event.strip_prefix("data: {"));
    let chunks = chunks.map(|rest| serde_json::from_str(&format!("{{{rest}")).unwrap());
    let texts = chunks
        .filter_map(|chunk: Value| Some(chunk["choices"].get(0)?["delta"]["content"].as_str()?.to_owned()));
    assert_eq!(texts.collect::<String>(), "Hello!");
    let record = &gateway.records(1).await[0];
    assert_eq!(record.usage.map(|used| (used.input, used.output)), Some((9, 3)));
    assert_eq!(record.bytes_out, answer.body.len() as u64);
}

#[tokio::test]
async fn a_client_of_gemini_gets_its_stream_as_it_asked_for_it() {
    const PATH: &str = "/llm/ai/v1beta/models/m:streamGenerateContent";
    let upstream = Upstream::reply(|_| json(200, FROM_ANTHROPIC)).await;
    let gateway = service("anthropic_native", "gemini", &upstream.url(), &["up-1"]).start().await;

    let array = gateway.post(PATH, GEMINI).await;
    let events = gateway.post(&format!("{PATH}?alt=sse"), GEMINI).await;

    assert_eq!(array.header("content-type"), "application/json");
    assert_eq!(array.json()[0]["candidates"][0]["content"]["parts"][0]["text"], "Hello!");
    assert_eq!(events.header("content-type"), "text/event-stream; charset=utf-8");
    assert!(events.text().starts_with("data: {"), "{}", events.text());
}

#[tokio::test]
async fn a_client_that_leaves_before_its_answer_is_whole_frees_the_key() {
    let closed = Arc::new(AtomicUsize::new(0));
    let (begun, mut has_begun) = unbounded_channel();
    let upstream = {
        let closed = Arc::clone(&closed);
        RawUpstream::serve(move |mut socket| {
            let (closed, begun) = (Arc::clone(&closed), begun.clone());
            async move {
                read_head(&mut socket).await;
                let half =
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{";
                socket.write_all(half).await.unwrap();
                begun.send(()).unwrap();
                until_closed(&mut socket).await;
                closed.fetch_add(1, SeqCst);
            }
        })
        .await
    };
    let gateway = gpt(&upstream.url(), &["up-1"]).start().await;

    let mut client = gateway.raw().await;
    let length = MESSAGES.len();
    let head = format!(
        "POST {ANTHROPIC_PATH} HTTP/1.1\r\nhost: a\r\nx-api-key: {PROXY_KEY}\r\ncontent-length: {length}\r\n\r\n"
    );
    client.write(head + MESSAGES).await;
    has_begun.recv().await.unwrap();
    drop(client);

    assert_eq!(gateway.records(1).await[0].outcome, RequestOutcome::ClientGone);
    gateway.settle(Duration::from_secs(5)).await;
    eventually(|| closed.load(SeqCst) == 1).await;
}
