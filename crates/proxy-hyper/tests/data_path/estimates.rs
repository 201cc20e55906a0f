//! What a request used whose answer does not tell is estimated from its texts, and marked.

use bytes::Bytes;
use http::Request;
use rotator_core::{
    model::ConfigType,
    record::{RequestOutcome, RequestRecord, Tokens},
};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::support::{
    Gateway, Running,
    client::{open, read_until},
    eventually,
    upstream::{EVENT_STREAM, RawUpstream, chunk, read_head, until_closed},
};

const QUESTION: &str =
    r#"{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hello world"}]}"#;
const START: &str = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n";
const ERROR: &str = "data: {\"error\":{\"message\":\"busy\",\"code\":500}}\n\n";

/// How a stream ends.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Ends,
    BreaksOff,
    Waits,
}

fn as_it_is(gateway: Gateway) -> Gateway {
    gateway
}

fn said(text: &str) -> String {
    format!("data: {}\n\n", json!({ "id": "c", "choices": [{ "index": 0, "delta": { "content": text } }] }))
}

/// A service whose API streams these events.
async fn streaming(
    api_format: &str,
    events: Vec<String>,
    then: Then,
    set: impl FnOnce(Gateway) -> Gateway,
) -> (RawUpstream, Running) {
    let upstream = RawUpstream::serve(move |mut socket| {
        let events = events.clone();
        async move {
            read_head(&mut socket).await;
            socket.write_all(EVENT_STREAM).await.unwrap();
            for event in &events {
                socket.write_all(&chunk(event)).await.unwrap();
            }
            match then {
                Then::Ends => socket.write_all(b"0\r\n\r\n").await.unwrap(),
                Then::BreaksOff => return,
                Then::Waits => {}
            }
            until_closed(&mut socket).await;
        }
    })
    .await;
    let gateway = set(Gateway::new().llm("ai", api_format, &upstream.url(), &["k1"])).start().await;
    (upstream, gateway)
}

/// What is recorded of a request whose client leaves when it has seen this.
async fn recorded(gateway: &Running, last_words: &str) -> RequestRecord {
    let request = Request::post("/llm/ai/v1/chat/completions");
    let mut answer = open(gateway.address, request, Bytes::from_static(QUESTION.as_bytes())).await;
    read_until(answer.body_mut(), last_words).await;
    drop(answer);
    gateway.estimated_records(1).await.remove(0)
}

fn spent(gateway: &Running) -> String {
    gateway.routes.table().load().find(ConfigType::Llm, "ai").unwrap().spending.get().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_tell_is_estimated_and_marked() {
    let events = vec![said("The quick brown"), said(" fox"), "data: [DONE]\n\n".into()];
    let (_upstream, gateway) = streaming("openai_compatible", events, Then::Ends, as_it_is).await;

    let answer = gateway.post("/llm/ai/v1/chat/completions", QUESTION).await;

    assert!(answer.is_whole, "{}", answer.text());
    let record = &gateway.estimated_records(1).await[0];
    // `hello world` and the end of its line; `The quick brown fox`.
    let used = Tokens { input: 3, output: 4, ..Tokens::default() };
    assert_eq!((record.usage, record.usage_estimated), (Some(used), true));
    // 3 at 2.50 and 4 at 10 dollars a million.
    assert_eq!(record.cost.map(|cost| cost.to_string()).as_deref(), Some("0.0000475"));
    assert_eq!(spent(&gateway), "0.0000475");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_stream_that_ends_early_what_passed_is_estimated() {
    for (then, outcome) in
        [(Then::Waits, RequestOutcome::ClientGone), (Then::BreaksOff, RequestOutcome::UpstreamCut)]
    {
        let events = vec![said("The quick brown"), said(" fox")];
        let (_upstream, gateway) = streaming("openai_compatible", events, then, as_it_is).await;

        let record = recorded(&gateway, if then == Then::Waits { " fox" } else { "error" }).await;

        assert_eq!((record.outcome, record.usage_estimated), (outcome, true));
        assert_eq!(record.usage.map(|used| used.output), Some(4));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_was_told_of_stays_what_it_was_told_to_be() {
    let delta = |text: &str| {
        format!(
            "data: {}\n\n",
            json!({ "type": "content_block_delta", "delta": { "type": "text_delta", "text": text } })
        )
    };
    let events = vec![START.into(), delta("The quick brown"), delta(" fox")];
    let (_upstream, gateway) = streaming("anthropic_native", events, Then::Waits, as_it_is).await;

    let record = recorded(&gateway, " fox").await;

    let used = Tokens { input: 25, output: 4, ..Tokens::default() };
    assert_eq!((record.usage, record.usage_estimated), (Some(used), true));
    // 25 at 2.50 and 4 at 10 dollars a million: each token once.
    assert_eq!(record.cost.map(|cost| cost.to_string()).as_deref(), Some("0.0001025"));
    assert_eq!(spent(&gateway), "0.0001025");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_is_not_estimated_and_neither_is_a_failure() {
    let told = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9}}\n\n";
    let (_upstream, gateway) =
        streaming("openai_compatible", vec![said("Hi"), told.into()], Then::Ends, as_it_is).await;
    gateway.post("/llm/ai/v1/chat/completions", QUESTION).await;
    let record = &gateway.estimated_records(1).await[0];
    let used = Tokens { input: 7, output: 9, ..Tokens::default() };
    assert_eq!((record.usage, record.usage_estimated), (Some(used), false));

    let (_upstream, gateway) = streaming("openai_compatible", vec![ERROR.into()], Then::Ends, as_it_is).await;
    gateway.post("/llm/ai/v1/chat/completions", QUESTION).await;
    let record = &gateway.estimated_records(1).await[0];
    assert_eq!((record.usage, record.usage_estimated, record.cost), (None, false, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_for_estimates_takes_no_room_from_bodies_and_without_room_nothing_is_estimated() {
    let (_upstream, gateway) = streaming("openai_compatible", vec![said("Hi")], Then::Waits, |gateway| {
        gateway.set(|s| (s.client.prompt_budget_bytes, s.client.replay_budget_bytes) = (200, 200))
    })
    .await;
    let open = async || {
        let request = Request::post("/llm/ai/v1/chat/completions");
        let mut answer = open(gateway.address, request, Bytes::from_static(QUESTION.as_bytes())).await;
        read_until(answer.body_mut(), "Hi").await;
        answer
    };

    let waiting = [open().await, open().await, open().await];

    drop(waiting);
    let records = gateway.estimated_records(3).await;
    // A body that found no room would tell no model.
    assert!(records.iter().all(|record| record.model.as_deref() == Some("gpt-4o")));
    assert_eq!(records.iter().filter(|record| record.usage_estimated).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_records_is_counted_all_the_same() {
    let words = "The quick brown fox".repeat(5);
    let (_upstream, gateway) = streaming("openai_compatible", vec![said(&words)], Then::Ends, as_it_is).await;
    gateway.close_log().await;

    gateway.post("/llm/ai/v1/chat/completions", QUESTION).await;

    let used = || gateway.routes.table().load().find(ConfigType::Llm, "ai").unwrap().tokens.get();
    // About a token for every four bytes.
    eventually(|| used().iter().sum::<u64>() > 0).await;
    assert_eq!(used(), [QUESTION.len() as u64 / 4, 0, 0, words.len() as u64 / 4, 0]);
}
