//! The database as a file.

use axum::{
    body::Body,
    http::{Method, header},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::support::{Api, Client, PASSWORD, full, request, unavailable};

const CANARY: &str = "sk-CANARY-0123456789abcdefghijklmnopqrstuvwxyz";

/// The latest actions, newest first.
async fn actions(admin: &Client, count: usize) -> Vec<Value> {
    let log = admin.get(&format!("/audit-log?limit={count}")).await.body;
    log["items"].as_array().unwrap().iter().map(|item| item["action"].clone()).collect()
}

#[tokio::test]
async fn a_backup_is_a_whole_database_without_a_readable_key() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    admin.add_key(config, CANARY).await;

    let request = request(Method::POST, "/backup").header(header::CONTENT_TYPE, "application/json");
    let body = json!({ "password": PASSWORD }).to_string();
    let (head, body) = admin.open(request.body(Body::from(body)).unwrap()).await.into_parts();
    let file = body.collect().await.unwrap().to_bytes();

    assert_eq!(head.status, 200);
    assert_eq!(head.headers[header::CONTENT_TYPE], "application/vnd.sqlite3");
    assert_eq!(head.headers[header::CONTENT_LENGTH], file.len().to_string());
    assert_eq!(
        head.headers[header::CONTENT_DISPOSITION],
        "attachment; filename=\"api-key-rotator-2026-01-01.db\""
    );
    let holds = |text: &str| file.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(file.starts_with(b"SQLite format 3\0") && holds("openai") && !holds("CANARY"));
    assert_eq!(actions(&admin, 1).await, ["database.backup"]);
}

#[tokio::test]
async fn a_backup_needs_the_password() {
    let api = Api::start().await;
    let admin = api.admin().await;

    for form in [json!({ "password": "wrong" }), json!({})] {
        let refused = admin.post("/backup", form).await;
        assert_eq!((refused.status.as_u16(), &refused.body["code"]), (403, &json!("wrong_password")));
    }
    assert_eq!(actions(&admin, 2).await, ["database.backup_refused", "database.backup_refused"]);
}

#[tokio::test]
async fn a_backup_that_cannot_be_made_or_written_down_is_refused() {
    let api = Api::start().await;
    let admin = api.admin().await;

    api.store.fail("backup", full);
    assert_eq!(admin.post("/backup", json!({ "password": PASSWORD })).await.status, 507);
    api.store.fail("audit", unavailable);
    assert_eq!(admin.post("/backup", json!({ "password": PASSWORD })).await.status, 503);
}
