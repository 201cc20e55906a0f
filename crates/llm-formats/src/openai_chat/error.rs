//! Errors that a provider tells, from and to the words of this API.

use std::borrow::Cow;

use crate::{
    json::{Json, Members},
    neutral::ApiError,
    stream_start::status_named,
};

/// The members that tell an error in a sentence.
const SENTENCE: [&str; 2] = ["message", "detail"];
/// What else makes an object an error.
const SAYS: [&str; 3] = ["code", "type", "status"];
/// Said of an error without a sentence.
const NO_REASON: &str = "The provider tells no reason.";
/// A text that is no error of an API is told only so far.
const MAX_TEXT_BYTES: usize = 300;

/// The error in a body of any kind.
pub(crate) fn parse_error(status: u16, body: &[u8]) -> ApiError<'_> {
    let error = match Json::parse(body) {
        Ok(Json::Object(mut body)) => take(&mut body),
        // Gemini's compatible API puts the one error into an array.
        Ok(Json::Array(mut items)) => match items.pop() {
            Some(Json::Object(mut body)) => take(&mut body),
            _ => None,
        },
        Ok(Json::String(message)) => Some(ApiError { status, message, code: None, param: None }),
        _ => None,
    };
    match error {
        Some(error) => ApiError { status, ..error },
        None => ApiError { status, message: no_error(status, body).into(), code: None, param: None },
    }
}

/// The error in an object that may have one: in its `error`, or in itself as old versions of vLLM have it. The status
/// is what its code says, else 500.
pub(super) fn take<'a>(body: &mut Members<'a>) -> Option<ApiError<'a>> {
    let mut error = match body.take("error") {
        Some(Json::Object(error)) => error,
        Some(Json::String(message)) if !message.is_empty() => {
            return Some(ApiError { status: 500, message, code: None, param: None });
        }
        _ if body.get("choices").is_some() => return None,
        _ if SENTENCE.iter().all(|name| body.get(name).and_then(Json::as_str).is_none()) => return None,
        _ => std::mem::take(body),
    };
    let message = SENTENCE.into_iter().find_map(|name| text(error.take(name)?));
    if message.is_none() && SAYS.iter().all(|name| error.get(name).is_none()) {
        return None;
    }
    let message = message.unwrap_or(NO_REASON.into());
    let status = SAYS.into_iter().find_map(|name| status_of(error.get(name)?));
    let code = ["code", "status"].into_iter().find_map(|name| text(error.take(name)?));
    let param = error.take("param").and_then(text);
    Some(ApiError { status: status.unwrap_or(500), message, code, param })
}

fn text(json: Json<'_>) -> Option<Cow<'_, str>> {
    match json {
        Json::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn status_of(code: &Json<'_>) -> Option<u16> {
    match code {
        Json::String(name) => status_named(name),
        code => u16::try_from(code.as_u64()?).ok().filter(|status| (400..=599).contains(status)),
    }
}

/// A sentence for a body in which no error can be read.
fn no_error(status: u16, body: &[u8]) -> String {
    let start = &body[..body.len().min(MAX_TEXT_BYTES)];
    let text = String::from_utf8_lossy(start).split_whitespace().collect::<Vec<_>>().join(" ");
    match text.as_str() {
        "" => format!("the provider answered {status} without a word"),
        text if text.starts_with('<') => format!("the provider answered {status} with a page for browsers"),
        _ => text,
    }
}

/// An error's body. The request id has no place in it: SDKs read it from the `x-request-id` header.
pub(crate) fn build_error(error: &ApiError<'_>, _request_id: &str) -> Json<'static> {
    let kind = match error.status {
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    let code = error.code.as_deref().filter(|code| is_ours(code)).or(match error.status {
        401 => Some("invalid_api_key"),
        429 => Some("rate_limit_exceeded"),
        _ => None,
    });
    let text = |text: Option<&str>| text.map_or(Json::Null, |text| text.to_owned().into());
    let error = Members::new()
        .with("message", error.message.to_string())
        .with("type", kind)
        .with("param", text(error.param.as_deref()))
        .with("code", text(code));
    Members::new().with("error", error).into()
}

/// Whether a code looks like one of this API: not like Anthropic's `overloaded_error`, nor Google's `INTERNAL`.
fn is_ours(code: &str) -> bool {
    code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !code.ends_with("_error")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error<'a>(message: &'a str, code: Option<&'a str>) -> ApiError<'a> {
        ApiError { status: 429, message: message.into(), code: code.map(Into::into), param: None }
    }

    #[test]
    fn errors_of_every_kind_of_api_are_understood() {
        for (body, message, code) in [
            (r#"{"error":{"message":"m","type":"requests","param":null,"code":"c"}}"#, "m", Some("c")),
            (r#"{"error":{"message":"m","code":429,"metadata":{}},"user_id":"u"}"#, "m", None),
            (r#"{"error":{"message":"","code":"c"}}"#, NO_REASON, Some("c")),
            (
                r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#,
                "m",
                Some("RESOURCE_EXHAUSTED"),
            ),
            (
                r#"{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}"#,
                "m",
                None,
            ),
            (r#"{"error":"m"}"#, "m", None),
            (r#"{"detail":"m"}"#, "m", None),
            (r#""m""#, "m", None),
            ("  too\n many ", "too many", None),
            ("", "the provider answered 429 without a word", None),
            ("{}", "{}", None),
            ("<html><h1>429</h1></html>", "the provider answered 429 with a page for browsers", None),
        ] {
            assert_eq!(parse_error(429, body.as_bytes()), error(message, code), "{body}");
        }
        assert!(parse_error(502, "ü".repeat(9_999).as_bytes()).message.len() < 400);
    }

    #[test]
    fn sdks_find_the_code_of_the_real_api() {
        let built = |status, code: Option<&'static str>| {
            let error = ApiError { status, message: "m".into(), code: code.map(Into::into), param: None };
            String::from_utf8(build_error(&error, "r-1").to_vec()).unwrap()
        };

        assert_eq!(
            built(429, Some("RESOURCE_EXHAUSTED")),
            r#"{"error":{"message":"m","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}"#
        );
        assert!(built(401, Some("authentication_error")).contains(r#""code":"invalid_api_key""#));
        assert!(built(400, Some("context_length_exceeded")).contains(r#""code":"context_length_exceeded""#));
        assert!(
            built(529, Some("overloaded_error"))
                .contains(r#""type":"server_error","param":null,"code":null"#)
        );
    }
}
