use rotator_core::{model::ConfigType, store::Store};
use serde_json::{Value, json};

use crate::support::{Answer, Api, Client};

async fn import(admin: &Client, config: i64, keys: Value) -> Answer {
    admin.post(&format!("/proxy-configs/{config}/keys/batch"), json!({ "keys": keys })).await
}

#[tokio::test]
async fn a_batch_reports_what_became_of_every_key() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    admin.add_key(config, "sk-known-0123456789").await;

    let long_but_bad = "sk-canary-0123456789\nsk-canary-9876543210";
    let keys = json!([
        "sk-new-0123456789",
        "sk-known-0123456789",
        " ",
        "sk-new-0123456789",
        long_but_bad,
        "sk-new-2"
    ]);
    let answer = import(&admin, config, keys).await;

    assert_eq!(answer.status, 200);
    let counts =
        ["success_count", "failed_count", "skipped_count"].map(|name| answer.body[name].as_u64().unwrap());
    assert_eq!(counts, [2, 2, 2]);
    assert_eq!(answer.body["failed_keys"], json!(["***", "sk-can***"]));
    let failures = &answer.body["failures"];
    assert_eq!((&failures[0]["index"], &failures[0]["reason"]), (&json!(2), &json!("must not be empty")));
    assert!(failures[1]["index"] == 4 && failures[1]["reason"].as_str().unwrap().contains("line break"));
}

#[tokio::test]
async fn a_dry_run_tells_what_would_become_of_a_batch_and_adds_nothing() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    admin.add_key(config, "sk-known-0123456789").await;
    let before = (api.revision(), api.store.audit_entries(100).await.unwrap());
    let keys =
        json!(["sk-new-1", "sk-known-0123456789", "", " sk-new-1 ", "sk-new-2", "sk-known-0123456789"]);
    let (path, batch) =
        (format!("/proxy-configs/{config}/keys/batch"), json!({ "keys": keys, "dry_run": true }));

    let told = admin.post(&path, batch.clone()).await;

    assert_eq!((told.status.as_u16(), &told.body["success_count"]), (200, &json!(2)), "{}", told.text);
    assert_eq!((&told.body["skipped_count"], &told.body["repeated_count"]), (&json!(3), &json!(2)));
    assert_eq!(told.body["failures"][0]["index"], 2);
    assert_eq!(admin.get(&format!("/proxy-configs/{config}/keys")).await.body["total"], 1);
    assert_eq!((api.revision(), api.store.audit_entries(100).await.unwrap()), before);
    assert_eq!(import(&admin, config, keys).await.body, told.body, "the answer is that of the real thing");
    assert_eq!(admin.post("/proxy-configs/99/keys/batch", batch).await.status, 404);
}

#[tokio::test]
async fn an_imported_batch_serves_before_the_answer() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;

    import(&admin, config, json!(["sk-new-1", "sk-new-2", "sk-new-3"])).await;

    let table = api.routes.table().load();
    assert_eq!(table.find(ConfigType::Llm, "openai").unwrap().pool.slots().len(), 3);
}

#[tokio::test]
async fn a_batch_that_is_no_list_of_keys_is_refused_whole() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;

    for (keys, reason) in [
        (json!([]), "must be a list of 1 to 100000 keys"),
        (json!(null), "must be a list of 1 to 100000 keys"),
        (json!("sk-canary"), "must be a list"),
        (json!({ "0": "sk-canary" }), "must be a list"),
        (json!(["sk-canary", 1]), "must hold only items that are a string"),
        (json!([["sk-canary"]]), "must hold only items that are a string"),
    ] {
        let answer = import(&admin, config, keys).await;
        assert_eq!((answer.status.as_u16(), &answer.body["fields"]["keys"]), (422, &json!(reason)));
        assert!(!answer.text.contains("canary"));
    }
    assert_eq!(admin.get(&format!("/proxy-configs/{config}/keys")).await.body["total"], 0);
}

#[tokio::test]
async fn a_hundred_thousand_keys_come_in_at_once_and_no_more() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    let mut keys: Vec<String> = (0..100_000).map(|n| format!("sk-{n:060}")).collect();

    let all = import(&admin, config, json!(keys)).await;
    keys.push("one-too-many".into());
    let too_many = import(&admin, config, json!(keys)).await;

    assert_eq!(
        (all.status.as_u16(), &all.body["success_count"]),
        (200, &json!(100_000)),
        "{:.200}",
        all.text
    );
    assert_eq!((too_many.status.as_u16(), too_many.code()), (422, "invalid_fields"));
    let listed = admin.get(&format!("/proxy-configs/{config}/keys?limit=200")).await.body;
    assert_eq!((&listed["total"], listed["items"].as_array().unwrap().len()), (&json!(100_000), 200));
}

#[tokio::test]
async fn a_batch_over_sixteen_mebibytes_is_refused() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;

    let answer = import(&admin, config, json!(["k".repeat(17 * 1024 * 1024)])).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (413, "too_large"));
}
