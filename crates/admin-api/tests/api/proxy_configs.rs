use axum::http::header;
use rotator_core::model::ConfigType;
use serde_json::json;

use crate::support::{Api, generic_config, llm_config};

#[tokio::test]
async fn a_new_config_is_answered_whole_with_its_place() {
    let api = Api::start().await;
    let admin = api.admin().await;

    let answer = admin.post("/proxy-configs", generic_config("weather")).await;

    let id = answer.id();
    assert_eq!(
        (answer.status.as_u16(), answer.header(header::LOCATION)),
        (201, &*format!("/api/admin/proxy-configs/{id}"))
    );
    let mut expected = json!({
        "id": id, "name": "Weather", "slug": "weather", "config_type": "GENERIC", "is_active": true,
        "api_key_location": "query", "api_key_name": "appid", "api_key_template": "{key}", "method": "ANY",
        "target_url": "https://weather.example.com/v2", "target_base_url": null, "api_format": null,
        "output_format": null, "strategy": "round_robin", "max_attempts": null, "connect_timeout_ms": null,
        "response_timeout_ms": null, "idle_timeout_ms": null, "max_body_bytes": null,
        "max_retries": null, "total_timeout_ms": null, "more_targets": [], "rules": [],
        "max_concurrent": null, "max_per_minute": null, "key_max_concurrent": null, "key_max_per_minute": null,
        "max_queue_wait_ms": null, "set_headers": {}, "remove_headers": [], "sticky_header": null, "allow_encoded_slashes": false, "accept_invalid_certs": false,
        "body_api_key": false,
        "key_counts": { "active": 0, "cooling": 0, "invalid": 0, "exhausted": 0, "disabled": 0 },
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    });
    expected["probe_keys"] = json!(false);
    expected["translation_strict"] = json!(false);
    expected["model_aliases"] = json!({});
    expected["max_tokens_per_minute"] = json!(null);
    expected["key_max_tokens_per_minute"] = json!(null);
    expected["hedge"] = json!(false);
    expected["prices"] = json!([]);
    assert_eq!(answer.body, expected);
    assert_eq!(admin.get(&format!("/proxy-configs/{id}")).await.body, expected);
}

#[tokio::test]
async fn a_replacement_leaves_nothing_of_what_was() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let mut config = llm_config("openai");
    config["max_attempts"] = json!(3);
    let id = admin.post("/proxy-configs", config).await.id();
    api.wait(std::time::Duration::from_mins(1));

    let answer = admin.put(&format!("/proxy-configs/{id}"), generic_config("weather")).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!((&answer.body["slug"], &answer.body["config_type"]), (&json!("weather"), &json!("GENERIC")));
    assert_eq!((&answer.body["max_attempts"], &answer.body["target_base_url"]), (&json!(null), &json!(null)));
    assert_eq!(answer.body["created_at"], "2026-01-01T00:00:00Z");
    assert_eq!(answer.body["updated_at"], "2026-01-01T00:01:00Z");
}

#[tokio::test]
async fn what_was_shown_can_be_sent_back_with_an_edit() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let path = format!("/proxy-configs/{}", admin.add_config("openai").await);
    let mut shown = admin.get(&path).await.body;
    shown["name"] = json!("Edited");
    shown["id"] = json!(999);

    let answer = admin.put(&path, shown.clone()).await;

    assert_eq!((answer.status.as_u16(), &answer.body["name"]), (200, &json!("Edited")));
    assert_eq!(admin.get("/proxy-configs/999").await.status, 404);
    let again = admin.post("/proxy-configs", shown).await;
    assert_eq!((again.status.as_u16(), again.code()), (422, "invalid_fields"));
    assert!(again.body["fields"]["id"].as_str().unwrap().starts_with("is not a field here"));
}

#[tokio::test]
async fn a_taken_slug_is_a_conflict() {
    let api = Api::start().await;
    let admin = api.admin().await;
    admin.add_config("openai").await;
    let other = admin.add_config("other").await;

    let created = admin.post("/proxy-configs", llm_config("openai")).await;
    let replaced = admin.put(&format!("/proxy-configs/{other}"), llm_config("openai")).await;

    for answer in [created, replaced] {
        assert_eq!((answer.status.as_u16(), answer.code()), (409, "conflict"));
        assert_eq!(answer.body["fields"], json!({ "slug": "is already in use" }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_for_a_slug_has_one_winner() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let admin = admin.clone();
            tokio::spawn(
                async move { admin.post("/proxy-configs", llm_config("openai")).await.status.as_u16() },
            )
        })
        .collect();

    let mut statuses = Vec::new();
    for racer in racers {
        statuses.push(racer.await.unwrap());
    }

    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(admin.get("/proxy-configs").await.body["total"], 1);
}

#[tokio::test]
async fn a_config_is_live_before_the_answer() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let served = |slug: &str| api.routes.table().load().find(ConfigType::Llm, slug).is_some();

    let id = admin.add_config("openai").await;
    assert!(served("openai"));
    admin.put(&format!("/proxy-configs/{id}"), llm_config("renamed")).await;
    assert!(served("renamed") && !served("openai"));
    admin.put(&format!("/proxy-configs/{id}/status"), json!({ "is_active": false })).await;
    assert!(!served("renamed"));
    admin.put(&format!("/proxy-configs/{id}/status"), json!({ "is_active": true })).await;
    assert!(served("renamed"));
    admin.delete(&format!("/proxy-configs/{id}")).await;
    assert!(!served("renamed"));
}

#[tokio::test]
async fn other_instances_hear_of_every_change() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let before = api.revision();

    let id = admin.add_config("openai").await;
    admin.get(&format!("/proxy-configs/{id}")).await;
    admin.post("/proxy-configs", llm_config("openai")).await;
    admin.delete(&format!("/proxy-configs/{id}")).await;

    assert_eq!(api.revision(), before + 2, "two of the four changed something");
}

#[tokio::test]
async fn a_config_that_is_gone_is_not_found() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let id = admin.add_config("openai").await;
    let key = admin.add_key(id, "sk-0123456789abcdef").await;
    let path = format!("/proxy-configs/{id}");

    let deleted = admin.delete(&path).await;

    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    for answer in [
        admin.get(&path).await,
        admin.delete(&path).await,
        admin.put(&path, llm_config("x")).await,
        admin.put(&format!("{path}/status"), json!({ "is_active": true })).await,
        admin.get(&format!("{path}/keys")).await,
        admin.post(&format!("{path}/keys"), json!({ "key_value": "sk-0123456789abcdef" })).await,
        admin.post(&format!("{path}/keys/batch"), json!({ "keys": ["sk-0123456789abcdef"] })).await,
        admin.delete(&format!("{path}/keys")).await,
        admin.get(&format!("/keys/{key}")).await,
    ] {
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "not_found"), "{}", answer.text);
    }
}
