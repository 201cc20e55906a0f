//! How a stream of server-sent events begins: with content, with an error, or with neither yet.
//!
//! Providers answer 200 before they know whether they can serve; an error that comes before any content can still be
//! mended with another key. What is in no known shape counts as content, so that nobody waits for it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

/// How a stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamStart {
    /// Nothing has come that tells, such as a `ping` or a role without a text.
    Unclear,
    /// With content, or with its end.
    Content,
    /// With an error.
    Error {
        /// What the status would have been.
        status: u16,
        /// What the body would have been.
        body: Vec<u8>,
    },
}

/// Events that come before content: Anthropic's, and those of `OpenAI`'s Responses.
const BEFORE_CONTENT: [&str; 6] = [
    "message_start",
    "content_block_start",
    "ping",
    "response.created",
    "response.in_progress",
    "response.queued",
];

/// The members of known events that tell how a stream begins.
#[derive(Deserialize)]
struct Event<'a> {
    /// Anthropic, `OpenAI` Responses.
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    /// All of them.
    error: Option<Value>,
    /// `OpenAI` Responses: an error's own.
    code: Option<Value>,
    /// `OpenAI` Responses.
    response: Option<Response>,
    /// `OpenAI` Chat Completions.
    choices: Option<Vec<Choice>>,
}

#[derive(Deserialize)]
struct Response {
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Map<String, Value>,
    finish_reason: Option<Value>,
}

/// How a stream begins, from its first bytes. The same bytes and more never make less of it.
pub fn stream_start(bytes: &[u8]) -> StreamStart {
    let mut data = Vec::new();
    // What comes after the last line break may be half a line.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    for line in bytes[..whole].split_inclusive(|byte| *byte == b'\n') {
        let line = line.trim_ascii_end();
        if let Some(value) = line.strip_prefix(b"data:") {
            if !data.is_empty() {
                data.push(b'\n');
            }
            data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        } else if line.is_empty() && !data.is_empty() {
            match event_start(&data) {
                StreamStart::Unclear => data.clear(),
                start => return start,
            }
        }
    }
    StreamStart::Unclear
}

fn event_start(data: &[u8]) -> StreamStart {
    let Ok(event) = serde_json::from_slice::<Event<'_>>(data) else { return StreamStart::Content };
    let kind = event.kind.as_deref().unwrap_or_default();
    let of_response = event.response.and_then(|response| response.error);
    let error = event.error.or(of_response).filter(|error| !error.is_null());
    if let Some(error) = error {
        return StreamStart::Error { status: status(&error), body: data.to_vec() };
    }
    if kind == "error" {
        let status = event.code.as_ref().and_then(named).unwrap_or(500);
        return StreamStart::Error { status, body: data.to_vec() };
    }
    let says_nothing = |choices: &[Choice]| choices.iter().all(Choice::says_nothing);
    if BEFORE_CONTENT.contains(&kind) || event.choices.is_some_and(|choices| says_nothing(&choices)) {
        return StreamStart::Unclear;
    }
    StreamStart::Content
}

impl Choice {
    fn says_nothing(&self) -> bool {
        let is_empty = |value: &Value| match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        let is_over = self.finish_reason.as_ref().is_some_and(|reason| !reason.is_null());
        !is_over && self.delta.iter().all(|(name, value)| name == "role" || is_empty(value))
    }
}

/// The status that an error object stands for.
fn status(error: &Value) -> u16 {
    let mut members = ["code", "type", "status"].into_iter().filter_map(|name| error.get(name));
    members.find_map(named).unwrap_or(500)
}

/// The status that a code or a name stands for.
fn named(value: &Value) -> Option<u16> {
    if let Some(number) = value.as_u64() {
        return u16::try_from(number).ok().filter(|status| (400..=599).contains(status));
    }
    status_named(value.as_str()?)
}

/// The status that a name stands for.
pub(crate) fn status_named(name: &str) -> Option<u16> {
    Some(match name {
        "overloaded_error" => 529,
        "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" | "RESOURCE_EXHAUSTED" => 429,
        "authentication_error" | "invalid_api_key" | "UNAUTHENTICATED" => 401,
        "billing_error" => 402,
        "permission_error" | "PERMISSION_DENIED" => 403,
        "not_found_error" | "model_not_found" | "NOT_FOUND" => 404,
        "invalid_request_error" | "context_length_exceeded" | "INVALID_ARGUMENT" => 400,
        "request_too_large" => 413,
        "UNAVAILABLE" => 503,
        "server_error" | "api_error" | "INTERNAL" => 500,
        _ => return name.parse().ok().filter(|status| (400..=599).contains(status)),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start(events: &[&str]) -> StreamStart {
        let text: Vec<_> = events.iter().map(|event| format!("event: x\r\ndata: {event}\r\n\r\n")).collect();
        stream_start(text.concat().as_bytes())
    }

    #[test]
    fn what_comes_before_content_is_waited_out() {
        for events in [
            &[r#"{"type":"message_start","message":{}}"#, r#"{"type":"ping"}"#][..],
            &[r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#],
            &[r#"{"choices":[],"prompt_filter_results":[]}"#],
            &[r#"{"type":"response.created","response":{"error":null}}"#],
        ] {
            assert_eq!(start(events), StreamStart::Unclear, "{events:?}");
        }
        assert_eq!(
            stream_start(b": comment\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n"),
            StreamStart::Unclear
        );
    }

    #[test]
    fn content_in_every_dialect_and_whatever_is_unknown_is_passed_on() {
        for event in [
            r#"{"choices":[{"delta":{"content":"hi"}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"type":"content_block_delta","delta":{"text":"hi"}}"#,
            r#"{"type":"response.output_text.delta","delta":"hi"}"#,
            r#"{"candidates":[{"content":{}}]}"#,
            "[DONE]",
            "no JSON",
            "17",
        ] {
            assert_eq!(start(&[r#"{"type":"ping"}"#, event]), StreamStart::Content, "{event}");
        }
    }

    #[test]
    fn an_error_is_told_by_the_status_it_would_have_had() {
        for (event, expected) in [
            (r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, 529),
            (r#"{"error":{"message":"Rate limit","code":429}}"#, 429),
            (
                r#"{"error":{"message":"no money","type":"insufficient_quota","code":"insufficient_quota"}}"#,
                429,
            ),
            (r#"{"error":{"code":503,"status":"UNAVAILABLE"}}"#, 503),
            (r#"{"error":{"type":"server_error","code":null}}"#, 500),
            (r#"{"error":{"code":"502"}}"#, 502),
            (r#"{"error":"what?"}"#, 500),
            (r#"{"type":"error","code":"rate_limit_exceeded","message":"m","param":null}"#, 429),
            (r#"{"type":"response.failed","response":{"error":{"code":"server_error"}}}"#, 500),
        ] {
            let StreamStart::Error { status, body } = start(&[r#"{"type":"ping"}"#, event]) else {
                panic!("{event}")
            };
            assert_eq!((status, body), (expected, event.as_bytes().to_vec()), "{event}");
        }
    }

    const PIECES: &[&[u8]] = &[
        b"data: {\"type\":\"ping\"}\n\n",
        b"data: {\"error\":{}}\r\n\r\n",
        b"data:",
        b"\n",
        b"\r\n",
        b"{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}",
        b"\xff",
    ];

    proptest! {
        #[test]
        fn more_bytes_never_make_less_of_a_start_and_no_bytes_panic(
            pieces in prop::collection::vec(prop::sample::select(PIECES), 0..12),
        ) {
            let bytes = pieces.concat();
            let mut clear = None;
            for end in 0..=bytes.len() {
                let start = stream_start(&bytes[..end]);
                if let Some(clear) = &clear {
                    prop_assert_eq!(&start, clear);
                } else if start != StreamStart::Unclear {
                    clear = Some(start);
                }
            }
        }
    }
}
