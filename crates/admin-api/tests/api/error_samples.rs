//! Samples of failures, and rules tried on them.

use jiff::Timestamp;
use rotator_core::{model::ConfigId, outcome::Kind, record::ErrorSample, store::Store};
use serde_json::{Value, json};

use crate::support::{Api, Client};

const SEEN: &str = "2026-01-01T10:00:00Z";

/// Two samples of a service: with a limit that ends at a time, and with a body that no rule knows.
async fn scene(api: &Api) -> (Client, i64) {
    let admin = api.admin().await;
    let config = admin.add_config("weather").await;
    let seen_at: Timestamp = SEEN.parse().unwrap();
    let limited = ErrorSample {
        config_id: ConfigId(config),
        seen_at,
        status: 429,
        headers: vec![("retry-after".into(), "2026-01-01T10:01:30Z".into())],
        body: "".into(),
        outcome: Kind::RateLimited,
        rule: "too many requests".into(),
    };
    let strange = ErrorSample {
        seen_at: seen_at - jiff::SignedDuration::from_secs(1),
        status: 400,
        headers: Vec::new(),
        body: "the account is empty".into(),
        outcome: Kind::RequestFault,
        rule: "the request".into(),
        ..limited.clone()
    };
    api.store.put_error_samples(vec![strange, limited]).await.unwrap();
    (admin, config)
}

fn samples() -> Value {
    json!([
        { "seen_at": SEEN, "status": 429, "body": "", "outcome": "rate_limited", "rule": "too many requests",
          "headers": [{ "name": "retry-after", "value": "2026-01-01T10:01:30Z" }] },
        { "seen_at": "2026-01-01T09:59:59Z", "status": 400, "body": "the account is empty", "headers": [],
          "outcome": "request_fault", "rule": "the request" },
    ])
}

#[tokio::test]
async fn the_samples_of_a_service_are_listed_newest_first() {
    let api = Api::start().await;
    let (admin, config) = scene(&api).await;
    let other = admin.add_config("other").await;

    let listed = admin.get(&format!("/proxy-configs/{config}/error-samples")).await;

    assert_eq!(listed.body, json!({ "items": samples() }));
    let none = admin.get(&format!("/proxy-configs/{other}/error-samples")).await;
    assert_eq!(none.body, json!({ "items": [] }));
    assert_eq!(admin.get("/proxy-configs/999/error-samples").await.status, 404);
}

#[tokio::test]
async fn rules_are_tried_on_the_samples_as_of_when_they_came() {
    let api = Api::start().await;
    let (admin, config) = scene(&api).await;
    let path = format!("/proxy-configs/{config}/rules/test");
    let rules = json!([{ "name": "empty", "status": ["400"], "body": ["account is empty"], "outcome": "quota_exhausted" }]);
    let outcomes = |report: &Value| {
        let of =
            |verdict: &Value| format!("{} {}", verdict["outcome"], verdict["rest_seconds"]).replace('"', "");
        report["verdicts"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };

    for stored in [json!({ "rules": rules }), json!({ "rules": rules, "samples": "stored" })] {
        let tried = admin.post(&path, stored).await;
        assert_eq!(tried.body["samples"], samples());
        assert_eq!(outcomes(&tried.body), ["rate_limited 90.0", "quota_exhausted null"]);
    }
    let own = admin.post(&path, json!({})).await;
    assert_eq!(outcomes(&own.body), ["rate_limited 90.0", "request_fault null"]);
    let given = admin.post(&path, json!({ "answers": [{ "status": 200 }] })).await;
    assert_eq!(
        (&given.body["samples"], outcomes(&given.body)),
        (&json!([]), vec!["success null".to_owned()])
    );
}

#[tokio::test]
async fn rules_are_tried_on_samples_or_on_answers() {
    let api = Api::start().await;
    let (admin, config) = scene(&api).await;
    let path = format!("/proxy-configs/{config}/rules/test");

    for body in [json!({ "samples": "stored", "answers": [{ "status": 200 }] }), json!({ "samples": "some" })]
    {
        let answer = admin.post(&path, body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid_fields"), "{body}");
        assert!(answer.body["fields"]["samples"].is_string(), "{}", answer.body);
    }
}
