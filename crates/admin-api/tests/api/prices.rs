//! What an admin says that tokens cost.

use jiff::Timestamp;
use rotator_core::{model::ConfigType, record::Tokens, snapshot::Snapshot};
use serde_json::{Value, json};

use crate::support::{Api, inconsistent, llm_config, unavailable};

/// What a million tokens of input for a model cost now at the service `openai`, in dollars.
fn cost(api: &Api, model: &str) -> Option<String> {
    let table = api.routes.table().load();
    let million = Tokens { input: 1_000_000, ..Tokens::default() };
    let route = table.find(ConfigType::Llm, "openai").unwrap();
    route.prices.cost(model, million).map(|cost| cost.to_string())
}

#[tokio::test]
async fn prices_are_the_seeds_until_an_admin_writes_some() {
    let api = Api::start().await;
    let admin = api.admin().await;
    admin.add_config("openai").await;

    let shown = admin.get("/prices").await.body;

    assert_eq!(shown["prices"], json!([]));
    let openai = &shown["seed"]["providers"][0];
    assert_eq!(openai["name"], "openai");
    for field in ["prices_at", "as_of"] {
        assert!(openai[field].is_string(), "{openai}");
    }
    let row = |model: &str| {
        openai["prices"].as_array().unwrap().iter().find(|row| row["model"] == model).unwrap().clone()
    };
    assert_eq!(row("gpt-4o"), json!({ "model": "gpt-4o", "input": 2.5, "cached_read": 1.25, "output": 10 }));
    assert_eq!(cost(&api, "gpt-4o").as_deref(), Some("2.5"));
}

#[tokio::test]
async fn what_an_admin_writes_is_live_before_the_answer_and_replaces_what_was() {
    let api = Api::start().await;
    let admin = api.admin().await;
    admin.add_config("openai").await;
    let before = api.revision();
    let rows = json!([{ "model": "GPT-4o*", "input": "0.0000075", "output": 1 }, { "model": "local", "input": 0, "output": 0 }]);

    let answer = admin.put("/prices", json!({ "prices": rows })).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    let written = json!([{ "model": "gpt-4o*", "input": 0.000_007_5, "output": 1 }, { "model": "local", "input": 0, "output": 0 }]);
    assert_eq!(answer.body["prices"], written);
    assert!(answer.text.contains("\"input\":0.0000075,"), "{}", answer.text);
    assert_eq!(admin.get("/prices").await.body, answer.body);
    assert_eq!(cost(&api, "gpt-4o-mini").as_deref(), Some("0.0000075"));
    assert_eq!(cost(&api, "local").as_deref(), Some("0"));
    assert_eq!(api.revision(), before + 1);

    // What was shown can be sent back with an edit.
    let mut shown = answer.body;
    shown["prices"] = json!([]);
    assert_eq!(admin.put("/prices", shown).await.body["prices"], json!([]));
    assert_eq!((cost(&api, "gpt-4o-mini").as_deref(), cost(&api, "local")), (Some("0.15"), None));
    let log = admin.get("/audit-log?limit=2").await.body;
    assert_eq!(
        (&log["items"][0]["action"], &log["items"][0]["detail"]),
        (&json!("prices.update"), &json!({ "prices": 0 }))
    );
    assert_eq!(log["items"][1]["detail"], json!({ "prices": 2 }));
}

#[tokio::test]
async fn the_prices_of_a_config_win() {
    let api = Api::start().await;
    let admin = api.admin().await;
    admin.put("/prices", json!({ "prices": [{ "model": "*", "input": 7, "output": 7 }] })).await;
    let mut config = llm_config("openai");
    config["prices"] = json!([{ "model": "gpt-4o", "input": 2.25, "output": 9 }]);

    let answer = admin.post("/proxy-configs", config).await;

    assert_eq!(answer.body["prices"], json!([{ "model": "gpt-4o", "input": 2.25, "output": 9 }]));
    assert_eq!(cost(&api, "gpt-4o").as_deref(), Some("2.25"));
    assert_eq!(cost(&api, "gpt-5").as_deref(), Some("7"));
}

#[tokio::test]
async fn a_price_that_makes_no_sense_is_refused_by_its_row() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let kept = json!({ "prices": [{ "model": "kept", "input": 1, "output": 1 }] });
    admin.put("/prices", kept.clone()).await;
    let fine = || json!({ "model": "fine", "input": 1, "output": 1 });
    let many: Vec<Value> =
        (0..401).map(|n| json!({ "model": format!("m{n}"), "input": 1, "output": 1 })).collect();

    for (prices, wanted) in [
        (
            json!([fine(), { "model": "gpt-5", "input": "free", "output": 1 }]),
            "the row of 'gpt-5': input must be a number",
        ),
        (json!([fine(), { "model": "gpt-5", "input": 1 }]), "the row of 'gpt-5': output is required"),
        (
            json!([fine(), { "model": "gpt-5", "input": 1, "output": 1, "inptu": 1 }]),
            "the row of 'gpt-5': 'inptu' is not known",
        ),
        (
            json!([fine(), { "model": "g*5", "input": 1, "output": 1 }]),
            "the row of 'g*5': model may have a '*' at its end",
        ),
        (json!([fine(), { "input": 1, "output": 1 }]), "each row must have a model"),
        (json!([fine(), fine()]), "has 'fine' twice"),
        (json!(many), "must not be more than 400"),
        (json!(1), "must be a list"),
        (json!(null), "is required"),
    ] {
        let answer = admin.put("/prices", json!({ "prices": prices })).await;
        let reason = answer.body["fields"]["prices"].as_str().unwrap_or_default();
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert!(reason.contains(wanted), "{reason}");
    }
    let mut config = llm_config("openai");
    config["prices"] = json!([{ "model": "gpt-5", "input": -1, "output": 1 }]);
    let answer = admin.post("/proxy-configs", config).await;
    assert!(
        answer.body["fields"]["prices"].as_str().unwrap().contains("the row of 'gpt-5'"),
        "{}",
        answer.text
    );
    assert_eq!(admin.get("/prices").await.body["prices"], kept["prices"]);
}

#[tokio::test]
async fn stored_prices_that_make_no_sense_stop_nothing() {
    let api = Api::start().await;
    let admin = api.admin().await;
    admin.add_config("openai").await;
    admin.put("/prices", json!({ "prices": [{ "model": "local", "input": 3, "output": 3 }] })).await;

    api.store.fail("prices", inconsistent);
    api.routes.reload(&*api.store).await.unwrap();
    assert_eq!(cost(&api, "local").as_deref(), Some("3"));
    assert_eq!(admin.get("/prices").await.status, 500);
    let snapshot = Snapshot::read(&*api.store, "here".into(), Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!((snapshot.reading.sources.len(), &snapshot.reading.prices), (1, &None));
    api.routes.restore(snapshot.reading).await;
    assert_eq!(cost(&api, "local").as_deref(), Some("3"));

    api.store.fail("prices", unavailable);
    assert!(api.routes.reload(&*api.store).await.is_err());
}
