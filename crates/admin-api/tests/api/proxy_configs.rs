use axum::http::header;
use rotator_core::model::ConfigType;
use serde_json::{Value, json};

use crate::support::{Api, llm_config};

fn generic_config(slug: &str) -> Value {
    json!({
        "name": "Weather", "slug": slug, "config_type": "GENERIC", "target_url": "https://weather.example.com/v2",
        "api_key_location": "query", "api_key_name": "appid",
    })
}

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
    let expected = json!({
        "id": id, "name": "Weather", "slug": "weather", "config_type": "GENERIC", "is_active": true,
        "api_key_location": "query", "api_key_name": "appid", "api_key_template": "{key}", "method": "ANY",
        "target_url": "https://weather.example.com/v2", "target_base_url": null, "api_format": null,
        "output_format": null, "strategy": "round_robin", "max_attempts": null, "connect_timeout_ms": null,
        "response_timeout_ms": null, "idle_timeout_ms": null, "max_body_bytes": null, "set_headers": {},
        "remove_headers": [], "sticky_header": null, "allow_encoded_slashes": false, "accept_invalid_certs": false,
        "body_api_key": false,
        "key_counts": { "active": 0, "cooling": 0, "invalid": 0, "exhausted": 0, "disabled": 0 },
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    });
    assert_eq!(answer.body, expected);
    assert_eq!(admin.get(&format!("/proxy-configs/{id}")).await.body, expected);
}

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
    let written = json!({
        "name": "Ünïcode 名 <img onerror=x>", "slug": "a.b_c-0", "config_type": "LLM", "is_active": false,
        "api_key_location": "header", "api_key_name": "x-custom", "api_key_template": "Token {key}",
        "target_base_url": "http://10.0.0.1:8080/base", "api_format": "gemini_native", "output_format": "openai",
        "strategy": "sticky", "max_attempts": 4, "connect_timeout_ms": 1, "response_timeout_ms": 2,
        "idle_timeout_ms": 3, "max_body_bytes": 4, "set_headers": { "x-team": "a" }, "remove_headers": ["cookie"],
        "sticky_header": "x-conversation", "allow_encoded_slashes": true, "accept_invalid_certs": true,
        "body_api_key": true,
    });

    let shown = admin.post("/proxy-configs", written.clone()).await.body;

    for (name, value) in written.as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
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
async fn a_list_is_read_piece_by_piece() {
    let api = Api::start().await;
    let admin = api.admin().await;
    for n in 0..5 {
        admin.add_config(&format!("service-{n}")).await;
    }

    let mut slugs = Vec::new();
    let mut path = "/proxy-configs?limit=2".to_owned();
    loop {
        let piece = admin.get(&path).await.body;
        assert_eq!(piece["total"], 5);
        slugs.extend(piece["items"].as_array().unwrap().iter().map(|item| item["slug"].to_string()));
        let Some(cursor) = piece["next_cursor"].as_str() else { break };
        path = format!("/proxy-configs?limit=2&cursor={cursor}");
    }

    assert_eq!(slugs.len(), 5);
    assert_eq!(
        (slugs.first().unwrap().as_str(), slugs.last().unwrap().as_str()),
        ("\"service-4\"", "\"service-0\"")
    );
}

#[tokio::test]
async fn a_list_is_searched_by_text_and_type() {
    let api = Api::start().await;
    let admin = api.admin().await;
    admin.add_config("openai").await;
    admin.post("/proxy-configs", generic_config("weather_100")).await;

    let slugs = async |query: &str| {
        let body = admin.get(&format!("/proxy-configs?{query}")).await.body;
        body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["slug"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    assert_eq!(slugs("q=OPEN").await, ["openai"]);
    assert_eq!(slugs("q=weather&type=generic").await, ["weather_100"]);
    assert_eq!(slugs("type=LLM").await, ["openai"]);
    assert_eq!(slugs("q=").await.len(), 2);
    for nothing in
        ["q=%25", "q=openai%27%20OR%20%271%27=%271", "q=o%25i", "q=open_i", "q=%5C", "q=%00", "q=%22%3B--"]
    {
        assert_eq!(slugs(nothing).await, [""; 0], "{nothing}");
    }
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_named() {
    let api = Api::start().await;
    let admin = api.admin().await;

    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=1;DROP TABLE proxy_configs", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=9223372036854775808", "cursor"),
        ("type=OTHER", "type"),
    ] {
        let answer = admin.get(&format!("/proxy-configs?{}", query.replace(' ', "%20"))).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid_fields"), "{query}");
        assert!(answer.body["fields"][field].is_string(), "{query}: {}", answer.text);
    }
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
    let before = api.revision().await;

    let id = admin.add_config("openai").await;
    admin.get(&format!("/proxy-configs/{id}")).await;
    admin.post("/proxy-configs", llm_config("openai")).await;
    admin.delete(&format!("/proxy-configs/{id}")).await;

    assert_eq!(api.revision().await, before + 2, "two of the four changed something");
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
