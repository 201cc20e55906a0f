//! What a proxy config may say, and how it is told what is wrong with it.

use serde_json::json;

use crate::support::Api;

#[tokio::test]
async fn what_the_old_project_s_scripts_send_is_accepted() {
    let api = Api::start().await;
    let old = json!({
        "name": "Claude", "slug": "claude", "config_type": "llm", "api_key_location": null, "api_key_name": "",
        "method": null, "target_url": null, "target_base_url": "https://api.anthropic.com",
        "api_format": "anthropic_native", "output_format": "none", "is_active": false,
    });

    let answer = api.admin().await.post("/proxy-configs", old).await;

    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!((&answer.body["config_type"], &answer.body["is_active"]), (&json!("LLM"), &json!(false)));
}

#[tokio::test]
async fn every_field_survives_the_way_in_and_out() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let mut written = json!({
        "name": "Ünïcode 名 <img onerror=x>", "slug": "a.b_c-0", "config_type": "LLM", "is_active": false,
        "api_key_location": "header", "api_key_name": "x-custom", "api_key_template": "Token {key}",
        "target_base_url": "http://10.0.0.1:8080/base", "api_format": "gemini_native", "output_format": "openai",
        "strategy": "sticky", "max_attempts": 4, "connect_timeout_ms": 1, "response_timeout_ms": 2,
        "idle_timeout_ms": 3, "max_body_bytes": 4, "set_headers": { "x-team": "a" }, "remove_headers": ["cookie"],
        "sticky_header": "x-conversation", "allow_encoded_slashes": true, "accept_invalid_certs": true,
        "body_api_key": true, "max_retries": 0, "total_timeout_ms": 5,
        "max_concurrent": 6, "max_per_minute": 7, "key_max_concurrent": 8, "key_max_per_minute": 9, "max_queue_wait_ms": 10,
        "more_targets": [{ "url": "https://eu.example.com", "weight": 7, "priority": 2 }],
        "rules": [{ "name": "busy", "status": ["200", "500-504"], "headers": { "x-why": "quota" }, "body": ["full"],
            "outcome": "rate_limited", "scope": "key_model", "rest": "90s", "unprocessed": true }],
    });

    written["probe_keys"] = json!(true);
    written["translation_strict"] = json!(true);
    written["model_aliases"] = json!({ "a": "b", "*": "c" });
    written["max_tokens_per_minute"] = json!(11);
    written["key_max_tokens_per_minute"] = json!(12);
    written["hedge"] = json!(true);
    written["prices"] = json!([{ "model": "mine*", "input": 0.003_625, "cache_write": 1, "output": 2.5 }]);
    let shown = admin.post("/proxy-configs", written.clone()).await.body;

    for (name, value) in written.as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let api = Api::start().await;
    let wrong = json!({ "name": 1, "slug": ["a"], "is_active": "yes", "max_attempts": 300, "set_headers": { "a": 1 },
        "remove_headers": [true], "connect_timeout_ms": -1, "role": "root", "method": {} });

    let answer = api.admin().await.post("/proxy-configs", wrong).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid_fields"));
    let fields = answer.body["fields"].as_object().unwrap();
    let reason = |name: &str| fields[name].as_str().unwrap();
    assert_eq!(
        (reason("name"), reason("slug"), reason("method")),
        ("must be a string", "must be a string", "must be a string")
    );
    assert_eq!(
        (reason("is_active"), reason("max_attempts")),
        ("must be true or false", "must be a whole number in range")
    );
    assert_eq!(reason("connect_timeout_ms"), "must be a whole number in range");
    assert_eq!(reason("set_headers"), "must hold only items that are a string");
    assert_eq!(reason("remove_headers"), "must hold only items that are a string");
    assert!(reason("role").starts_with("is not a field here; known is one of `name`, `slug`"));
    assert_eq!(fields.len(), 9);
}

#[tokio::test]
async fn every_field_that_makes_no_sense_is_named_at_once() {
    let api = Api::start().await;
    let senseless = json!({ "name": "n".repeat(201), "slug": "No Slug", "config_type": "REST", "max_attempts": 11,
        "idle_timeout_ms": 0, "set_headers": { "x": "a\r\nb" } });

    let answer = api.admin().await.post("/proxy-configs", senseless).await;

    assert_eq!(answer.status, 422);
    let fields = answer.body["fields"].as_object().unwrap();
    for name in ["name", "slug", "config_type", "max_attempts", "idle_timeout_ms", "set_headers"] {
        assert!(fields.contains_key(name), "{name} is missing in {}", answer.text);
    }
}

#[tokio::test]
async fn an_empty_form_names_what_is_required() {
    let api = Api::start().await;

    let answer = api.admin().await.post("/proxy-configs", json!({})).await;

    let names: Vec<&str> = answer.body["fields"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((answer.status.as_u16(), names), (422, vec!["config_type", "name", "slug"]));
}

#[tokio::test]
async fn a_status_needs_to_say_which() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let path = format!("/proxy-configs/{}/status", admin.add_config("openai").await);

    for wrong in
        [json!({}), json!({ "is_active": null }), json!({ "is_active": 1 }), json!({ "active": true })]
    {
        assert_eq!(admin.put(&path, wrong.clone()).await.code(), "invalid_fields", "{wrong}");
    }
    assert_eq!(admin.put(&path, json!({ "is_active": false })).await.body["is_active"], false);
}
