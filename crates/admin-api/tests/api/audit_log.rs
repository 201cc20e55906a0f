use serde_json::{Value, json};

use crate::support::{ADDRESS, Api, USERNAME, llm_config};

fn actions(log: &Value) -> Vec<&str> {
    log["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_change_is_written_down_newest_first() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    let key = admin.add_key(config, "sk-0123456789abcdef").await;
    admin.patch(&format!("/keys/{key}"), json!({ "weight": 2 })).await;
    admin.delete(&format!("/keys/{key}")).await;
    admin.put(&format!("/proxy-configs/{config}"), llm_config("renamed")).await;
    admin.put(&format!("/proxy-configs/{config}/status"), json!({ "is_active": false })).await;
    admin.delete(&format!("/proxy-configs/{config}")).await;
    admin.post("/logout", json!({})).await;

    let log = api.admin().await.get("/audit-log").await.body;

    let expected = [
        "sign_in",
        "sign_out",
        "config.delete",
        "config.status",
        "config.update",
        "key.delete",
        "key.update",
        "key.create",
        "config.create",
        "sign_in",
    ];
    assert_eq!(actions(&log), expected);
}

#[tokio::test]
async fn an_entry_says_who_when_from_where_and_by_which_request() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;

    let log = admin.get("/audit-log?limit=1").await.body;

    let entry = &log["items"][0];
    assert_eq!((&entry["actor"], &entry["address"]), (&json!(USERNAME), &json!(ADDRESS)));
    assert_eq!((&entry["object_id"], &entry["request_id"]), (&json!(config), &json!("request-1")));
    assert_eq!(entry["at"], "2026-01-01T00:00:00Z");
    assert_eq!(log["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_failed_sign_in_is_written_down_without_what_was_typed() {
    let api = Api::start().await;
    api.stranger().sign_in("my-password-by-mistake", "typed-password").await;
    api.stranger().sign_in(USERNAME, "typed-password").await;

    let log = api.admin().await.get("/audit-log").await;

    assert_eq!(actions(&log.body), ["sign_in", "sign_in_failed", "sign_in_failed"]);
    assert_eq!(
        (&log.body["items"][1]["actor"], &log.body["items"][2]["actor"]),
        (&json!(USERNAME), &json!(""))
    );
    assert!(!log.text.contains("mistake") && !log.text.contains("typed-password"));
}

#[tokio::test]
async fn a_throttled_sign_in_is_not_written_down() {
    let api = Api::start().await;
    let admin = api.admin().await;
    for _ in 0..20 {
        api.stranger().sign_in(USERNAME, "guess").await;
    }

    let log = admin.get("/audit-log").await.body;

    assert_eq!(actions(&log).len(), 6, "five failures and one sign-in: an attack does not fill the log");
}

#[tokio::test]
async fn a_limit_out_of_range_is_named() {
    let api = Api::start().await;
    let admin = api.admin().await;

    for limit in ["0", "201", "-1", "ten", "1e2", "99999999999"] {
        let answer = admin.get(&format!("/audit-log?limit={limit}")).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["fields"]["limit"]),
            (422, &json!("must be 1 to 200"))
        );
    }
}
