//! What an LLM's answer used is known afterwards, and the answer passes as if nobody had looked.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{Request, Response};
use rotator_core::record::{RequestOutcome, RequestRecord, Tokens};
use tokio::io::AsyncWriteExt;

use crate::support::{
    Gateway, Running, Upstream,
    client::{open, read_until},
    upstream::{Body, EVENT_STREAM, RawUpstream, chunk, ok, read_head, until_closed},
};

const CHAT: &str = r#"{"choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":9}"}}],"usage":{"prompt_tokens":30,
    "completion_tokens":12,"prompt_tokens_details":{"cached_tokens":10},"completion_tokens_details":{"reasoning_tokens":5}}}"#;
const USED: Tokens = Tokens { input: 20, cached_read: 10, cache_write: 0, output: 7, reasoning: 5 };
const QUESTION: &str = r#"{"messages":[],"model":"gpt-5"}"#;
const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"cache_creation_input_tokens\":3,\"cache_read_input_tokens\":4,\"output_tokens\":1}}}\n\n";

fn with_headers(answer: impl Into<Bytes>, headers: &[(&'static str, &'static str)]) -> Response<Body> {
    let mut answer = ok(answer);
    for (name, value) in headers {
        answer.headers_mut().append(*name, value.parse().unwrap());
    }
    answer
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

async fn openai(url: &str) -> Running {
    Gateway::new().llm("ai", "openai_compatible", url, &["k1"]).start().await
}

/// Asks a question that is answered so; what is recorded of it.
async fn asked(body: impl Into<Bytes>, headers: &'static [(&'static str, &'static str)]) -> RequestRecord {
    let body = body.into();
    let answer = body.clone();
    let upstream = Upstream::reply(move |_| with_headers(answer.clone(), headers)).await;
    let gateway = openai(&upstream.url()).await;

    let answered = gateway.post("/llm/ai/v1/chat/completions", QUESTION).await;

    assert_eq!(answered.body, body);
    gateway.records(1).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_answer_used_is_recorded_with_the_model_that_was_asked() {
    let record = asked(CHAT, &[("content-type", "application/json; charset=utf-8")]).await;

    assert_eq!((record.usage, record.model.as_deref()), (Some(USED), Some("gpt-5")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_compressed_answer_used_is_recorded() {
    const GZIP: &[(&str, &str)] = &[("content-type", "application/json"), ("content-encoding", "gzip")];

    let long = CHAT.replace("choices", &"x".repeat(200_000));
    assert_eq!(asked(gzip(&long), GZIP).await.usage, Some(USED));
    // A bomb, and one that is no gzip at all, pass as they are.
    let bomb = CHAT.replace("choices", &"x".repeat(70 << 20));
    assert_eq!(asked(gzip(&bomb), GZIP).await.usage, None);
    assert_eq!(asked(CHAT, GZIP).await.usage, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_not_metered() {
    for headers in [
        &[][..],
        &[("content-type", "audio/mpeg")],
        &[("content-type", "application/json"), ("content-encoding", "compress")],
        &[("content-type", "application/json"), ("content-encoding", "gzip"), ("content-encoding", "gzip")],
    ] {
        assert_eq!(asked(CHAT, headers).await.usage, None, "{headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_errors_nor_stored_answers_nor_other_apis_are_metered() {
    let upstream = Upstream::reply(|request| {
        let mut answer = with_headers(CHAT, &[("content-type", "application/json")]);
        if request.uri.path().ends_with("/error") {
            *answer.status_mut() = http::StatusCode::BAD_REQUEST;
        }
        answer
    })
    .await;
    let gateway = Gateway::new()
        .llm("ai", "openai_compatible", &upstream.url(), &["k1"])
        .generic("svc", &upstream.url(), &["k1"])
        .start()
        .await;

    gateway.post("/llm/ai/v1/error", QUESTION).await;
    gateway.get("/llm/ai/v1/responses/resp_1").await;
    gateway.post("/proxy/svc/x", QUESTION).await;

    let records = gateway.records(3).await;
    assert!(records.iter().all(|record| record.usage.is_none()), "{records:?}");
    let model_of = |path: &str| records.iter().find(|r| r.path.ends_with(path)).unwrap().model.as_deref();
    assert_eq!((model_of("/v1/error"), model_of("/proxy/svc/x")), (Some("gpt-5"), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stream_used_is_recorded() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        socket.write_all(EVENT_STREAM).await.unwrap();
        socket.write_all(&chunk(START)).await.unwrap();
        let delta = "data: {\"delta\":{},\"usage\":{\"output_tokens\":15}}\r\n\r\n";
        for byte in delta.as_bytes() {
            socket.write_all(&chunk([*byte])).await.unwrap();
        }
        socket.write_all(b"0\r\n\r\n").await.unwrap();
        until_closed(&mut socket).await;
    })
    .await;
    let gateway = Gateway::new().llm("claude", "anthropic_native", &upstream.url(), &["k1"]).start().await;

    let answer = gateway.post("/llm/claude/v1/messages", r#"{"model":"claude-sonnet-5"}"#).await;

    assert!(answer.is_whole && answer.status == 200, "{}", answer.text());
    let record = &gateway.records(1).await[0];
    let used = Tokens { input: 25, cached_read: 4, cache_write: 3, output: 15, reasoning: 0 };
    assert_eq!((record.usage, record.model.as_deref()), (Some(used), Some("claude-sonnet-5")), "{record:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_had_been_used_when_a_client_left_or_an_upstream_broke_off_is_recorded() {
    for is_cut in [false, true] {
        let upstream = RawUpstream::serve(move |mut socket| async move {
            read_head(&mut socket).await;
            socket.write_all(EVENT_STREAM).await.unwrap();
            socket.write_all(&chunk(START)).await.unwrap();
            socket.write_all(&chunk("data: {\"type\":\"content_block_delta\"}\n\n")).await.unwrap();
            if !is_cut {
                until_closed(&mut socket).await;
            }
        })
        .await;
        let gateway =
            Gateway::new().llm("claude", "anthropic_native", &upstream.url(), &["k1"]).start().await;

        let request = Request::post("/llm/claude/v1/messages");
        let mut answer = open(gateway.address, request, Bytes::new()).await;
        read_until(answer.body_mut(), if is_cut { "api_error" } else { "delta\"}\n\n" }).await;
        drop(answer);

        let record = &gateway.records(1).await[0];
        let used = Tokens { input: 25, cached_read: 4, cache_write: 3, output: 1, reasoning: 0 };
        assert_eq!(record.usage, Some(used), "{record:?}");
        if !is_cut {
            assert_eq!(record.outcome, RequestOutcome::ClientGone);
        }
    }
}
