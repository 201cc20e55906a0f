//! Who is told of what happens.

use rotator_core::notifications::{EventKind, Notifications};
use serde_json::{Value, json};

use crate::support::{Api, Client, inconsistent};

const URL: &str = "https://hooks.example.com/services/T00/CANARY-0123";
const SECRET: &str = "CANARY of a signing secret";

/// Writes one webhook with a secret; answers the view.
async fn write_one(admin: &Client) -> Value {
    let webhook = json!({ "url": URL, "secret": SECRET, "events": ["pool_empty"] });
    let answer = admin.put("/notifications", json!({ "low_keys": 2, "webhooks": [webhook] })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

async fn stored(api: &Api) -> Notifications {
    use rotator_core::store::Store as _;
    api.store.notifications().await.unwrap()
}

#[tokio::test]
async fn nobody_is_told_until_an_admin_writes_a_webhook() {
    let api = Api::start().await;
    let admin = api.admin().await;

    assert_eq!(admin.get("/notifications").await.body, json!({ "low_keys": 3, "webhooks": [] }));
    let written = write_one(&admin).await;

    let webhook = json!({ "id": 1, "url": "https://hooks.example.com/***123", "secret": "***", "format": "json", "language": "en", "events": ["pool_empty"] });
    assert_eq!(written, json!({ "low_keys": 2, "webhooks": [webhook] }));
    assert_eq!(admin.get("/notifications").await.body, written);
    let log = admin.get("/audit-log?limit=1").await.body;
    assert_eq!(log["items"][0]["action"], "notifications.update");
    assert_eq!(log["items"][0]["detail"], json!({ "webhooks": 1 }));
}

#[tokio::test]
async fn what_was_shown_can_be_sent_back_with_an_edit() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let mut shown = write_one(&admin).await;
    let before = stored(&api).await;

    shown["webhooks"][0]["format"] = json!("feishu");
    shown["webhooks"][0]["language"] = json!("zh");
    shown["webhooks"].as_array_mut().unwrap().push(json!({ "url": "http://127.0.0.1:9/x" }));
    assert_eq!(admin.put("/notifications", shown).await.status, 200);

    let after = stored(&api).await;
    let (old, new) = (&before.webhooks[0], &after.webhooks[0]);
    assert_eq!((&new.url, &new.secret, &new.events), (&old.url, &old.secret, &old.events));
    assert_eq!(new.url.expose(), URL);
    assert_eq!((after.webhooks[1].id, after.webhooks[1].events.len()), (2, EventKind::ALL.len()));

    // An id is not used again, and an empty secret is none.
    admin.put("/notifications", json!({ "low_keys": 2, "webhooks": [{ "id": 1, "secret": "" }] })).await;
    admin.put("/notifications", json!({ "low_keys": 2, "webhooks": [{ "id": 1 }, { "url": URL }] })).await;
    let last = stored(&api).await.webhooks;
    assert_eq!((last[0].url.expose(), last[0].secret.is_none(), last[1].id), (URL.to_owned(), true, 3));
}

#[tokio::test]
async fn a_webhook_that_makes_no_sense_is_refused_by_its_number() {
    let api = Api::start().await;
    let admin = api.admin().await;
    write_one(&admin).await;
    let many: Vec<Value> = (0..11).map(|_| json!({ "url": URL })).collect();

    for (webhooks, wanted) in [
        (json!([{ "id": 1 }, {}]), "number 2: url is required"),
        (json!([{ "url": "hooks.example.com" }]), "number 1: url must begin with http"),
        (json!([{ "url": URL, "secret": "short" }]), "number 1: secret must have at least 16 bytes"),
        (json!([{ "id": 7 }]), "number 1: id is of no webhook"),
        (json!([{ "url": URL, "events": ["pool_full"] }]), "pool_low"),
        (json!([{ "url": URL, "colour": "red" }]), "known is"),
        (json!(many), "must not be more than 10"),
        (json!(null), "is required"),
    ] {
        let answer = admin.put("/notifications", json!({ "low_keys": 2, "webhooks": webhooks })).await;
        let reason = answer.body["fields"]["webhooks"].as_str().unwrap_or_default();
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert!(reason.contains(wanted), "{reason}");
        assert!(!answer.text.contains("CANARY"), "{}", answer.text);
    }
    let answer = admin.put("/notifications", json!({ "low_keys": 0, "webhooks": [] })).await;
    assert!(answer.body["fields"]["low_keys"].is_string(), "{}", answer.text);
    assert_eq!(stored(&api).await.webhooks.len(), 1);
}

#[tokio::test]
async fn a_test_tells_what_the_webhook_answered() {
    let api = Api::start().await;
    let admin = api.admin().await;
    write_one(&admin).await;

    let kept = admin.post("/notifications/test", json!({ "id": 1 })).await;
    let unsaved = admin
        .post("/notifications/test", json!({ "url": "https://broken.example", "format": "dingtalk" }))
        .await;
    let nowhere = admin.post("/notifications/test", json!({ "url": "nowhere" })).await;

    assert_eq!(kept.body, json!({ "ok": true, "status": 200, "latency_ms": 7, "message": "what it said" }));
    assert_eq!((&unsaved.body["ok"], &unsaved.body["status"]), (&json!(false), &json!(500)));
    assert_eq!((nowhere.status.as_u16(), nowhere.body["fields"]["url"].is_string()), (422, true));
    let letters = api.courier.0.lock().unwrap();
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].to.expose(), URL);
    assert!(letters[0].signature.is_some() && letters[1].signature.is_none());
    assert!(String::from_utf8_lossy(&letters[1].body).contains("\"msgtype\""));
}

#[tokio::test]
async fn the_document_knows_every_field_of_a_letter() {
    let api = Api::start().await;
    let admin = api.admin().await;
    admin.post("/notifications/test", json!({ "url": URL })).await;
    let document: Value = serde_json::from_str(&admin_api::openapi_json().unwrap()).unwrap();
    let known =
        document["components"]["schemas"]["NotificationLetter"]["properties"].as_object().unwrap().clone();

    let letters = api.courier.0.lock().unwrap();
    let body: Value = serde_json::from_slice(&letters[0].body).unwrap();

    for field in body.as_object().unwrap().keys() {
        assert!(known.contains_key(field), "{field}");
    }
}

#[tokio::test]
async fn webhooks_that_cannot_be_read_are_told_of_and_can_be_written_anew() {
    let api = Api::start().await;
    let admin = api.admin().await;
    write_one(&admin).await;

    api.store.fail("notifications", inconsistent);

    assert_eq!(admin.get("/notifications").await.status, 500);
    let refers_to_one = json!({ "low_keys": 2, "webhooks": [{ "id": 1 }] });
    assert_eq!(admin.put("/notifications", refers_to_one).await.status, 422);
    let anew = json!({ "low_keys": 2, "webhooks": [{ "url": URL }, { "url": URL }] });
    assert_eq!(admin.put("/notifications", anew).await.status, 200);
    api.store.mend();
    assert_eq!(stored(&api).await.webhooks.len(), 2);
}
