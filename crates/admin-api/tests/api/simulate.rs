//! Which key would serve a request now.

use std::time::Instant;

use jiff::Timestamp;
use rotator_core::{
    model::{ConfigType, KeyId},
    outcome::Outcome,
    pool::Now,
};
use serde_json::{Value, json};

use crate::support::{Api, Client};

async fn simulate(admin: &Client, config: i64, imagined: Value) -> Value {
    let answer = admin.post(&format!("/proxy-configs/{config}/simulate"), imagined).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body
}

#[tokio::test]
async fn the_keys_are_told_in_the_order_in_which_they_would_be_tried_and_no_turn_is_taken() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    assert_eq!(
        simulate(&admin, config, json!({})).await["reason"],
        "the config has no key that is switched on"
    );
    let mut keys = Vec::new();
    for number in 0..4 {
        keys.push(admin.add_key(config, &format!("sk-0123456789-{number}")).await);
    }

    for _ in 0..3 {
        let told = simulate(&admin, config, json!({})).await;
        assert_eq!(told["keys"], json!(keys[..3]));
        assert_eq!((&told["strategy"], &told["keys_in_rotation"]), (&json!("round_robin"), &json!(4)));
        assert_eq!(told["target"], "https://api.example.com/v1");
    }
}

#[tokio::test]
async fn a_conversation_has_its_own_key_and_keys_that_rest_are_told_with_the_reason() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let mut config =
        json!({ "name": "n", "slug": "s", "config_type": "LLM", "target_base_url": "https://a.example" });
    config["strategy"] = json!("sticky");
    let id = admin.post("/proxy-configs", config).await.body["id"].as_i64().unwrap();
    for number in 0..10 {
        admin.add_key(id, &format!("sk-0123456789-{number}")).await;
    }

    let of = |name: &'static str| simulate(&admin, id, json!({ "conversation": name, "model": "m" }));
    let (one, again, other) = (of("alice").await, of("alice").await, of("bob").await);
    assert_eq!(one, again);
    assert_ne!(one["keys"], other["keys"]);
    assert!(one["reason"].as_str().unwrap().contains("conversation"));

    let route = api.routes.table().load().find(ConfigType::Llm, "s").unwrap().clone();
    let first = route.pool.slot(KeyId(one["keys"][0].as_i64().unwrap())).unwrap();
    let now = Now { instant: Instant::now(), wall: Timestamp::from_second(api.now()).unwrap() };
    route.pool.health().note_probe(first, &Outcome::KeyRejected, "who are you", now.instant, now);
    let told = of("alice").await;
    assert_eq!(told["keys"][0], one["keys"][1]);
    assert_eq!(told["passed_over"], json!([{ "id": one["keys"][0], "why": "invalid" }]));
    assert_eq!(told["passed_over_count"], 1);
}

#[tokio::test]
async fn a_service_that_is_switched_off_serves_nothing() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    admin.put(&format!("/proxy-configs/{config}/status"), json!({ "is_active": false })).await;

    let answer = admin.post(&format!("/proxy-configs/{config}/simulate"), json!({})).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (409, "switched_off"));
}
