//! No answer but a reveal or an export holds a key, whatever is asked and however it fails.

use serde_json::{Value, json};

use crate::support::{Api, PASSWORD, full, inconsistent, llm_config, unavailable};

const CANARY: &str = "sk-CANARY-0123456789abcdefghijklmnopqrstuvwxyz";

#[tokio::test]
async fn no_answer_but_a_reveal_or_an_export_holds_a_key() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    let (keys, batch) =
        (format!("/proxy-configs/{config}/keys"), format!("/proxy-configs/{config}/keys/batch"));
    let (jobs, export) = (format!("{keys}/jobs"), format!("{keys}/export"));
    let first = admin.post(&keys, json!({ "key_value": CANARY, "note": "a" })).await;
    let key = format!("/keys/{}", first.id());

    let answers = [
        first,
        admin.post(&keys, json!({ "key_value": CANARY })).await,
        admin.post(&keys, json!({ "key_value": CANARY, "weight": -1 })).await,
        admin.post(&keys, json!({ "key_value": format!("{CANARY}\0") })).await,
        admin.post(&keys, json!({ "key_value": { CANARY: CANARY } })).await,
        admin.post(&keys, json!(CANARY)).await,
        admin
            .post(&batch, json!({ "keys": [CANARY, format!("{CANARY}\n{CANARY}"), format!("ü{CANARY}")] }))
            .await,
        admin.post(&batch, json!({ "keys": CANARY })).await,
        admin.get(&keys).await,
        admin.get(&format!("{keys}?q={CANARY}")).await,
        admin.get(&format!("{keys}?state={CANARY}")).await,
        admin.get(&format!("{keys}?limit={CANARY}")).await,
        admin.get(&format!("{keys}?cursor={CANARY}")).await,
        admin.get(&key).await,
        admin.patch(&key, json!({ "weight": 2 })).await,
        admin.patch(&key, json!({ "weight": CANARY })).await,
        admin.post(&format!("{key}/test"), Value::Null).await,
        admin.post(&format!("{key}/reset"), Value::Null).await,
        admin.post(&format!("{key}/reveal"), json!({ "password": CANARY })).await,
        admin.post(&jobs, json!({ "action": CANARY })).await,
        admin.post(&jobs, json!({ "action": "test", "state": CANARY })).await,
        admin.post(&jobs, json!({ "action": "test", "ids": [CANARY] })).await,
        admin.post(&jobs, json!({ "action": "test" })).await,
        admin.get("/jobs/1/events").await,
        admin.get("/jobs").await,
        admin.get("/jobs/1").await,
        admin.post("/jobs/1/cancel", Value::Null).await,
        admin.post(&export, json!({ "password": CANARY })).await,
        admin.post(&export, json!({ "password": PASSWORD, "state": CANARY })).await,
        admin.get(&format!("/jobs/{CANARY}")).await,
        admin.get("/proxy-configs").await,
        admin.get(&format!("/proxy-configs/{config}")).await,
        admin.post("/proxy-configs", json!({ "slug": CANARY, "config_type": CANARY })).await,
        admin.get("/audit-log").await,
        admin.get(&format!("/requests?client={CANARY}")).await,
        admin.get(&format!("/requests/{CANARY}")).await,
        admin.get(&format!("/keys/{CANARY}")).await,
        admin.get(&format!("/{CANARY}")).await,
        admin.delete(&keys).await,
    ];

    for answer in answers {
        assert!(!answer.text.contains("CANARY-0123"), "{} {}", answer.status, answer.text);
    }
}

#[tokio::test]
async fn no_failure_shows_what_is_behind_it() {
    let api = Api::start().await;
    let admin = api.admin().await;

    for error in [unavailable, inconsistent, full] {
        api.store.fail("insert_config", error);
        let answer = admin.post("/proxy-configs", llm_config("openai")).await;
        assert!(answer.status.is_server_error());
        assert!(!answer.text.contains("secret"), "{}", answer.text);
    }
}

#[tokio::test]
async fn the_document_holds_no_credential() {
    let document = admin_api::openapi_json().unwrap();

    for start in ["sk-ant", "AIza", "ghp_", "Bearer ey", "eyJ", "$argon2"] {
        assert!(!document.contains(start), "{start}");
    }
}
