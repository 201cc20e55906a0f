//! What requests to LLM services cost, told with their records.

use http::Response;
use proxy_hyper::Settings;
use rotator_core::{model::ConfigType, prices::PriceRow, record::RequestRecord};
use serde_json::{Value, json};

use crate::support::{
    Gateway, Running, Upstream,
    upstream::{Body, ok},
};

const CHAT: &str = r#"{"choices":[{"message":{"content":"Hi"}}],"usage":{"prompt_tokens":30,"completion_tokens":12,
    "prompt_tokens_details":{"cached_tokens":10},"completion_tokens_details":{"reasoning_tokens":5}}}"#;

fn json_answer(text: &'static str) -> Response<Body> {
    let mut answer = ok(text);
    answer.headers_mut().insert("content-type", "application/json".parse().unwrap());
    answer
}

fn rows(rows: Value) -> Vec<PriceRow> {
    serde_json::from_value(rows).unwrap()
}

/// A service whose API answers so, with these prices of its own.
async fn gateway(prices: Value) -> (Upstream, Running) {
    let upstream = Upstream::reply(move |_| json_answer(CHAT)).await;
    let gateway = Gateway::new().llm("ai", "openai_compatible", &upstream.url(), &["k1"]);
    let gateway = gateway.with(|fields| fields.options.prices = rows(prices)).start().await;
    (upstream, gateway)
}

/// What is recorded of a question to a model.
async fn asked(gateway: &Running, model: &str) -> RequestRecord {
    gateway.post("/llm/ai/v1/chat/completions", json!({ "messages": [], "model": model }).to_string()).await;
    let records = gateway.records(1).await;
    records.into_iter().find(|record| record.model.as_deref() == Some(model)).unwrap()
}

fn dollars(record: &RequestRecord) -> Option<String> {
    record.cost.map(|cost| cost.to_string())
}

/// What the service's requests have cost since the start.
fn spent(gateway: &Running) -> String {
    gateway.routes.table().load().find(ConfigType::Llm, "ai").unwrap().spending.get().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_costs_what_its_tokens_do_to_the_last_digit() {
    let (_upstream, gateway) = gateway(json!([])).await;

    // 20 tokens at 2.50, 10 at 1.25 and 12 at 10 dollars a million.
    assert_eq!(dollars(&asked(&gateway, "gpt-4o-2024-08-06").await).as_deref(), Some("0.0001825"));
    assert_eq!(spent(&gateway), "0.0001825");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_the_price_of_has_no_cost() {
    let (_upstream, gateway) = gateway(json!([])).await;

    let record = asked(&gateway, "llama3.2").await;

    assert!(record.usage.is_some());
    assert_eq!((dollars(&record), spent(&gateway).as_str()), (None, "0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_a_bill_costs_nothing_and_that_is_known() {
    let (_upstream, gateway) = gateway(json!([{ "model": "*", "input": 0, "output": 0 }])).await;

    assert_eq!(dollars(&asked(&gateway, "llama3.2").await).as_deref(), Some("0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_own_price_of_each_kind_of_token_is_taken() {
    let prices = json!([{ "model": "gpt-*", "input": 1, "cached_read": 2, "cache_write": 3, "output": 4, "reasoning": 5 }]);
    let (_upstream, gateway) = gateway(prices).await;

    // 20 at 1, 10 at 2, 7 at 4, 5 at 5.
    assert_eq!(dollars(&asked(&gateway, "gpt-4o").await).as_deref(), Some("0.000093"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_translated_request_costs_what_the_apis_model_does() {
    let upstream = Upstream::reply(|_| json_answer(CHAT)).await;
    let gateway = Gateway::new().llm("ai", "openai_compatible", &upstream.url(), &["k1"]).with(|fields| {
        fields.output_format = Some("anthropic".into());
        fields.options.model_aliases = [("claude-opus-4-5".into(), "gpt-4o".into())].into();
    });
    let gateway = gateway.start().await;
    let question = json!({ "model": "claude-opus-4-5", "max_tokens": 9, "messages": [{ "role": "user", "content": "Hi" }] });

    let answer = gateway.post("/llm/ai/v1/messages", question.to_string()).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    let record = &gateway.records(1).await[0];
    assert_eq!((record.model.as_deref(), dollars(record).as_deref()), (Some("gpt-4o"), Some("0.0001825")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_long_to_be_sent_again_has_its_model_and_its_cost() {
    let (_upstream, gateway) = gateway(json!([])).await;
    let text = "x".repeat(Settings::default().client.max_replay_bytes);
    for body in [
        format!(r#"{{"model":"gpt-4o-2024-08-06","input":"{text}"}}"#),
        format!(r#"{{"input":"{text}","model":"gpt-4o-2024-08-06"}}"#),
    ] {
        gateway.post("/llm/ai/v1/chat/completions", body).await;
    }

    for record in gateway.records(2).await {
        assert_eq!(record.model.as_deref(), Some("gpt-4o-2024-08-06"));
        assert_eq!(dollars(&record).as_deref(), Some("0.0001825"));
    }
}
