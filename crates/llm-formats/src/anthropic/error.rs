//! Errors as Anthropic tells them: `platform.claude.com/docs/en/api/errors`.

use std::borrow::Cow;

use crate::{
    json::{Json, Members},
    neutral::ApiError,
};

/// Each type with its status.
const TYPES: [(u16, &str); 11] = [
    (400, INVALID),
    (401, "authentication_error"),
    (402, "billing_error"),
    (403, "permission_error"),
    (404, "not_found_error"),
    (409, "conflict_error"),
    (413, "request_too_large"),
    (429, "rate_limit_error"),
    (500, "api_error"),
    (504, "timeout_error"),
    (529, "overloaded_error"),
];
const INVALID: &str = "invalid_request_error";
/// `OpenAI`'s code for it. Anthropic has none, but clients know its sentence: Claude Code compacts its history then.
const TOO_LONG: &str = "context_length_exceeded";
const TOO_LONG_SENTENCE: &str = "prompt is too long";
/// Longer bodies that are no JSON are cut.
const MAX_SENTENCE_BYTES: usize = 200;

/// An error's body, whatever it is.
pub(crate) fn parse_error(status: u16, body: &[u8]) -> ApiError<'_> {
    match Json::parse(body) {
        Ok(Json::Object(members)) => read(Some(status), members),
        _ => ApiError { status, message: sentence(status, body), code: None, param: None },
    }
}

/// The error of a stream that had begun, which tells no status.
pub(super) fn parse_event(members: Members<'_>) -> ApiError<'_> {
    read(None, members)
}

fn read(status: Option<u16>, mut members: Members<'_>) -> ApiError<'_> {
    let (mut error, message) = match members.take("error") {
        Some(Json::Object(error)) => (error, None),
        Some(Json::String(message)) => (members, Some(message)),
        _ => (members, None),
    };
    let mut text = |name| match error.take(name) {
        Some(Json::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let kind = text("type").filter(|kind| kind != "error");
    let message = message.or_else(|| text("message")).or_else(|| text("detail"));
    let known = TYPES.iter().find(|(_, name)| kind.as_deref() == Some(name));
    let status = status.or(known.map(|(status, _)| *status)).unwrap_or(500);
    let message = message.unwrap_or_else(|| no_words(status));
    let code = if message.starts_with(TOO_LONG_SENTENCE) { Some(TOO_LONG.into()) } else { kind };
    ApiError { status, message, code, param: None }
}

/// A body that is no JSON: a word in plain text, or a page of a proxy, which helps nobody.
fn sentence(status: u16, body: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(body).map(str::trim) {
        Ok(text) if !text.is_empty() && !text.starts_with(['<', '[', '{']) => {
            text[..text.floor_char_boundary(MAX_SENTENCE_BYTES)].into()
        }
        _ => no_words(status),
    }
}

fn no_words(status: u16) -> Cow<'static, str> {
    format!("the provider answered with status {status} and no reason").into()
}

/// The body of an error; without an id of the request, that of an `error` event.
pub(crate) fn build_error(error: &ApiError<'_>, request_id: &str) -> Json<'static> {
    let known = TYPES.iter().find(|(status, _)| *status == error.status).map(|(_, kind)| *kind);
    let kind = known.unwrap_or(match error.status {
        408 => "timeout_error",
        500.. => "api_error",
        _ => INVALID,
    });
    let is_too_long = error.code.as_deref() == Some(TOO_LONG);
    let message = match &*error.message {
        message if is_too_long && !message.starts_with(TOO_LONG_SENTENCE) => {
            format!("{TOO_LONG_SENTENCE}: {message}")
        }
        message => message.to_owned(),
    };
    let request_id = (!request_id.is_empty()).then(|| request_id.to_owned());
    Members::new()
        .with("type", "error")
        .with("error", Members::new().with("type", kind).with("message", message))
        .with_some("request_id", request_id)
        .into()
}
