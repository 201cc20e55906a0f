//! Errors, in bodies and in streams.

use std::borrow::Cow;

use crate::{
    json::{Json, Members},
    neutral::ApiError,
};

/// A sentence that is no JSON is cut here, in bytes.
const MAX_SENTENCE_BYTES: usize = 300;
const NO_REASON: &str = "The provider tells no reason.";
/// The codes that clients of this API act upon. Codes of other providers mean nothing to them.
const CODES: [(&str, u16); 9] = [
    ("context_length_exceeded", 400),
    ("invalid_prompt", 400),
    ("invalid_api_key", 401),
    ("model_not_found", 404),
    ("rate_limit_exceeded", 429),
    ("insufficient_quota", 429),
    ("server_error", 500),
    ("slow_down", 503),
    ("server_is_overloaded", 503),
];

/// The error that a body tells, whatever it is: an error object, an event of a stream, a page of HTML.
pub(crate) fn parse_error(status: u16, body: &[u8]) -> ApiError<'_> {
    let told = match Json::parse(body) {
        Ok(Json::Object(event)) => told(event),
        _ => None,
    };
    let error = told.unwrap_or_else(|| without_code(sentence(body)));
    ApiError { status, ..error }
}

/// The error that an event of a stream tells.
pub(super) fn parse_error_event(event: Members<'_>) -> ApiError<'_> {
    told(event).unwrap_or_else(|| without_code(NO_REASON.into()))
}

/// What an object tells: in `error`, in the same within `response`, or by itself.
fn told(mut event: Members<'_>) -> Option<ApiError<'_>> {
    if let Some(Json::Object(mut response)) = event.take("response") {
        return told_by(response.take("error")?);
    }
    match event.take("error") {
        Some(error) => told_by(error),
        None => told_by(Json::Object(event)),
    }
}

/// The error that an error object tells.
pub(super) fn told_by(error: Json<'_>) -> Option<ApiError<'_>> {
    let mut error = match error {
        Json::Object(error) => error,
        Json::String(message) => return Some(without_code(message)),
        _ => return None,
    };
    let mut text = |name: &str| match error.take(name) {
        Some(Json::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let (message, code, param) = (text("message"), text("code"), text("param"));
    let code = code.or_else(|| text("type").filter(|name| name != "error"));
    if message.is_none() && code.is_none() {
        return None;
    }
    let status = code.as_deref().and_then(status_of).unwrap_or(500);
    let message = message.unwrap_or_else(|| NO_REASON.into());
    Some(ApiError { status, message, code, param })
}

fn without_code(message: Cow<'_, str>) -> ApiError<'_> {
    ApiError { status: 500, message, code: None, param: None }
}

fn status_of(code: &str) -> Option<u16> {
    CODES.into_iter().find(|(known, _)| *known == code).map(|(_, status)| status)
}

/// The first line of a text; a page of HTML has none worth showing.
fn sentence(body: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_SENTENCE_BYTES)]).into_owned();
    let line = text.trim().lines().next().unwrap_or_default();
    let line = line.trim_end_matches('\u{fffd}').trim_end();
    if line.is_empty() || line.starts_with(['<', '{', '[']) {
        return NO_REASON.into();
    }
    line.to_owned().into()
}

/// The error object. It has no place for the request's id, which travels in a header.
pub(crate) fn build_error(error: &ApiError<'_>, _request_id: &str) -> Json<'static> {
    Members::new().with("error", object(error)).into()
}

/// An error with its type, as in bodies and in `error` events.
pub(super) fn object(error: &ApiError<'_>) -> Members<'static> {
    let code = known_code(error);
    Members::new()
        .with("message", error.message.to_string())
        .with("type", kind(error.status, code))
        .with("param", error.param.as_ref().map_or(Json::Null, |param| param.to_string().into()))
        .with("code", code.map_or(Json::Null, Json::from))
}

/// The code, which a stream has always.
pub(super) fn code_in_stream(error: &ApiError<'_>) -> &'static str {
    known_code(error).unwrap_or("invalid_prompt")
}

fn known_code(error: &ApiError<'_>) -> Option<&'static str> {
    let told = error.code.as_deref().and_then(|code| CODES.into_iter().find(|(known, _)| *known == code));
    match (told, error.status) {
        (Some((code, _)), _) => Some(code),
        (None, 401) => Some("invalid_api_key"),
        (None, 429) => Some("rate_limit_exceeded"),
        (None, 500..) => Some("server_error"),
        (None, _) => None,
    }
}

fn kind(status: u16, code: Option<&'static str>) -> &'static str {
    match (status, code) {
        (_, Some("insufficient_quota")) => "insufficient_quota",
        (429, _) => "rate_limit_error",
        (500.., _) => "server_error",
        _ => "invalid_request_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_from_whatever_body() {
        let read = |body: &'static str| {
            let error = parse_error(429, body.as_bytes());
            (error.message.into_owned(), error.code.map(Cow::into_owned), error.status)
        };
        let known = ("Wait.".to_owned(), Some("rate_limit_exceeded".to_owned()), 429);

        for body in [
            r#"{"error":{"message":"Wait.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
            r#"{"type":"error","code":"rate_limit_exceeded","message":"Wait.","param":null}"#,
            r#"{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"Wait."}}}"#,
        ] {
            assert_eq!(read(body), known, "{body}");
        }
        assert_eq!(read("\n Wait. \nLonger."), ("Wait.".into(), None, 429));
        for body in ["<html>", "", "[1]", "{\"a\":1}"] {
            assert_eq!(read(body), ("The provider tells no reason.".into(), None, 429), "{body}");
        }
    }

    #[test]
    fn an_error_has_the_words_of_this_api_whoever_told_it() {
        for (status, code, expected) in [
            (400, Some("invalid_request_error"), (r#""invalid_request_error""#, "null")),
            (
                400,
                Some("context_length_exceeded"),
                (r#""invalid_request_error""#, r#""context_length_exceeded""#),
            ),
            (401, Some("authentication_error"), (r#""invalid_request_error""#, r#""invalid_api_key""#)),
            (429, Some("insufficient_quota"), (r#""insufficient_quota""#, r#""insufficient_quota""#)),
            (429, Some("RESOURCE_EXHAUSTED"), (r#""rate_limit_error""#, r#""rate_limit_exceeded""#)),
            (529, Some("overloaded_error"), (r#""server_error""#, r#""server_error""#)),
        ] {
            let error = ApiError { status, message: "m".into(), code: code.map(Into::into), param: None };
            let written = String::from_utf8(build_error(&error, "r").to_vec()).unwrap();

            let (kind, code) = expected;
            assert_eq!(
                written,
                format!(r#"{{"error":{{"message":"m","type":{kind},"param":null,"code":{code}}}}}"#)
            );
        }
    }
}
