//! Writes that a browser sends: only with the CSRF token, and only from our own pages.

use axum::http::{HeaderName, header};
use serde_json::json;

use crate::support::{Api, Client, PASSWORD, USERNAME, llm_config};

const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A browser that has signed in, and the CSRF token of its session.
async fn browser(api: &Api) -> (Client, String) {
    let login = json!({ "username": USERNAME, "password": PASSWORD, "cookie": true });
    let answer = api.stranger().post("/login", login).await;
    let (pair, _) = answer.header(header::SET_COOKIE).split_once(';').unwrap();
    (api.stranger().with(header::COOKIE, pair), answer.body["csrf_token"].as_str().unwrap().into())
}

#[tokio::test]
async fn a_write_with_the_cookie_needs_the_csrf_token_of_its_session() {
    let api = Api::start().await;
    let (browser, token) = browser(&api).await;
    let (_, token_of_another) = self::browser(&api).await;

    for wrong in ["", "x", &token_of_another, &token[1..], &token.to_uppercase()] {
        let answer = browser.clone().with(CSRF, wrong).post("/proxy-configs", llm_config("a")).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (403, "cross_site"), "{wrong:?}");
    }
    assert_eq!(browser.post("/proxy-configs", llm_config("a")).await.status, 403);
    assert_eq!(browser.post("/logout", json!({})).await.status, 403);
    assert_eq!(browser.clone().with(CSRF, &token).post("/proxy-configs", llm_config("a")).await.status, 201);
}

#[tokio::test]
async fn reading_with_the_cookie_needs_no_csrf_token() {
    let api = Api::start().await;
    let (browser, token) = browser(&api).await;

    let session = browser.get("/session").await;

    assert_eq!((session.status.as_u16(), &session.body["csrf_token"]), (200, &json!(token)));
}

#[tokio::test]
async fn a_write_from_another_site_is_refused_whatever_it_carries() {
    let api = Api::start().await;
    let (browser, token) = browser(&api).await;
    let browser = browser.with(CSRF, &token).with(header::HOST, "panel.example.com:8000");

    for (name, value) in [
        (header::ORIGIN, "https://evil.example"),
        (header::ORIGIN, "null"),
        (header::ORIGIN, ""),
        (header::ORIGIN, "http://panel.example.com:8001"),
        (header::ORIGIN, "http://panel.example.com:8000.evil.example"),
        (FETCH_SITE, "cross-site"),
        (FETCH_SITE, "same-site"),
        (FETCH_SITE, "none"),
    ] {
        let answer = browser.clone().with(name.clone(), value).post("/proxy-configs", llm_config("a")).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (403, "cross_site"), "{name}: {value}");
    }
}

#[tokio::test]
async fn a_write_from_our_own_pages_is_accepted() {
    let api = Api::start().await;
    let (browser, token) = browser(&api).await;
    let browser = browser.with(CSRF, &token).with(header::HOST, "panel.example.com:8000");

    let direct =
        browser.clone().with(header::ORIGIN, "http://panel.example.com:8000").with(FETCH_SITE, "same-origin");
    let behind_a_proxy = browser.with(header::ORIGIN, "https://keys.example.com");

    assert_eq!(direct.post("/proxy-configs", llm_config("a")).await.status, 201);
    assert_eq!(behind_a_proxy.post("/proxy-configs", llm_config("b")).await.status, 201);
}

#[tokio::test]
async fn a_bearer_token_needs_no_csrf_token() {
    let api = Api::start().await;
    let admin = api.admin().await.with(header::ORIGIN, "https://script.example");

    assert_eq!(admin.post("/proxy-configs", llm_config("a")).await.status, 201);
}

#[tokio::test]
async fn a_wrong_bearer_token_is_not_mended_by_a_cookie() {
    let api = Api::start().await;
    let (browser, token) = browser(&api).await;

    let answer = browser.with_bearer("wrong").with(CSRF, &token).get("/session").await;

    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn no_answer_lets_another_site_read_it() {
    let api = Api::start().await;
    let curious = api.admin().await.with(header::ORIGIN, "https://evil.example");

    for answer in
        [curious.get("/app-config").await, curious.get("/proxy-configs").await, curious.get("/x").await]
    {
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")), "{answer:?}");
    }
}
