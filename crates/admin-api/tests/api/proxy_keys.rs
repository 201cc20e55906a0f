//! Keys that clients show to us.

use serde_json::{Value, json};

use crate::support::{Api, unavailable};

/// The number under which a key is let in now.
fn let_in(api: &Api, key: &Value) -> Option<u32> {
    let table = api.routes.table().load();
    table.proxy_keys().check(key.as_str().unwrap().as_bytes()).map(|holder| holder.key)
}

#[tokio::test]
async fn a_new_key_is_shown_once_and_lets_in_before_the_answer() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let before = api.revision();

    let made = admin.post("/proxy-keys", json!({ "name": "  team a " })).await;

    assert_eq!(made.status, 201, "{}", made.text);
    let (key, shown) = (&made.body["key"], &made.body["proxy_key"]);
    assert_eq!(let_in(&api, key).map(i64::from), shown["id"].as_i64());
    assert_eq!(api.revision(), before + 1);
    assert_eq!(
        (&shown["name"], &shown["source"], &shown["is_active"]),
        (&json!("team a"), &json!("admin"), &json!(true))
    );
    let list = admin.get("/proxy-keys").await;
    assert_eq!(list.body["items"][1], *shown);
    assert!(!list.text.contains(key.as_str().unwrap()));
}

#[tokio::test]
async fn keys_of_the_operator_are_listed_and_cannot_be_changed() {
    let api = Api::start().await;
    let admin = api.admin().await;

    let list = admin.get("/proxy-keys").await.body;

    let operators = &list["items"][0];
    assert_eq!((&operators["id"], &operators["source"]), (&json!(1), &json!("operator")));
    assert_eq!(operators["key_value"], "pk-ope***tor");
    assert_eq!(admin.put("/proxy-keys/1", json!({ "name": "mine" })).await.status, 404);
    assert_eq!(admin.delete("/proxy-keys/1").await.status, 404);
}

#[tokio::test]
async fn terms_read_back_and_may_be_sent_back_with_an_edit() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let service = admin.add_config("openai").await;
    let terms = json!({
        "name": "team", "is_active": true, "services": [service], "expires_at": "2999-01-01T00:00:00Z",
        "max_concurrent": 1, "max_per_minute": 2, "max_tokens_per_minute": 3,
    });

    let mut shown = admin.post("/proxy-keys", terms.clone()).await.body["proxy_key"].clone();

    for (field, value) in terms.as_object().unwrap() {
        assert_eq!(shown[field], *value, "{field}");
    }
    shown["is_active"] = json!(false);
    let replaced = admin.put(&format!("/proxy-keys/{}", shown["id"]), shown.clone()).await;
    assert_eq!((replaced.status.as_u16(), &replaced.body), (200, &shown));
}

#[tokio::test]
async fn a_key_that_is_switched_off_or_deleted_lets_nobody_in() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let made = admin.post("/proxy-keys", json!({ "name": "team" })).await.body;
    let path = format!("/proxy-keys/{}", made["proxy_key"]["id"]);

    admin.put(&path, json!({ "name": "team", "is_active": false })).await;
    assert_eq!(let_in(&api, &made["key"]), None);
    admin.put(&path, json!({ "name": "team" })).await;
    assert!(let_in(&api, &made["key"]).is_some());

    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(let_in(&api, &made["key"]), None);
    assert_eq!(admin.delete(&path).await.status, 404);
}

#[tokio::test]
async fn a_key_whose_service_was_deleted_is_switched_off_by_what_was_shown() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let (gone, other) = (admin.add_config("gone").await, admin.add_config("other").await);
    let made = admin.post("/proxy-keys", json!({ "name": "team", "services": [gone, other] })).await.body;
    let mut shown = made["proxy_key"].clone();
    let path = format!("/proxy-keys/{}", shown["id"]);
    admin.delete(&format!("/proxy-configs/{gone}")).await;

    shown["is_active"] = json!(false);
    let replaced = admin.put(&path, shown.clone()).await;

    assert_eq!((replaced.status.as_u16(), &replaced.body), (200, &shown));
    assert_eq!(let_in(&api, &made["key"]), None);
    shown["services"] = json!([gone, other, 999]);
    let refused = admin.put(&path, shown.clone()).await;
    assert_eq!(refused.body["fields"]["services"], "there is no proxy config 999", "{}", refused.text);
    admin.put(&path, json!({ "name": "team", "services": [other] })).await;
    shown["services"] = json!([gone, other]);
    assert_eq!(admin.put(&path, shown).await.status, 422, "it does not come back");
}

#[tokio::test]
async fn what_is_wrong_with_terms_is_named() {
    let api = Api::start().await;
    let admin = api.admin().await;
    for (field, value) in [
        ("name", json!(" ")),
        ("name", json!("n".repeat(101))),
        ("name", json!("a\nb")),
        ("services", json!([])),
        ("services", json!([999])),
        ("expires_at", json!("2001-01-01T00:00:00Z")),
        ("expires_at", json!("soon")),
        ("max_concurrent", json!(0)),
        ("max_per_minute", json!(-1)),
        ("scope", json!(1)),
    ] {
        let mut terms = json!({ "name": "team" });
        terms[field] = value;
        let answer = admin.post("/proxy-keys", terms.clone()).await;
        assert_eq!(answer.status, 422, "{terms}");
        assert!(answer.body["fields"][field].is_string(), "{terms}: {}", answer.text);
    }
}

#[tokio::test]
async fn while_the_store_is_away_no_key_is_made() {
    let api = Api::start().await;
    let admin = api.admin().await;
    api.store.fail("insert_proxy_key", unavailable);

    let answer = admin.post("/proxy-keys", json!({ "name": "team" })).await;

    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (503, &json!("unavailable")));
}
