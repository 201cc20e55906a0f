//! What nobody gets without a session, whatever is shown in its place and however the request is written.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderName, Method, Request, header},
};
use serde_json::Value;

use crate::support::{Answer, Api, Client, llm_config, request};

/// Opens the proxy, and nothing here.
const PROXY_KEY: &str = "pk-0123456789abcdef0123456789abcdef";
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// Every path that needs a session, as the document lists them, for the service and the key that [`filled`] adds.
fn closed_paths() -> Vec<String> {
    let document: Value = serde_json::from_str(&admin_api::openapi_json().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap().keys();
    let is_closed = |path: &&String| {
        path.starts_with("/api/admin/") && !path.ends_with("/login") && !path.ends_with("/app-config")
    };
    paths.filter(is_closed).map(|path| path.replace("{id}", "1")).collect()
}

/// An admin of a service with a key, both with the id 1.
async fn filled(api: &Api) -> Client {
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    assert_eq!((config, admin.add_key(config, "sk-0123456789abcdef").await), (1, 1));
    admin
}

/// All that a request without a session could have changed.
async fn state(api: &Api) -> String {
    let admin = api.admin().await;
    let mut state = String::new();
    for path in ["/proxy-configs", "/proxy-configs/1", "/proxy-configs/1/keys", "/keys/1"] {
        state += &admin.get(path).await.text;
    }
    state
}

async fn ask(client: &Client, method: &Method, uri: &str) -> Answer {
    let request = Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, "application/json");
    client.send(request.body(Body::from(llm_config("taken-over").to_string())).unwrap()).await
}

/// Clients that show something else than a session.
async fn impostors(api: &Api) -> Vec<Client> {
    let outdated = api.admin().await.token();
    api.wait(Duration::from_hours(1));
    let (fresh, stranger) = (api.admin().await.token(), || api.stranger());
    let named = HeaderName::from_static;
    vec![
        stranger(),
        stranger().with_bearer("garbage"),
        stranger().with_bearer(&outdated),
        stranger().with_bearer(PROXY_KEY),
        stranger().with(named("x-proxy-key"), PROXY_KEY).with(named("x-api-key"), PROXY_KEY),
        stranger().with(named("x-api-key"), &fresh).with(named("x-auth-token"), &fresh),
        stranger().with(header::PROXY_AUTHORIZATION, &format!("Bearer {fresh}")),
        stranger().with(header::AUTHORIZATION, "Basic YWRtaW46Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ=="),
        stranger().with(header::COOKIE, "akr_session=garbage; session=admin"),
        stranger().with(named("x-forwarded-user"), "admin").with(named("remote-user"), "admin"),
        api.stranger_at("127.0.0.1").with(named("x-forwarded-for"), "127.0.0.1"),
        stranger().with(named("x-real-ip"), "127.0.0.1").with(header::FORWARDED, "for=127.0.0.1"),
        stranger().with(named("x-original-url"), "/api/admin/app-config"),
        stranger().with(named("x-rewrite-url"), "/api/admin/login"),
        stranger().with(named("x-http-method-override"), "GET"),
    ]
}

#[tokio::test]
async fn nothing_but_a_session_opens_any_path_to_any_method() {
    let api = Api::start().await;
    filled(&api).await;
    let impostors = impostors(&api).await;
    let before = state(&api).await;

    for (number, impostor) in impostors.iter().enumerate() {
        for path in closed_paths() {
            for method in &METHODS {
                let status = ask(impostor, method, &path).await.status.as_u16();
                assert!(matches!(status, 401 | 405), "impostor {number}: {method} {path}: {status}");
            }
        }
    }

    assert_eq!(state(&api).await, before);
}

#[tokio::test]
async fn no_other_spelling_of_a_path_opens_it() {
    let api = Api::start().await;
    let admin = filled(&api).await;
    let before = state(&api).await;

    for path in closed_paths() {
        let rest = path.trim_start_matches("/api/admin");
        let spellings = [
            format!("{path}/"),
            format!("{path}/."),
            format!("{path};a=b"),
            format!("{path}%20"),
            format!("{path}.json"),
            format!("//api/admin{rest}"),
            format!("/api//admin{rest}"),
            format!("/api/admin/{rest}"),
            format!("/api/admin/.{rest}"),
            format!("/api/admin/..{path}"),
            format!("/api/admin/login/..{rest}"),
            format!("/api/admin/app-config/..;{rest}"),
            format!("/api%2fadmin{rest}"),
            format!("/api/%61dmin{rest}"),
            format!("/API/ADMIN{rest}"),
            format!("/api/ADMIN{}", rest.to_uppercase()),
            format!("/admin{rest}"),
        ];
        for spelling in spellings {
            for method in &METHODS {
                let status = ask(&api.stranger(), method, &spelling).await.status.as_u16();
                assert!(matches!(status, 401 | 404 | 405), "{method} {spelling}: {status}");
            }
            // An id that is no number is malformed; nothing else is any path's spelling.
            let status = ask(&admin, &Method::GET, &spelling).await.status.as_u16();
            assert!(matches!(status, 400 | 404 | 405), "as an admin: {spelling}: {status}");
        }
    }

    assert_eq!(state(&api).await, before);
}

#[tokio::test]
async fn no_header_turns_one_request_into_another() {
    let api = Api::start().await;
    let admin = filled(&api).await;
    let before = state(&api).await;

    for (name, value) in [
        ("x-http-method-override", "DELETE"),
        ("x-http-method", "DELETE"),
        ("x-method-override", "DELETE"),
        ("x-original-url", "/api/admin/session"),
        ("x-rewrite-url", "/api/admin/session"),
    ] {
        let admin = admin.clone().with(HeaderName::from_static(name), value);
        let shown = admin.get("/proxy-configs/1").await;
        assert_eq!((shown.status.as_u16(), shown.id()), (200, 1), "{name}");
        let answer = admin.send(request(Method::POST, "/keys/1").body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 405, "{name}");
    }

    assert_eq!(state(&api).await, before);
}
