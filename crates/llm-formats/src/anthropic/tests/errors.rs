use super::*;
use crate::neutral::ApiError;

fn error(status: u16, code: Option<&'static str>, message: &'static str) -> ApiError<'static> {
    ApiError { status, message: message.into(), code: code.map(Into::into), param: None }
}

#[test]
fn a_status_has_the_type_that_the_real_api_gives_it() {
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (408, "timeout_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ] {
        let body = build_error(&error(status, None, "m"), "req_1");

        assert_eq!(member(&body, "error.type"), Some(&kind.into()), "{status}");
        assert_eq!(member(&body, "request_id"), Some(&"req_1".into()));
    }
}

#[test]
fn a_prompt_that_is_too_long_is_told_in_the_words_that_clients_know() {
    let read = parse_error(400, br#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#);
    let other = error(400, Some("context_length_exceeded"), "Your input exceeds the context window.");

    let body = build_error(&other, "r");

    assert_eq!(read.code.as_deref(), Some("context_length_exceeded"));
    assert_eq!(
        member(&body, "error.message"),
        Some(&"prompt is too long: Your input exceeds the context window.".into())
    );
    let again = build_error(&read, "r");
    assert_eq!(member(&again, "error.message"), Some(&Json::from(&*read.message)));
}

#[test]
fn a_body_in_no_known_shape_is_a_short_sentence() {
    let long = "x".repeat(1000);
    for (body, message) in [
        (r#"{"error":"no such model"}"#, "no such model"),
        (r#"{"message":"no access"}"#, "no access"),
        (r#"{"detail":"Not Found"}"#, "Not Found"),
        ("upstream connect error\n", "upstream connect error"),
        (&long, &long[..200]),
        ("<html><body>502</body></html>", "the provider answered with status 502 and no reason"),
        ("", "the provider answered with status 502 and no reason"),
        ("[1]", "the provider answered with status 502 and no reason"),
    ] {
        let error = parse_error(502, body.as_bytes());

        assert_eq!((error.status, &*error.message), (502, message), "{body:.40}");
    }
}
