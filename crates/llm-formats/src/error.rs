//! Errors that we make ourselves, in the language of whoever gets them.
//!
//! SDKs choose their exception class by the HTTP status and fill its `code`, `type` and `status` from the body, so
//! both must be what the real API would have sent. Sources: the error references of `OpenAI`
//! (`platform.openai.com/docs/guides/error-codes`), Anthropic (`docs.anthropic.com/en/api/errors`) and Google
//! (`google.rpc.Status` as JSON, AIP-193); RFC 9457 for plain HTTP.

use serde_json::{Value, json};

use crate::dialect::Dialect;

/// What went wrong, by what the client can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request makes no sense; the client must change it.
    BadRequest,
    /// No proxy key, or a wrong one.
    Unauthenticated,
    /// The proxy key does not open this service.
    Forbidden,
    /// No such service, or no such path.
    NotFound,
    /// The service does not take this method.
    MethodNotAllowed,
    /// The client sent its request too slowly.
    ClientTimeout,
    /// The body is larger than we take.
    TooLarge,
    /// The URI is longer than we take.
    UriTooLong,
    /// Every key is at its limit; wait.
    RateLimited,
    /// The header section is larger than we take.
    HeadersTooLarge,
    /// Our own fault.
    Internal,
    /// The service does not offer this.
    NotImplemented,
    /// The upstream could not be reached, or broke off.
    UpstreamFailed,
    /// Nothing can serve this at the moment.
    Unavailable,
    /// The upstream did not answer in time.
    Timeout,
}

/// One kind of error in the words of every dialect.
struct Words {
    status: u16,
    /// Reason phrase of RFC 9110, which RFC 9457 wants as the title of `about:blank`.
    title: &'static str,
    /// `OpenAI`'s `error.code`.
    code: &'static str,
    /// Anthropic's `error.type`.
    anthropic: &'static str,
    /// Google's canonical status.
    google: &'static str,
}

impl ErrorKind {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.words().status
    }

    fn words(self) -> Words {
        const TOO_LARGE: &str = "request_too_large";
        const INVALID: &str = "invalid_request_error";
        const ARGUMENT: &str = "INVALID_ARGUMENT";
        const DEADLINE: &str = "DEADLINE_EXCEEDED";
        let (status, title, code, anthropic, google) = match self {
            Self::BadRequest => (400, "Bad Request", "bad_request", INVALID, ARGUMENT),
            Self::Unauthenticated => {
                (401, "Unauthorized", "invalid_api_key", "authentication_error", "UNAUTHENTICATED")
            }
            Self::Forbidden => {
                (403, "Forbidden", "permission_denied", "permission_error", "PERMISSION_DENIED")
            }
            Self::NotFound => (404, "Not Found", "not_found", "not_found_error", "NOT_FOUND"),
            Self::MethodNotAllowed => (405, "Method Not Allowed", "method_not_allowed", INVALID, ARGUMENT),
            Self::ClientTimeout => (408, "Request Timeout", "request_timeout", "timeout_error", DEADLINE),
            Self::TooLarge => (413, "Content Too Large", TOO_LARGE, TOO_LARGE, ARGUMENT),
            Self::UriTooLong => (414, "URI Too Long", "uri_too_long", TOO_LARGE, ARGUMENT),
            Self::RateLimited => {
                (429, "Too Many Requests", "rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED")
            }
            Self::HeadersTooLarge => {
                (431, "Request Header Fields Too Large", "headers_too_large", TOO_LARGE, ARGUMENT)
            }
            Self::Internal => (500, "Internal Server Error", "internal_error", "api_error", "INTERNAL"),
            Self::NotImplemented => (501, "Not Implemented", "not_implemented", "api_error", "UNIMPLEMENTED"),
            Self::UpstreamFailed => (502, "Bad Gateway", "upstream_failed", "api_error", "UNAVAILABLE"),
            Self::Unavailable => (503, "Service Unavailable", "unavailable", "api_error", "UNAVAILABLE"),
            Self::Timeout => (504, "Gateway Timeout", "upstream_timeout", "timeout_error", DEADLINE),
        };
        Words { status, title, code, anthropic, google }
    }
}

impl Words {
    fn openai_type(&self) -> &'static str {
        match self.status {
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        }
    }
}

/// The JSON body of an error in a dialect.
///
/// `OpenAI` has no field for the request id; its SDKs read it from the `x-request-id` header.
pub fn error_body(dialect: Dialect, kind: ErrorKind, message: &str, request_id: &str) -> Vec<u8> {
    error_json(dialect, kind, message, request_id).to_string().into_bytes()
}

fn error_json(dialect: Dialect, kind: ErrorKind, message: &str, request_id: &str) -> Value {
    let words = kind.words();
    match dialect {
        Dialect::OpenAi => json!({
            "error": { "message": message, "type": words.openai_type(), "param": null, "code": words.code },
        }),
        Dialect::Anthropic => json!({
            "type": "error",
            "error": { "type": words.anthropic, "message": message },
            "request_id": request_id,
        }),
        Dialect::Gemini => json!({
            "error": {
                "code": words.status,
                "message": message,
                "status": words.google,
                "details": [{ "@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": request_id }],
            },
        }),
    }
}

/// The problem JSON (RFC 9457, `application/problem+json`) of an error under `/proxy`.
pub fn problem_body(kind: ErrorKind, message: &str, request_id: &str) -> Vec<u8> {
    let Words { status, title, .. } = kind.words();
    json!({ "type": "about:blank", "title": title, "status": status, "detail": message, "request_id": request_id })
        .to_string()
        .into_bytes()
}

/// The server-sent event that tells a client, in its dialect, that its stream broke off.
///
/// Without it every SDK takes a stream that stops early for a complete one. What was sent before it cannot be taken
/// back, so if the upstream was cut *within* an event, these bytes continue that event. What then happens was read in
/// the parsers of the SDKs, and each dialect's opening is the one that serves it best:
///
/// - Anthropic opens with a *single* line feed. It ends the half-sent line, and the event's name becomes `error` (the
///   last `event:` of an event counts), so the SDKs raise their `APIError` with our text behind the half-sent one. A
///   blank line would dispatch the half-sent event under its own name, and a bare JSON error would be raised instead.
/// - Gemini says the error twice: once as a bare line, which Google's Python SDK takes for an error at once, before
///   the half-sent event (any other parser skips a line that names no known field), and once as an event.
/// - `OpenAI` opens with a blank line. Its SDKs parse the half-sent event before they look at anything else and raise
///   a JSON error whatever follows; but clients that skip what they cannot parse go on to our event.
///
/// Between two events the extra line feeds mean nothing, and our event alone is what is raised, in every dialect.
pub fn stream_error_event(dialect: Dialect, kind: ErrorKind, message: &str, request_id: &str) -> Vec<u8> {
    let json = error_json(dialect, kind, message, request_id);
    match dialect {
        Dialect::OpenAi => format!("\n\ndata: {json}\n\n"),
        Dialect::Anthropic => format!("\nevent: error\ndata: {json}\n\n"),
        Dialect::Gemini => format!("\n{json}\n\ndata: {json}\n\n"),
    }
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIALECTS: [Dialect; 3] = [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini];
    const KINDS: [(ErrorKind, u16); 15] = [
        (ErrorKind::BadRequest, 400),
        (ErrorKind::Unauthenticated, 401),
        (ErrorKind::Forbidden, 403),
        (ErrorKind::NotFound, 404),
        (ErrorKind::MethodNotAllowed, 405),
        (ErrorKind::ClientTimeout, 408),
        (ErrorKind::TooLarge, 413),
        (ErrorKind::UriTooLong, 414),
        (ErrorKind::RateLimited, 429),
        (ErrorKind::HeadersTooLarge, 431),
        (ErrorKind::Internal, 500),
        (ErrorKind::NotImplemented, 501),
        (ErrorKind::UpstreamFailed, 502),
        (ErrorKind::Unavailable, 503),
        (ErrorKind::Timeout, 504),
    ];
    const NASTY: &str = "say \"hi\"\r\n\ndata: [DONE]\n\nevent: x\u{0}\u{1b}\\ ü\u{2028}";

    fn parsed(body: &[u8]) -> Value {
        serde_json::from_slice(body).unwrap()
    }

    /// Name and data of every event, as the `WHATWG` event stream interpretation reads them.
    fn events(stream: &str) -> Vec<(String, String)> {
        let (mut events, mut name, mut data) = (Vec::new(), String::new(), Vec::new());
        for line in stream.replace("\r\n", "\n").split('\n') {
            match line.split_once(": ") {
                Some(("event", value)) => name = value.into(),
                Some(("data", value)) => data.push(value),
                _ if line.is_empty() && !data.is_empty() => {
                    events.push((std::mem::take(&mut name), std::mem::take(&mut data).join("\n")));
                }
                _ => {}
            }
        }
        events
    }

    #[test]
    fn every_kind_has_its_status_in_every_body() {
        for (kind, status) in KINDS {
            assert_eq!(kind.status(), status);
            assert_eq!(parsed(&problem_body(kind, "m", "r"))["status"], status);
            assert_eq!(parsed(&error_body(Dialect::Gemini, kind, "m", "r"))["error"]["code"], status);
        }
    }

    #[test]
    fn every_body_has_the_fields_of_its_dialect() {
        for (kind, _) in KINDS {
            let openai = parsed(&error_body(Dialect::OpenAi, kind, NASTY, "r-1"));
            let anthropic = parsed(&error_body(Dialect::Anthropic, kind, NASTY, "r-1"));
            let gemini = parsed(&error_body(Dialect::Gemini, kind, NASTY, "r-1"));

            assert!(openai["error"]["type"].is_string() && openai["error"]["code"].is_string());
            assert!(openai["error"].as_object().unwrap()["param"].is_null());
            assert_eq!((&anthropic["type"], &anthropic["request_id"]), (&json!("error"), &json!("r-1")));
            assert!(anthropic["error"]["type"].is_string() && gemini["error"]["status"].is_string());
            assert_eq!(gemini["error"]["details"][0]["requestId"], "r-1");
            for body in [openai, anthropic, gemini] {
                assert_eq!(body["error"]["message"], NASTY);
            }
        }
    }

    #[test]
    fn the_words_are_those_of_the_real_apis() {
        let error = |dialect, kind| parsed(&error_body(dialect, kind, "m", "r"))["error"].clone();

        let wrong_key = error(Dialect::OpenAi, ErrorKind::Unauthenticated);
        assert_eq!(
            (&wrong_key["type"], &wrong_key["code"]),
            (&json!("invalid_request_error"), &json!("invalid_api_key"))
        );
        assert_eq!(error(Dialect::OpenAi, ErrorKind::RateLimited)["code"], "rate_limit_exceeded");
        assert_eq!(error(Dialect::OpenAi, ErrorKind::UpstreamFailed)["type"], "server_error");
        assert_eq!(error(Dialect::Anthropic, ErrorKind::Unauthenticated)["type"], "authentication_error");
        assert_eq!(error(Dialect::Anthropic, ErrorKind::TooLarge)["type"], "request_too_large");
        assert_eq!(error(Dialect::Gemini, ErrorKind::RateLimited)["status"], "RESOURCE_EXHAUSTED");
    }

    #[test]
    fn a_problem_is_rfc_9457() {
        let problem = parsed(&problem_body(ErrorKind::UpstreamFailed, NASTY, "r-1"));

        assert_eq!(
            problem,
            json!({ "type": "about:blank", "title": "Bad Gateway", "status": 502, "detail": NASTY, "request_id": "r-1" })
        );
    }

    #[test]
    fn between_two_events_the_error_is_one_event() {
        for dialect in DIALECTS {
            let bytes = stream_error_event(dialect, ErrorKind::UpstreamFailed, NASTY, "r-1");
            let stream = format!("data: {{\"n\":1}}\n\n{}", String::from_utf8(bytes).unwrap());

            let events = events(&stream);

            assert_eq!(events.len(), 2, "{dialect:?}");
            assert_eq!(events[1].0, if dialect == Dialect::Anthropic { "error" } else { "" });
            let told = error_body(dialect, ErrorKind::UpstreamFailed, NASTY, "r-1");
            assert_eq!(parsed(events[1].1.as_bytes()), parsed(&told));
        }
    }

    #[test]
    fn within_an_event_the_error_is_still_told() {
        let cut = "event: content_block_delta\ndata: {\"type\":\"con";
        let stream = |dialect| {
            let bytes = stream_error_event(dialect, ErrorKind::UpstreamFailed, "cut", "r-1");
            events(&format!("{cut}{}", String::from_utf8(bytes).unwrap()))
        };

        let anthropic = stream(Dialect::Anthropic);
        assert_eq!((anthropic.len(), anthropic[0].0.as_str()), (1, "error"));
        assert!(anthropic[0].1.ends_with(r#""request_id":"r-1","type":"error"}"#), "{anthropic:?}");
        for dialect in [Dialect::OpenAi, Dialect::Gemini] {
            let events = stream(dialect);
            assert_eq!(events.len(), 2);
            assert_eq!(parsed(events[1].1.as_bytes())["error"]["message"], "cut");
        }
    }

    #[test]
    fn gemini_is_told_by_a_bare_line_too() {
        let bytes = stream_error_event(Dialect::Gemini, ErrorKind::UpstreamFailed, NASTY, "r-1");
        let lines: Vec<&str> = std::str::from_utf8(&bytes).unwrap().split('\n').collect();

        assert_eq!(lines[0], "");
        assert_eq!(parsed(lines[1].as_bytes())["error"]["code"], 502);
    }

    proptest! {
        #[test]
        fn any_message_stays_within_its_event(message in any::<String>(), id in any::<String>()) {
            for dialect in DIALECTS {
                let bytes = stream_error_event(dialect, ErrorKind::Timeout, &message, &id);
                let events = events(std::str::from_utf8(&bytes).unwrap());
                prop_assert_eq!(events.len(), 1);
                prop_assert_eq!(&parsed(events[0].1.as_bytes())["error"]["message"], &json!(message));
            }
        }
    }
}
