use axum::http::header;
use rotator_core::store::{AuditAction, Store};
use serde_json::{Value, json};

use crate::support::{Api, Client, PASSWORD, unavailable};

const KEY: &str = "sk-0123456789abcdef";

/// A service's key and where to reveal it.
async fn key(admin: &Client) -> (i64, String) {
    let key = admin.add_key(admin.add_config("openai").await, KEY).await;
    (key, format!("/keys/{key}/reveal"))
}

async fn latest_action(api: &Api) -> (String, Option<i64>) {
    let entry = api.store.audit_entries(1).await.unwrap().remove(0);
    (entry.action, entry.object_id)
}

#[tokio::test]
async fn the_password_shows_a_key_and_leaves_a_trace() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let (key, path) = key(&admin).await;

    let answer = admin.post(&path, json!({ "password": PASSWORD })).await;

    assert_eq!((answer.status.as_u16(), answer.body), (200, json!({ "key_value": KEY })));
    assert_eq!(latest_action(&api).await, ("key.reveal".into(), Some(key)));
}

#[tokio::test]
async fn a_wrong_password_shows_nothing_and_leaves_a_trace() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let (key, path) = key(&admin).await;

    let answer = admin.post(&path, json!({ "password": "guess" })).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (403, "wrong_password"));
    assert_eq!(latest_action(&api).await, ("key.reveal_refused".into(), Some(key)));
    assert_eq!(admin.post(&path, json!({})).await.code(), "wrong_password");
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_shown() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let (_, path) = key(&admin).await;

    api.store.fail("audit", unavailable);
    let answer = admin.post(&path, json!({ "password": PASSWORD })).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (503, "unavailable"));
    assert!(!answer.text.contains(KEY));
}

#[tokio::test]
async fn guessing_through_reveal_is_throttled_apart_from_signing_in() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let (_, path) = key(&admin).await;
    for _ in 0..5 {
        assert_eq!(admin.post(&path, json!({ "password": "guess" })).await.status, 403);
    }

    let answer = admin.post(&path, json!({ "password": PASSWORD })).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (429, "too_many_attempts"));
    assert_ne!(answer.header(header::RETRY_AFTER), "");
    api.admin().await;
}

#[tokio::test]
async fn a_key_that_is_not_there_is_not_revealed() {
    let api = Api::start().await;
    let admin = api.admin().await;

    let answer = admin.post("/keys/7/reveal", json!({ "password": PASSWORD })).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (404, "not_found"));
    assert_ne!(
        latest_action(&api).await.0,
        AuditAction::KeyRevealed(rotator_core::model::KeyId(7)).parts().0
    );
}

#[tokio::test]
async fn reading_never_reveals() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let (_, path) = key(&admin).await;

    assert_eq!(admin.get(&path).await.status, 405);
    assert_eq!(admin.post(&path, Value::Null).await.code(), "malformed");
}
