//! What an admin sees of what requests came to over time.

use contract_tests::fixtures::refused_request;
use jiff::Timestamp;
use rotator_core::{
    model::{ConfigId, KeyId},
    prices::Money,
    record::{RequestRecord, Tokens},
    store::Store,
};
use serde_json::{Value, json};

use crate::support::{Api, unavailable};

/// A request that ended so many seconds before now, took so many microseconds and was answered like this.
fn ended(api: &Api, seconds: i64, status: u16, duration_us: u64) -> RequestRecord {
    let started_at = Timestamp::from_second(api.now() - seconds).unwrap();
    RequestRecord { status, duration_us, ..refused_request(started_at) }
}

#[tokio::test]
async fn requests_are_summed_up_over_time() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    let used = Tokens { input: 1, cached_read: 2, cache_write: 3, output: 4, reasoning: 5 };
    let answered = RequestRecord {
        config_id: Some(ConfigId(config)),
        key_id: Some(KeyId(70)),
        attempts: 2,
        first_byte_us: Some(1_500),
        model: Some("gpt-5".into()),
        usage: Some(used),
        cost: Some(Money::from_nanos(1_500_000_001)),
        ..ended(&api, 90, 200, 3_000)
    };
    let gone = RequestRecord { config_id: Some(ConfigId(99)), ..ended(&api, 30, 0, 1) };
    let limited = RequestRecord { status: 429, ..answered.clone() };
    let records = vec![answered, limited, gone, ended(&api, 30, 404, 1), ended(&api, 30, 502, 1)];
    api.store.append_requests(records).await.unwrap();

    let stats = admin.get("/stats").await.body;

    assert_eq!(
        (&stats["since"], &stats["until"]),
        (&json!("2025-12-31T23:01:00Z"), &json!("2026-01-01T00:01:00Z"))
    );
    assert_eq!(stats["step_seconds"], 60);
    let total = &stats["total"];
    let counts = ["requests", "success", "limited", "client_error", "server_error", "no_answer", "rescued"];
    assert_eq!(counts.map(|count| total[count].as_u64().unwrap()), [5, 1, 1, 1, 1, 1, 1]);
    assert_eq!(
        total["tokens"],
        json!({ "input": 2, "cached_read": 4, "cache_write": 6, "output": 8, "reasoning": 10 })
    );
    assert_eq!(total["cost"], 3.000_000_002);
    assert_eq!(total["duration_us"], json!({ "p50": 853, "p95": 3_584, "p99": 3_584 }));
    assert_eq!(total["first_byte_us"], json!({ "p50": 1_280, "p95": 1_792, "p99": 1_792 }));
    let series = stats["series"].as_array().unwrap();
    let steps: Vec<_> = series.iter().map(|step| (&step["at"], step["requests"].as_u64().unwrap())).collect();
    assert_eq!(steps, [(&json!("2025-12-31T23:58:00Z"), 2), (&json!("2025-12-31T23:59:00Z"), 3)]);
    let services = stats["services"].as_array().unwrap();
    let names: Vec<_> =
        services.iter().map(|service| (&service["config_name"], &service["requests"])).collect();
    assert_eq!(names, [(&json!("openai"), &json!(2)), (&Value::Null, &json!(1))]);
    assert_eq!((&stats["models"][0]["model"], &stats["models"][0]["success"]), (&json!("gpt-5"), &json!(1)));
    let key =
        json!({ "key_id": 70, "config_id": config, "config_name": "openai", "requests": 2, "failed": 1 });
    assert_eq!(stats["keys"], json!([key]));
}

#[tokio::test]
async fn each_range_has_its_steps_and_nothing_from_before() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let hours = |hours: i64| ended(&api, hours * 3600, 200, 0);
    api.store.append_requests([0, 1, 23, 24 * 6, 24 * 29, 24 * 31].map(hours).to_vec()).await.unwrap();

    for (range, since, step, requests) in [
        ("1h", "2025-12-31T23:01:00Z", 60, 1),
        ("24h", "2025-12-31T00:10:00Z", 600, 3),
        ("7d", "2025-12-25T01:00:00Z", 3600, 4),
        ("30d", "2025-12-02T06:00:00Z", 21_600, 5),
    ] {
        let stats = admin.get(&format!("/stats?range={range}")).await.body;
        assert_eq!((&stats["since"], &stats["step_seconds"]), (&json!(since), &json!(step)), "{range}");
        assert_eq!(stats["total"]["requests"], requests, "{range}");
    }
}

#[tokio::test]
async fn one_services_requests_are_summed_up_alone() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let to = |config| RequestRecord { config_id: Some(ConfigId(config)), ..ended(&api, 1, 200, 0) };
    api.store.append_requests(vec![to(1), to(2), to(2)]).await.unwrap();

    for (query, requests) in [("", 3), ("?config_id=2", 2), ("?config_id=3&range=7d", 0)] {
        let stats = admin.get(&format!("/stats{query}")).await.body;
        assert_eq!(stats["total"]["requests"], requests, "{query}");
    }
    let nothing = admin.get("/stats?config_id=3").await.body;
    assert_eq!(nothing["total"]["duration_us"], json!({ "p50": null, "p95": null, "p99": null }));
}

#[tokio::test]
async fn a_range_or_service_that_makes_no_sense_is_named() {
    let api = Api::start().await;
    let admin = api.admin().await;

    for (query, field) in
        [("range=1y", "range"), ("range=", "range"), ("config_id=x", "config_id"), ("rnage=1h", "rnage")]
    {
        let answer = admin.get(&format!("/stats?{query}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body["fields"][field].is_string()),
            (422, true),
            "{}",
            answer.text
        );
    }
    api.store.fail("stats", unavailable);
    assert_eq!(admin.get("/stats").await.status, 503);
}
