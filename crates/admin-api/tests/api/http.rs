//! What holds for every path: methods, bodies, headers, failures.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{Method, Request, header},
};
use http_body::Frame;
use serde_json::json;

use crate::support::{Api, USERNAME, llm_config, request};

#[tokio::test]
async fn every_answer_forbids_caching_and_sniffing() {
    let api = Api::start().await;
    let admin = api.admin().await;

    for answer in [
        admin.get("/proxy-configs").await,
        admin.get("/nowhere").await,
        admin.delete("/session").await,
        admin.delete("/proxy-configs/1").await,
        api.stranger().get("/session").await,
        api.stranger().get("/app-config").await,
    ] {
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store", "{answer:?}");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{answer:?}");
    }
}

#[tokio::test]
async fn a_failure_says_what_is_wrong_and_which_request_it_was() {
    let api = Api::start().await;

    let answer = api.stranger().get("/session").await;

    assert_eq!(answer.header(header::CONTENT_TYPE), "application/json");
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), "Bearer");
    assert_eq!(
        answer.body,
        json!({
            "error": "there is no valid session; sign in at /api/admin/login",
            "code": "unauthenticated",
            "request_id": "request-1",
        })
    );
}

#[tokio::test]
async fn a_path_that_is_not_ours_is_a_json_404_and_never_data() {
    let api = Api::start().await;
    let admin = api.admin().await;
    admin.add_config("openai").await;

    for path in [
        "",
        "/",
        "/proxy-configs/",
        "/nowhere",
        "/proxy-configs/1/",
        "/keys",
        "/Proxy-Configs",
        "//proxy-configs",
    ] {
        let answer = admin.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "not_found"), "{path}");
    }
    for uri in [
        "//api/admin/proxy-configs",
        "/api//admin/proxy-configs",
        "/api/admin%2fproxy-configs",
        "/API/ADMIN/session",
    ] {
        let answer = admin.send(Request::get(uri).body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "not_found"), "{uri}");
    }
}

#[tokio::test]
async fn another_method_is_a_json_405_that_lists_the_allowed_ones() {
    let api = Api::start().await;
    let admin = api.admin().await;

    for (method, path, allowed) in [
        (Method::DELETE, "/proxy-configs", "GET,HEAD,POST"),
        (Method::POST, "/proxy-configs/1", "DELETE,GET,HEAD,PUT"),
        (Method::GET, "/login", "POST"),
        (Method::OPTIONS, "/proxy-configs", "GET,HEAD,POST"),
        (Method::TRACE, "/session", "GET,HEAD"),
        (Method::GET, "/keys/1/reveal", "POST"),
    ] {
        let answer = admin.send(request(method.clone(), path).body(Body::empty()).unwrap()).await;
        let mut listed: Vec<&str> = answer.header(header::ALLOW).split(',').collect();
        listed.sort_unstable();
        assert_eq!((answer.status.as_u16(), answer.code()), (405, "method_not_allowed"), "{method} {path}");
        assert_eq!(listed.join(","), allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn head_answers_like_get_without_the_body() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let head = |path| request(Method::HEAD, path).body(Body::empty()).unwrap();

    let shown = admin.send(head("/proxy-configs")).await;
    let hidden = api.stranger().send(head("/proxy-configs")).await;

    assert_eq!((shown.status.as_u16(), shown.text.as_str()), (200, ""));
    assert_eq!(hidden.status, 401);
}

#[tokio::test]
async fn a_body_must_say_that_it_is_json() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let body = llm_config("openai").to_string();

    for content_type in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "multipart/form-data",
        "\u{ff}",
    ] {
        let request = request(Method::POST, "/proxy-configs").header(header::CONTENT_TYPE, content_type);
        let answer = admin.send(request.body(body.clone().into()).unwrap()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (415, "unsupported_media_type"),
            "{content_type}"
        );
    }
    let without =
        admin.send(request(Method::POST, "/proxy-configs").body(body.clone().into()).unwrap()).await;
    assert_eq!(without.status, 415);
    let with_charset = request(Method::POST, "/proxy-configs")
        .header(header::CONTENT_TYPE, "Application/JSON; charset=utf-8");
    assert_eq!(admin.send(with_charset.body(body.into()).unwrap()).await.status, 201);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told_where_and_never_repeated() {
    let api = Api::start().await;
    let admin = api.admin().await;

    let answer = admin.send_json(Method::POST, "/proxy-configs", "{\n  \"name\": sk-canary-key\n}").await;

    assert_eq!((answer.status.as_u16(), answer.code()), (400, "malformed"));
    assert!(
        answer.body["error"].as_str().unwrap().ends_with("the first fault is at line 2, column 11"),
        "{}",
        answer.text
    );
    assert!(!answer.text.contains("canary"));
}

#[tokio::test]
async fn a_body_that_is_no_object_is_malformed() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let nested = "[".repeat(50_000);

    for body in ["", "null", "[]", "1", "\"text\"", "{", "{}{}", "\u{feff}{}", "{'a': 1}", &nested] {
        let answer = admin.send_json(Method::POST, "/proxy-configs", body.to_owned()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "malformed"), "{body:.20}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let name = "n".repeat(1024 * 1024);

    let answer = admin.post("/proxy-configs", json!({ "name": name })).await;
    let login = api.stranger().sign_in(USERNAME, &name).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (413, "too_large"));
    assert_eq!((login.status.as_u16(), login.code()), (413, "too_large"));
}

#[tokio::test]
async fn a_stranger_s_body_is_not_read() {
    let api = Api::start().await;

    let answer = api.stranger().send_json(Method::POST, "/proxy-configs", Body::new(Never)).await;

    assert_eq!(answer.status, 401);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let api = Api::start().await;

    let answer = api.stranger().send_json(Method::POST, "/login", Body::new(Never)).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (408, "body_timeout"));
}

#[tokio::test]
async fn an_id_that_is_no_number_of_64_bits_is_malformed() {
    let api = Api::start().await;
    let admin = api.admin().await;

    for id in [
        "abc",
        "1.0",
        "9223372036854775808",
        "-9223372036854775809",
        "1'%20OR%20'1'='1",
        "%00",
        "0x1",
        "1e3",
        "%20",
    ] {
        for path in [format!("/proxy-configs/{id}"), format!("/keys/{id}")] {
            let answer = admin.get(&path).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (400, "malformed"), "{path}");
        }
    }
    for id in ["0", "-1", "9223372036854775807", "-9223372036854775808"] {
        assert_eq!(admin.get(&format!("/proxy-configs/{id}")).await.code(), "not_found", "{id}");
        assert_eq!(admin.delete(&format!("/keys/{id}")).await.code(), "not_found", "{id}");
    }
}

#[tokio::test]
async fn a_parameter_that_nobody_reads_is_named() {
    let api = Api::start().await;
    let admin = api.admin().await;

    let answer = admin.get("/proxy-configs?sort=name&limit=10").await;

    assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid_fields"));
    let reason = answer.body["fields"]["sort"].as_str().unwrap();
    assert_eq!(reason, "is not a field here; known is one of `q`, `type`, `limit`, `cursor`");
}

/// A body that never comes, and never ends.
struct Never;

impl HttpBody for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}
