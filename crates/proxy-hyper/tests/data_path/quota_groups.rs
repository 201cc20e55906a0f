//! Keys of one account, and what counts for and against a key.

use rotator_core::model::ConfigType;

use crate::support::{
    Gateway, Upstream,
    upstream::{ok, status},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_credit_is_asked_once_and_not_with_each_of_its_keys() {
    let upstream = Upstream::reply(|received| match received.headers["authorization"].to_str().unwrap() {
        "Bearer other" => ok("done"),
        _ => status(429, r#"{"error":{"code":"insufficient_quota"}}"#),
    })
    .await;
    let gateway = Gateway::new()
        .llm("svc", "openai_compatible", &upstream.url(), &["k1", "k2", "k3", "other"])
        .start()
        .await;
    let mut sources = gateway.sources.clone();
    for key in &mut sources[0].keys[..3] {
        key.quota_group = "acme".parse().unwrap();
    }
    gateway.routes.replace(sources).await;

    for _ in 0..8 {
        assert_eq!(gateway.post("/llm/svc/chat/completions", r#"{"model":"m"}"#).await.text(), "done");
    }

    let refused = upstream.received().iter().filter(|r| r.headers["authorization"] != "Bearer other").count();
    assert_eq!(refused, 1);
    let table = gateway.routes.table().load();
    assert_eq!(table.find(ConfigType::Llm, "svc").unwrap().pool.health().count(), [0, 3, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_counted_against_for_what_it_did_wrong_only() {
    let upstream =
        Upstream::reply(|received| status(received.uri.path()[1..].parse().unwrap(), "as you asked")).await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1"]).start().await;

    for (answer, expected) in [
        (200, Some((1, 0))),
        (404, Some((1, 0))),
        (401, Some((0, 1))),
        (402, Some((0, 1))),
        (429, Some((0, 1))),
        (500, None),
        (503, None),
    ] {
        gateway.reset_keys();
        assert_eq!(gateway.post(&format!("/proxy/svc/{answer}"), "").await.status, answer);
        let usage = gateway.routes.take_usage().await;
        assert_eq!(usage.first().map(|usage| (usage.successes, usage.failures)), expected, "{answer}");
    }
}
