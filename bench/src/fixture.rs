//! What the upstream, the proxies and the clients agree on.

use std::{fmt::Write as _, net::SocketAddr};

use serde::{Deserialize, Serialize};

/// What clients show to a proxy, in `X-Proxy-Key`.
pub(crate) const PROXY_KEY: &str = "pk-bench-3f0c5a7b91d24e68";
/// What the upstream wants to see, in `X-Api-Key`; a proxy rotates them.
pub(crate) const UPSTREAM_KEYS: [&str; 7] = [
    "sk-bench-0-a81f09c3d7e24b56",
    "sk-bench-1-b92e1ad4c8f35067",
    "sk-bench-2-c03d2be5b9046178",
    "sk-bench-3-d14c3cf6aa157289",
    "sk-bench-4-e25b4d079b26839a",
    "sk-bench-5-f36a5e188c3794ab",
    "sk-bench-6-047960297d48a5bc",
];
/// How every one of them begins.
pub(crate) const UPSTREAM_KEY_PREFIX: &str = "sk-bench-";
/// The name of the service at every proxy: `/proxy/{SLUG}/…`.
pub(crate) const SLUG: &str = "bench";
/// The name of an LLM service whose clients speak its API's format, Chat Completions: `/llm/{CHAT_SLUG}/…`.
pub(crate) const CHAT_SLUG: &str = "chat";
/// The name of one with the same API whose clients speak Anthropic's.
pub(crate) const MESSAGES_SLUG: &str = "messages";
/// The size of a plain answer's body.
pub(crate) const ANSWER_LEN: usize = 976;
/// One event of a stream, about as large as one token of a chat completion.
pub(crate) const EVENT: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"#,
    r#""model":"bench-1","choices":[{"index":0,"delta":{"content":"token"},"finish_reason":null}]}"#,
    "\n\n"
);
/// What the stream of a chat completion ends with.
pub(crate) const CHAT_END: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"#,
    r#""model":"bench-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    "\n\ndata: [DONE]\n\n"
);
const CHAT_COMPLETIONS: &str = "/chat/completions";
const REQUEST_LEN: usize = 240;
/// What an LLM is asked, in Chat Completions' words and in Anthropic's.
const QUESTION: &str =
    r#"{"model":"bench-1","max_tokens":500,"stream":true,"messages":[{"role":"user","content":"Count."}]}"#;

/// What the upstream is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Route {
    /// Answer at once.
    Plain,
    /// Answer after a while.
    Delayed { ms: u64 },
    /// Send events with a pause after each.
    Stream { events: usize, gap_ms: u64 },
    /// The same as the stream of a chat completion, with its end.
    Chat { events: usize, gap_ms: u64 },
    /// Send one event, then nothing, until the client goes away.
    Idle,
}

/// Where a client sends a request.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Endpoint {
    /// To the upstream itself, with one of its keys.
    Direct(SocketAddr),
    /// To a proxy, with the proxy key.
    Proxied(SocketAddr),
    /// To our LLM service, in the format of its API.
    Chat(SocketAddr),
    /// To our LLM service that translates from Anthropic's format.
    Messages(SocketAddr),
}

impl Route {
    /// The path at the upstream.
    pub(crate) fn path(self) -> String {
        match self {
            Self::Plain => "/plain".into(),
            Self::Delayed { ms } => format!("/delayed/{ms}"),
            Self::Stream { events, gap_ms } => format!("/stream/{events}/{gap_ms}"),
            Self::Chat { events, gap_ms } => format!("/chat/{events}/{gap_ms}"),
            Self::Idle => "/idle".into(),
        }
    }

    /// The inverse of [`Route::path`].
    pub(crate) fn from_path(path: &str) -> Option<Self> {
        let path = path.strip_suffix(CHAT_COMPLETIONS).unwrap_or(path);
        let mut words = path.strip_prefix('/')?.split('/');
        let route = match words.next()? {
            "plain" => Self::Plain,
            "delayed" => Self::Delayed { ms: words.next()?.parse().ok()? },
            "stream" => {
                Self::Stream { events: words.next()?.parse().ok()?, gap_ms: words.next()?.parse().ok()? }
            }
            "chat" => Self::Chat { events: words.next()?.parse().ok()?, gap_ms: words.next()?.parse().ok()? },
            "idle" => Self::Idle,
            _ => return None,
        };
        words.next().is_none().then_some(route)
    }

    /// How many bytes of body a whole answer of the upstream has.
    fn body_len(self) -> usize {
        match self {
            Self::Plain | Self::Delayed { .. } => ANSWER_LEN,
            Self::Stream { events, .. } => events * EVENT.len(),
            Self::Chat { events, .. } => events * EVENT.len() + CHAT_END.len(),
            Self::Idle => EVENT.len(),
        }
    }
}

impl Endpoint {
    /// Where to connect.
    pub(crate) fn address(self) -> SocketAddr {
        match self {
            Self::Direct(address)
            | Self::Proxied(address)
            | Self::Chat(address)
            | Self::Messages(address) => address,
        }
    }

    /// How many bytes of body a whole answer has, where that is known beforehand.
    pub(crate) fn body_len(self, route: Route) -> Option<usize> {
        (!matches!(self, Self::Messages(_))).then(|| route.body_len())
    }

    /// The request, whole.
    pub(crate) fn request(self, route: Route) -> Vec<u8> {
        let path = route.path();
        let (target, key) = match self {
            Self::Direct(_) => (path, format!("X-Api-Key: {}", UPSTREAM_KEYS[0])),
            Self::Proxied(_) => (format!("/proxy/{SLUG}{path}"), format!("X-Proxy-Key: {PROXY_KEY}")),
            Self::Chat(_) => {
                (format!("/llm/{CHAT_SLUG}{CHAT_COMPLETIONS}"), format!("Authorization: Bearer {PROXY_KEY}"))
            }
            Self::Messages(_) => {
                (format!("/llm/{MESSAGES_SLUG}/v1/messages"), format!("X-Api-Key: {PROXY_KEY}"))
            }
        };
        let body = match self {
            Self::Direct(_) | Self::Proxied(_) => json(r#"{"model":"bench-1","input":""#, REQUEST_LEN),
            Self::Chat(_) | Self::Messages(_) => QUESTION.to_owned(),
        };
        format!(
            "POST {target} HTTP/1.1\r\nHost: {}\r\nUser-Agent: bench\r\nAccept: application/json\r\n{key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address(),
            body.len()
        )
        .into_bytes()
    }
}

/// The body of a plain answer.
pub(crate) fn answer() -> String {
    json(r#"{"id":"bench","object":"response","output":""#, ANSWER_LEN)
}

/// A JSON object of this length: an open string, filled up.
fn json(start: &str, length: usize) -> String {
    let mut text = start.to_owned();
    let mut word = 0_u32;
    while text.len() < length - 2 {
        // Writing to a string cannot fail.
        let _ = write!(text, "word{word} ");
        word += 1;
    }
    text.truncate(length - 2);
    text + "\"}"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_of_the_length_they_claim() {
        for (text, length) in [(answer(), ANSWER_LEN), (json("{\"a\":\"", REQUEST_LEN), REQUEST_LEN)] {
            assert_eq!(text.len(), length);
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }

    #[test]
    fn a_route_survives_its_path() {
        for route in [
            Route::Plain,
            Route::Delayed { ms: 5 },
            Route::Stream { events: 9, gap_ms: 2 },
            Route::Chat { events: 9, gap_ms: 2 },
            Route::Idle,
        ] {
            assert_eq!(Route::from_path(&route.path()), Some(route));
        }
        let chat = Route::Chat { events: 9, gap_ms: 2 };
        assert_eq!(Route::from_path("/chat/9/2/chat/completions"), Some(chat));
        assert_eq!(Route::from_path("/stream/9"), None);
        assert_eq!(Route::from_path("/plain/more"), None);
    }
}
