//! A store or a cache that fails, and clients that leave.

use std::time::Duration;

use axum::http::header;
use rotator_core::{
    model::ConfigType,
    store::{ConfigQuery, Store},
};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::support::{Api, MakeError, PASSWORD, full, inconsistent, llm_config, unavailable};

#[tokio::test]
async fn a_write_that_fails_says_whether_to_try_again() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let cases: [(MakeError, u16, &str, &str); 3] = [
        (unavailable, 503, "unavailable", "1"),
        (full, 507, "storage_full", ""),
        (inconsistent, 500, "internal", ""),
    ];

    for (error, status, code, retry_after) in cases {
        api.store.fail("insert_config", error);
        let answer = admin.post("/proxy-configs", llm_config("openai")).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code));
        assert_eq!(answer.header(header::RETRY_AFTER), retry_after);
    }
}

#[tokio::test]
async fn a_request_log_that_does_not_answer_is_not_an_empty_one() {
    let api = Api::start().await;
    let admin = api.admin().await;

    for (method, path) in
        [("requests", "/requests"), ("request", "/requests/00000000000000000000000000000001")]
    {
        api.store.fail(method, unavailable);
        let answer = admin.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (503, "unavailable"));
        assert!(!answer.text.contains("secret"), "{}", answer.text);
    }
}

#[tokio::test]
async fn without_the_list_of_ended_sessions_nobody_is_let_in() {
    let api = Api::start().await;
    let admin = api.admin().await;

    api.store.fail("revoked_sessions", unavailable);

    assert_eq!(admin.get("/session").await.status, 503);
    assert_eq!(admin.post("/proxy-configs", llm_config("openai")).await.status, 503);
    assert_eq!(admin.get("/app-config").await.body["version"], json!(null));
}

#[tokio::test]
async fn a_sign_in_that_cannot_be_written_down_is_refused() {
    let api = Api::start().await;

    api.store.fail("audit", unavailable);

    assert_eq!(api.stranger().sign_in("admin", PASSWORD).await.status, 503);
    assert_eq!(api.stranger().sign_in("admin", "guess").await.status, 401);
}

#[tokio::test]
async fn a_saved_change_is_answered_even_when_nobody_can_be_told() {
    let api = Api::start().await;
    let admin = api.admin().await;

    api.cache.go_away();

    assert_eq!(admin.post("/proxy-configs", llm_config("openai")).await.status, 201);
    assert!(api.routes.table().load().find(ConfigType::Llm, "openai").is_some());
}

#[tokio::test]
async fn a_saved_change_is_answered_even_when_it_is_not_live_yet() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let before = api.revision();

    api.store.fail("route_source", unavailable);

    assert_eq!(admin.post("/proxy-configs", llm_config("openai")).await.status, 201);
    assert_eq!(api.revision(), before + 1, "whoever listens reads everything anew");
}

#[tokio::test]
async fn a_change_is_carried_through_when_its_client_hangs_up() {
    let api = Api::start().await;
    let admin = api.admin().await;
    api.store.dawdle("insert_config");

    let hung_up = timeout(Duration::from_millis(10), admin.post("/proxy-configs", llm_config("a"))).await;

    assert!(hung_up.is_err());
    let live = async {
        while api.routes.table().load().find(ConfigType::Llm, "a").is_none() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), live).await.unwrap();
    assert_eq!(api.store.configs(&ConfigQuery::default()).await.unwrap().total, 1);
}
