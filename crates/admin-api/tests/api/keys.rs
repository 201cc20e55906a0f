use axum::http::header;
use rotator_core::model::{ConfigType, KeyId};
use serde_json::{Value, json};

use crate::support::{Api, PASSWORD};

const KEY: &str = "sk-0123456789abcdef";

/// How many keys a service has in rotation.
fn pool_size(api: &Api, slug: &str) -> usize {
    api.routes.table().load().find(ConfigType::Llm, slug).unwrap().pool.slots().len()
}

#[tokio::test]
async fn a_new_key_is_answered_masked_with_its_place() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;

    let new =
        json!({ "key_value": format!("  {KEY}\n"), "is_active": false, "weight": 7, "note": "from Ann" });
    let answer = admin.post(&format!("/proxy-configs/{config}/keys"), new).await;

    let id = answer.id();
    assert_eq!(
        (answer.status.as_u16(), answer.header(header::LOCATION)),
        (201, &*format!("/api/admin/keys/{id}"))
    );
    let expected = json!({
        "id": id, "proxy_config_id": config, "key_value": "sk-012***def", "is_active": false, "state": "disabled",
        "state_reason": null, "state_until": null, "weight": 7, "quota_group": null, "note": "from Ann",
        "last_used_at": null, "success_count": 0, "failure_count": 0, "created_at": "2026-01-01T00:00:00Z",
    });
    assert_eq!(answer.body, expected);
    assert_eq!(admin.get(&format!("/keys/{id}")).await.body, expected);
}

#[tokio::test]
async fn a_key_serves_before_the_answer() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;

    let key = admin.add_key(config, KEY).await;
    assert_eq!(pool_size(&api, "openai"), 1);
    admin.patch(&format!("/keys/{key}"), json!({ "is_active": false })).await;
    assert_eq!(pool_size(&api, "openai"), 0);
    admin.post(&format!("/keys/{key}/reset"), json!({})).await;
    assert_eq!(pool_size(&api, "openai"), 1);
    admin.delete(&format!("/keys/{key}")).await;
    assert_eq!(pool_size(&api, "openai"), 0);
}

#[tokio::test]
async fn a_key_that_is_there_already_is_a_conflict() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let (config, other) = (admin.add_config("openai").await, admin.add_config("other").await);
    admin.add_key(config, KEY).await;

    let again = admin.post(&format!("/proxy-configs/{config}/keys"), json!({ "key_value": KEY })).await;

    assert_eq!((again.status.as_u16(), again.code()), (409, "conflict"));
    assert_eq!(again.body["fields"], json!({ "key_value": "is already in use" }));
    admin.add_key(other, KEY).await;
}

#[tokio::test]
async fn what_can_be_no_key_is_named_and_not_repeated() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let path = format!("/proxy-configs/{}/keys", admin.add_config("openai").await);

    for (body, field) in [
        (json!({}), "key_value"),
        (json!({ "key_value": null }), "key_value"),
        (json!({ "key_value": " " }), "key_value"),
        (json!({ "key_value": "canary\r\nx-evil: 1" }), "key_value"),
        (json!({ "key_value": "canary-\u{1f511}" }), "key_value"),
        (json!({ "key_value": "canary".repeat(2000) }), "key_value"),
        (json!({ "key_value": ["canary"] }), "key_value"),
        (json!({ "key_value": KEY, "weight": 0 }), "weight"),
        (json!({ "key_value": KEY, "weight": 1001 }), "weight"),
        (json!({ "key_value": KEY, "weight": 1e300 }), "weight"),
        (json!({ "key_value": KEY, "quota_group": "g".repeat(101) }), "quota_group"),
        (json!({ "key_value": KEY, "quota_group": "two\nlines" }), "quota_group"),
        (json!({ "key_value": KEY, "note": "n".repeat(501) }), "note"),
        (json!({ "key_value": KEY, "note": "two\nlines" }), "note"),
        (json!({ "key_value": KEY, "id": 7 }), "id"),
    ] {
        let answer = admin.post(&path, body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid_fields"), "{field}");
        assert!(
            answer.body["fields"][field].is_string() && !answer.text.contains("canary"),
            "{}",
            answer.text
        );
    }
    assert_eq!(admin.get(&path).await.body["total"], 0);
}

#[tokio::test]
async fn a_patch_changes_only_what_it_names() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let path = format!("/keys/{}", admin.add_key(admin.add_config("openai").await, KEY).await);

    admin.patch(&path, json!({ "note": "spare", "weight": 3 })).await;
    let answer = admin.patch(&path, json!({ "is_active": false, "weight": null })).await;

    let shown = (&answer.body["note"], &answer.body["weight"], &answer.body["state"]);
    assert_eq!(shown, (&json!("spare"), &json!(3), &json!("disabled")));
    assert_eq!(admin.patch(&path, json!({ "note": "" })).await.body["note"], "");
}

#[tokio::test]
async fn a_patch_may_not_touch_anything_else() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let path = format!("/keys/{}", admin.add_key(admin.add_config("openai").await, KEY).await);

    for field in ["key_value", "id", "proxy_config_id", "state", "success_count", "created_at", "__proto__"] {
        let answer = admin.patch(&path, json!({ field: 1, "weight": 9 })).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body["fields"][field].is_string()),
            (422, true),
            "{field}"
        );
    }
    assert_eq!(admin.get(&path).await.body["weight"], 1);
}

#[tokio::test]
async fn keys_are_listed_in_their_order_by_state_and_text() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let path = format!("/proxy-configs/{}/keys", admin.add_config("openai").await);
    for (n, active) in [(0, true), (1, false), (2, true)] {
        let key =
            json!({ "key_value": format!("{KEY}{n}"), "is_active": active, "note": format!("Note {n}") });
        admin.post(&path, key).await;
    }

    let notes = async |query: &str| {
        let body = admin.get(&format!("{path}?{query}")).await.body;
        body["items"].as_array().unwrap().iter().map(|key| key["note"].to_string()).collect::<Vec<_>>()
    };

    assert_eq!(notes("").await, ["\"Note 0\"", "\"Note 1\"", "\"Note 2\""]);
    assert_eq!(notes("state=disabled").await, ["\"Note 1\""]);
    assert_eq!(notes("state=active&limit=1").await, ["\"Note 0\""]);
    assert_eq!(notes("q=note%202").await, ["\"Note 2\""]);
    assert_eq!(notes(&format!("q={KEY}1")).await, ["\"Note 1\""]);
    for nothing in ["state=cooling", "state=invalid", "state=exhausted", "q=%25", "q=sk-012"] {
        assert_eq!(notes(nothing).await, [""; 0], "{nothing}");
    }
    assert_eq!(admin.get(&format!("{path}?state=tired")).await.code(), "invalid_fields");
    assert_eq!(admin.get("/proxy-configs/99/keys?state=cooling").await.code(), "not_found");
    assert_eq!(admin.delete("/proxy-configs/99/keys?state=cooling").await.code(), "not_found");
}

#[tokio::test]
async fn keys_are_counted_with_their_config() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    admin.add_key(config, KEY).await;
    let spare = admin.add_key(config, "sk-another-key-0123").await;
    admin.patch(&format!("/keys/{spare}"), json!({ "is_active": false })).await;

    let shown = admin.get(&format!("/proxy-configs/{config}")).await.body;
    let listed = admin.get("/proxy-configs").await.body;

    let counts = json!({ "active": 1, "cooling": 0, "invalid": 0, "exhausted": 0, "disabled": 1 });
    assert_eq!((&shown["key_counts"], &listed["items"][0]["key_counts"]), (&counts, &counts));
}

#[tokio::test]
async fn keys_are_deleted_by_state_or_all() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let path = format!("/proxy-configs/{}/keys", admin.add_config("openai").await);
    for (n, active) in [(0, true), (1, false), (2, false), (3, true)] {
        admin.post(&path, json!({ "key_value": format!("{KEY}{n}"), "is_active": active })).await;
    }

    let deleted =
        async |query: &str| admin.delete(&format!("{path}{query}")).await.body["deleted_count"].clone();

    assert_eq!(admin.delete(&format!("{path}?state=tired")).await.code(), "invalid_fields");
    assert_eq!(deleted("?state=invalid").await, json!(0));
    assert_eq!(deleted("?state=disabled").await, json!(2));
    assert_eq!(pool_size(&api, "openai"), 2);
    assert_eq!(deleted("").await, json!(2));
    assert_eq!(pool_size(&api, "openai"), 0);
}

#[tokio::test]
async fn a_test_asks_the_service_with_that_key() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let key = admin.add_key(admin.add_config("openai").await, KEY).await;

    let answer = admin.post(&format!("/keys/{key}/test"), Value::Null).await;

    let expected =
        json!({ "ok": false, "status": 401, "latency_ms": 12, "message": "the service refused the key" });
    assert_eq!((answer.status.as_u16(), answer.body), (200, expected));
    assert_eq!(*api.probe.asked.lock().unwrap(), [("openai".to_owned(), KeyId(key))]);
}

#[tokio::test]
async fn a_key_that_does_not_open_says_so_and_can_be_deleted() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let path = format!("/keys/{}", admin.add_key(admin.add_config("openai").await, KEY).await);

    api.store.tamper();

    let shown = admin.get(&path).await.body;
    assert_eq!((&shown["key_value"], shown["state_reason"].is_string()), (&json!("***"), true));
    assert_eq!(admin.post(&format!("{path}/test"), Value::Null).await.code(), "key_unreadable");
    let proof = json!({ "password": PASSWORD });
    assert_eq!(admin.post(&format!("{path}/reveal"), proof).await.code(), "key_unreadable");
    assert_eq!(admin.delete(&path).await.status, 204);
}

#[tokio::test]
async fn a_key_that_is_gone_is_not_found() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let path = format!("/keys/{}", admin.add_key(admin.add_config("openai").await, KEY).await);

    let deleted = admin.delete(&path).await;

    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    for answer in [
        admin.get(&path).await,
        admin.delete(&path).await,
        admin.patch(&path, json!({ "weight": 1 })).await,
        admin.post(&format!("{path}/test"), Value::Null).await,
        admin.post(&format!("{path}/reset"), Value::Null).await,
    ] {
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "not_found"), "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_for_a_key_has_one_winner() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let path = format!("/proxy-configs/{}/keys", admin.add_config("openai").await);
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let (admin, path) = (admin.clone(), path.clone());
            tokio::spawn(async move { admin.post(&path, json!({ "key_value": KEY })).await.status.as_u16() })
        })
        .collect();

    let mut statuses = Vec::new();
    for racer in racers {
        statuses.push(racer.await.unwrap());
    }

    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn keys_are_put_into_a_quota_group_and_listed_by_it() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    let path = format!("/proxy-configs/{config}/keys");
    let new = json!({ "key_value": "sk-1", "quota_group": " Acme " });
    let first = admin.post(&path, new).await.body;
    assert_eq!(first["quota_group"], "Acme");
    let batch = json!({ "keys": ["sk-2", "sk-3"], "quota_group": "other" });
    assert_eq!(admin.post(&format!("{path}/batch"), batch).await.body["success_count"], 2);
    let alone = admin.add_key(config, "sk-4").await;

    let of = async |name: &str| {
        let list = admin.get(&format!("{path}?quota_group={name}")).await.body;
        list["items"].as_array().unwrap().iter().map(|key| key["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    let first = first["id"].as_i64().unwrap();
    assert_eq!((of("Acme").await, of("other").await.len(), of("acme").await), (vec![first], 2, vec![]));
    assert_eq!(of("").await, [alone]);

    let moved = admin.patch(&format!("/keys/{alone}"), json!({ "quota_group": "Acme" })).await.body;
    assert_eq!((&moved["quota_group"], of("Acme").await), (&json!("Acme"), vec![first, alone]));
    let left = admin.patch(&format!("/keys/{first}"), json!({ "quota_group": "" })).await.body;
    assert_eq!((&left["quota_group"], of("Acme").await), (&json!(null), vec![alone]));
    let kept = admin.patch(&format!("/keys/{alone}"), json!({ "quota_group": null })).await.body;
    assert_eq!(kept["quota_group"], "Acme");
    assert_eq!(admin.delete(&format!("{path}?quota_group=other")).await.body["deleted_count"], 2);
}
