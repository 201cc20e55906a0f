//! A service whose clients speak another format than its API.

mod answers;
mod native;
mod requests;
mod streams;

use http::Response;

use crate::support::{
    Gateway,
    upstream::{Body, status},
};

/// A question of each kind of client.
const CHAT: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
const CHAT_STREAM: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const MESSAGES: &str = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
const MESSAGES_STREAM: &str =
    r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const RESPONSES: &str = r#"{"model":"m","input":"hi"}"#;
const GEMINI: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;

/// An answer of each kind of API.
const FROM_OPENAI: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,
    "message":{"role":"assistant","content":"Hello!"},"finish_reason":"stop"}],
    "usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}"#;
const FROM_RESPONSES: &str = r#"{"id":"resp_1","object":"response","created_at":1,"model":"m","status":"completed",
    "output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant",
    "content":[{"type":"output_text","text":"Hello!","annotations":[]}]}],
    "usage":{"input_tokens":9,"output_tokens":3,"total_tokens":12}}"#;
const FROM_ANTHROPIC: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m",
    "content":[{"type":"text","text":"Hello!"}],"stop_reason":"end_turn","stop_sequence":null,
    "usage":{"input_tokens":9,"output_tokens":3}}"#;
const FROM_GEMINI: &str = r#"{"candidates":[{"content":{"parts":[{"text":"Hello!"}],"role":"model"},
    "finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":3,
    "totalTokenCount":12},"modelVersion":"m","responseId":"r1"}"#;

const OPENAI_PATH: &str = "/llm/ai/v1/chat/completions";
const ANTHROPIC_PATH: &str = "/llm/ai/v1/messages";

/// The service `ai`, before an API of one format, for clients of another.
fn service(api: &str, clients: &str, url: &str, keys: &[&str]) -> Gateway {
    Gateway::new().llm("ai", api, url, keys).with(|fields| fields.output_format = Some(clients.into()))
}

/// Clients of `OpenAI` before Anthropic's API.
fn claude(url: &str, keys: &[&str]) -> Gateway {
    service("anthropic_native", "openai", url, keys)
}

/// Clients of Anthropic before an API like `OpenAI`'s.
fn gpt(url: &str, keys: &[&str]) -> Gateway {
    service("openai_compatible", "anthropic", url, keys)
}

/// An API's answer with this status.
fn json(code: u16, text: &str) -> Response<Body> {
    let mut answer = status(code, text.to_owned());
    answer.headers_mut().insert("content-type", "application/json".parse().unwrap());
    answer
}
