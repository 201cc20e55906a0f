//! The same conversation goes to the same key.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use crate::support::{Gateway, Running, Upstream, upstream::ok};

const KEYS: [&str; 5] = ["k1", "k2", "k3", "k4", "k5"];

async fn sticky(upstream: &Upstream, api_format: &str) -> Running {
    Gateway::new()
        .llm("ai", api_format, &upstream.url(), &KEYS)
        .with(|fields| fields.strategy = Some("sticky".into()))
        .with(|fields| {
            fields.api_key_location = Some("header".into());
            fields.api_key_name = Some("x-key".into());
            fields.options.sticky_header = Some("x-conversation".into());
        })
        .start()
        .await
}

/// The first and the second turn of a conversation.
fn turns(api_format: &str, topic: usize) -> [Value; 2] {
    let (ask, say, more) = (format!("tell me of {topic}"), format!("this is {topic}"), "more");
    let openai = |texts: &[&str]| -> Value {
        let roles = ["user", "assistant"].iter().cycle();
        let messages: Vec<_> =
            roles.zip(texts).map(|(role, text)| json!({ "role": role, "content": text })).collect();
        json!({ "model": format!("m{}", texts.len()), "system": "be brief", "messages": messages })
    };
    let gemini = |texts: &[&str]| -> Value {
        let roles = ["user", "model"].iter().cycle();
        let contents: Vec<_> = roles
            .zip(texts)
            .map(|(role, text)| json!({ "role": role, "parts": [{ "text": text }] }))
            .collect();
        json!({ "contents": contents, "generationConfig": { "temperature": texts.len() } })
    };
    match api_format {
        "gemini_native" => [gemini(&[&ask]), gemini(&[&ask, &say, more])],
        _ => [openai(&[&ask]), openai(&[&ask, &say, more])],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_turns_of_a_conversation_use_one_key() {
    const CONVERSATIONS: usize = 20;
    for (api_format, path) in [
        ("openai_compatible", "/llm/ai/v1/chat/completions"),
        ("anthropic_native", "/llm/ai/v1/messages"),
        ("gemini_native", "/llm/ai/v1beta/models/m:generateContent"),
    ] {
        let upstream = Upstream::reply(|_| ok("{}")).await;
        let gateway = sticky(&upstream, api_format).await;

        for topic in 0..CONVERSATIONS {
            for turn in turns(api_format, topic) {
                gateway.post(path, turn.to_string()).await;
            }
        }

        let keys = upstream.seen("x-key");
        assert_eq!(keys.len(), 2 * CONVERSATIONS);
        assert!(keys.chunks(2).all(|turns| turns[0] == turns[1]), "{api_format} {keys:?}");
        assert!(keys.iter().collect::<HashSet<_>>().len() > 1, "{api_format} {keys:?}");
    }
}

/// The key that each conversation is sent to, told by the header.
async fn keys_by_header(
    gateway: &Running,
    upstream: &Upstream,
    conversations: usize,
) -> HashMap<usize, String> {
    let before = upstream.received().len();
    for conversation in 0..conversations {
        let request = Request::post("/llm/ai/v1/x").header("x-conversation", conversation);
        gateway
            .send(request, format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"{before}\"}}]}}"))
            .await;
    }
    upstream.seen("x-key").into_iter().skip(before).enumerate().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_may_tell_the_conversation_whatever_the_body_says() {
    let upstream = Upstream::reply(|_| ok("{}")).await;
    let gateway = sticky(&upstream, "openai_compatible").await;

    let first = keys_by_header(&gateway, &upstream, 30).await;
    let second = keys_by_header(&gateway, &upstream, 30).await;

    assert_eq!(first, second);
    assert!(first.values().collect::<HashSet<_>>().len() > 1);
    assert!(upstream.seen("x-conversation").len() == 60, "the header is the upstream's too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_goes_moves_its_own_conversations_only() {
    let upstream = Upstream::reply(|_| ok("{}")).await;
    let gateway = sticky(&upstream, "openai_compatible").await;
    let before = keys_by_header(&gateway, &upstream, 60).await;

    let mut sources = gateway.sources.clone();
    sources[0].keys[1].is_active = false;
    gateway.routes.replace(sources).await;
    let after = keys_by_header(&gateway, &upstream, 60).await;

    assert!(before.values().any(|key| key == "k2"), "{before:?}");
    for (conversation, key) in &before {
        if key == "k2" {
            assert_ne!(after[conversation], "k2");
        } else {
            assert_eq!(after[conversation], *key);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_moves_its_own_conversations_only_and_always_to_the_same_key() {
    let upstream = Upstream::reply(|r| {
        if r.headers["x-key"] == "k2" { crate::support::upstream::status(429, "no") } else { ok("{}") }
    })
    .await;
    let gateway = sticky(&upstream, "openai_compatible").await;

    let mut answered = Vec::new();
    for _ in 0..2 {
        for conversation in 0..30 {
            let request = Request::post("/llm/ai/v1/x").header("x-conversation", conversation);
            assert_eq!(gateway.send(request, "{}").await.status, 200);
            answered.push(upstream.seen("x-key").last().unwrap().clone());
        }
    }

    assert!(upstream.seen("x-key").iter().any(|key| key == "k2"));
    assert_eq!(answered[..30], answered[30..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_replay_limit_still_arrives_whole() {
    let upstream = Upstream::reply(|r| ok(r.body.clone())).await;
    let gateway = sticky(&upstream, "openai_compatible").await;
    let body: Bytes = (0..=250).cycle().take(3 << 20).collect();

    let answer = gateway.post("/llm/ai/v1/x", body.clone()).await;

    assert!(answer.body == body);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_tell_no_conversation_take_turns() {
    let upstream = Upstream::reply(|_| ok("{}")).await;
    let gateway = sticky(&upstream, "openai_compatible").await;

    for body in ["", "no json", "{}", "[]", "{\"prompt\":\"a\"}"] {
        gateway.post("/llm/ai/v1/x", body).await;
    }

    let mut keys = upstream.seen("x-key");
    keys.sort_unstable();
    assert_eq!(keys, KEYS);
}
