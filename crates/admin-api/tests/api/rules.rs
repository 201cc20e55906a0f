//! Rules of a config: what is wrong with them, and what they say.

use serde_json::json;

use crate::support::Api;

#[tokio::test]
async fn rules_are_tried_on_answers_before_the_providers_own() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    let answers = json!([
        { "status": 200, "body": "{\"error\": {\"code\": \"busy\"}}" },
        { "status": 200, "body": "{\"id\": 1}" },
        { "status": 429, "headers": { "Retry-After": "7" } },
        { "status": 403 },
        { "status": 503, "body": "the engine is overloaded" },
    ]);
    let rules = json!([{ "name": "inside", "status": ["200"], "body": ["\"BUSY\""], "outcome": "rate_limited", "rest": "90s" }]);
    let path = format!("/proxy-configs/{config}/rules/test");

    let tried = admin.post(&path, json!({ "rules": rules, "answers": answers })).await;

    let verdict = |outcome: &str, rule: &str, scope, rest, perhaps, unprocessed| {
        json!({ "outcome": outcome, "rule": rule, "scope": scope, "rest_seconds": rest,
            "perhaps_the_request": perhaps, "unprocessed": unprocessed })
    };
    assert_eq!(
        tried.body["verdicts"],
        json!([
            verdict("rate_limited", "inside", json!("key"), json!(90.0), false, false),
            verdict("success", "worked", json!(null), json!(null), false, false),
            verdict(
                "rate_limited",
                "this model's limit",
                json!("quota_group_model"),
                json!(7.0),
                false,
                false
            ),
            verdict("key_rejected", "not allowed", json!(null), json!(null), true, false),
            verdict("upstream_failed", "overloaded", json!(null), json!(null), false, true),
        ])
    );
    let own = admin.post(&path, json!({ "answers": [{ "status": 200, "body": "\"busy\"" }] })).await;
    assert_eq!(own.body["verdicts"][0]["outcome"], "success", "nothing was kept");
}

#[tokio::test]
async fn what_is_wrong_with_rules_and_answers_is_said() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    let path = format!("/proxy-configs/{config}/rules/test");
    let rule = |extra: serde_json::Value| {
        let mut rule = json!({ "name": "mine", "status": ["429"], "outcome": "rate_limited" });
        rule.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({ "rules": [rule], "answers": [{ "status": 200 }] })
    };

    for (body, field, reason) in [
        (rule(json!({ "outcome": "angry" })), "rules", "one of"),
        (rule(json!({ "rest": "soon" })), "rules", "90s or 1h"),
        (rule(json!({ "body": [""] })), "rules", "1 to 200 bytes"),
        (rule(json!({ "status": ["200"] })), "rules", "\"mine\""),
        (rule(json!({ "colour": "red" })), "rules", "not a field"),
        (json!({ "rules": [{ "name": "mine" }], "answers": [] }), "rules", "missing field"),
        (json!({ "answers": [] }), "answers", "1 to 100"),
        (json!({ "answers": [{ "status": 99 }] }), "answers", "100 to 599"),
        (json!({ "answers": [{ "status": 200, "headers": { "a b": "c" } }] }), "answers", "headers"),
    ] {
        let answer = admin.post(&path, body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid_fields"), "{body}");
        let said = answer.body["fields"][field].as_str().unwrap();
        assert!(said.contains(reason), "{body}: {said}");
    }
    let missing =
        admin.post("/proxy-configs/999/rules/test", json!({ "answers": [{ "status": 200 }] })).await;
    assert_eq!(missing.status, 404);
}
