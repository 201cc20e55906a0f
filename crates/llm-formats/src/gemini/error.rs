//! Errors: `google.rpc.Status` as JSON (AIP-193).

use std::borrow::Cow;

use super::spelling;
use crate::{
    json::{Json, Members},
    neutral::{ApiError, fields::Path},
};

/// Longer sentences of bodies that are not Google's are cut.
const MAX_SENTENCE_BYTES: usize = 300;
/// Said of an error without a sentence.
const NO_REASON: &str = "The provider tells no reason.";
/// What `OpenAI` calls a prompt that is too long, which clients look for to shorten it.
const TOO_LONG: &str = "context_length_exceeded";
/// How Gemini says so.
const TOO_LONG_SENTENCE: &str = "exceeds the maximum number of tokens";

/// Reads an error, of whatever form.
pub(crate) fn parse_error(status: u16, body: &[u8]) -> ApiError<'_> {
    let json = Json::parse(body).ok();
    json.and_then(|json| told(status, json)).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        let message = text[..text.floor_char_boundary(MAX_SENTENCE_BYTES)].to_owned();
        ApiError { status, message: message.into(), code: None, param: None }
    })
}

/// A stream that is no event stream is an array, also of one error.
fn told(status: u16, body: Json<'_>) -> Option<ApiError<'_>> {
    let body = match body {
        Json::Array(items) => items.into_iter().next()?,
        body => body,
    };
    read_status(status, spelling::fields(body, Path::BODY).ok()?.json("error")?)
}

/// Reads what stands in `error`; `status` is its HTTP status where it tells none.
pub(super) fn read_status(status: u16, error: Json<'_>) -> Option<ApiError<'_>> {
    let mut error = spelling::fields(error, Path::BODY).ok()?;
    let code = error.count("code").ok().flatten().and_then(|code| u16::try_from(code).ok());
    let status = code.filter(|code| (400..600).contains(code)).unwrap_or(status);
    let message = error.text("message").ok().flatten().filter(|message| !message.is_empty());
    let message = message.unwrap_or(NO_REASON.into());
    let word = error.text("status").ok().flatten();
    let code = if message.contains(TOO_LONG_SENTENCE) { Some(TOO_LONG.into()) } else { word };
    let param = error.array("details").ok().and_then(|details| details.into_iter().find_map(violated_field));
    Some(ApiError { status, message, code, param })
}

/// The field that a `google.rpc.BadRequest` names.
fn violated_field(detail: Json<'_>) -> Option<Cow<'_, str>> {
    let mut detail = spelling::fields(detail, Path::BODY).ok()?;
    let first = detail.array("fieldViolations").ok()?.into_iter().next()?;
    spelling::fields(first, Path::BODY).ok()?.text("field").ok().flatten()
}

/// Google's error object.
pub(crate) fn build_error(error: &ApiError<'_>, request_id: &str) -> Json<'static> {
    let told = Members::new()
        .with("code", u64::from(error.status))
        .with("message", error.message.clone().into_owned())
        .with("status", canonical(error));
    let mut details = Vec::new();
    if let Some(field) = &error.param {
        let violation = Members::new()
            .with("field", field.clone().into_owned())
            .with("description", error.message.clone().into_owned());
        let violations = Json::Array(vec![violation.into()]);
        details.push(detail("BadRequest").with("fieldViolations", violations).into());
    }
    if !request_id.is_empty() {
        details.push(detail("RequestInfo").with("requestId", request_id.to_owned()).into());
    }
    let details = (!details.is_empty()).then_some(details);
    Members::new().with("error", told.with_some("details", details)).into()
}

fn detail(kind: &str) -> Members<'static> {
    Members::new().with("@type", format!("type.googleapis.com/google.rpc.{kind}"))
}

/// Google's word for an error, by its HTTP status where the provider has another one.
fn canonical(error: &ApiError<'_>) -> &'static str {
    const WORDS: [&str; 15] = [
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
    ];
    let own = error.code.as_deref().and_then(|code| WORDS.into_iter().find(|word| *word == code));
    own.unwrap_or(match error.status {
        401 => "UNAUTHENTICATED",
        402 | 403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        400..=498 => "INVALID_ARGUMENT",
        501 => "UNIMPLEMENTED",
        502 | 503 | 529 => "UNAVAILABLE",
        _ => "INTERNAL",
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn googles_error_is_read_and_written() {
        let body = br#"{"error":{"code":429,"message":"Too many requests.","status":"RESOURCE_EXHAUSTED"}}"#;

        let error = parse_error(500, body);

        assert_eq!((error.status, &*error.message), (429, "Too many requests."));
        assert_eq!(error.code.as_deref(), Some("RESOURCE_EXHAUSTED"));
        assert_eq!(build_error(&error, "").to_vec(), body);
    }

    #[test]
    fn an_error_may_stand_in_an_array_and_name_a_field() {
        let body = br#"[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT","details":[
            {"@type":"type.googleapis.com/google.rpc.Help"},
            {"@type":"type.googleapis.com/google.rpc.BadRequest","field_violations":[{"field":"contents"}]}]}}]"#;

        let error = parse_error(400, body);

        assert_eq!(error.param.as_deref(), Some("contents"));
        let Json::Object(mut built) = build_error(&error, "r-1") else { panic!() };
        let text = String::from_utf8(built.take("error").unwrap().to_vec()).unwrap();
        assert!(text.contains(r#""fieldViolations":[{"field":"contents""#), "{text}");
        assert!(text.contains(r#""requestId":"r-1""#), "{text}");
    }

    #[test]
    fn a_prompt_that_is_too_long_has_the_code_that_clients_look_for() {
        let message = "The input token count (9) exceeds the maximum number of tokens allowed (8).";
        let body = format!(r#"{{"error":{{"code":400,"message":"{message}","status":"INVALID_ARGUMENT"}}}}"#);

        assert_eq!(parse_error(400, body.as_bytes()).code.as_deref(), Some("context_length_exceeded"));
    }

    #[test]
    fn every_status_has_googles_word() {
        let word = |status| {
            let error =
                ApiError { status, message: "m".into(), code: Some("rate_limit".into()), param: None };
            canonical(&error)
        };

        assert_eq!(word(400), "INVALID_ARGUMENT");
        assert_eq!(word(413), "INVALID_ARGUMENT");
        assert_eq!(word(429), "RESOURCE_EXHAUSTED");
        assert_eq!(word(529), "UNAVAILABLE");
        assert_eq!(word(500), "INTERNAL");
    }

    proptest! {
        #[test]
        fn any_body_is_an_error(status: u16, body in any::<Vec<u8>>()) {
            let error = parse_error(status, &body);
            prop_assert_eq!(error.status, status);
        }
    }
}
