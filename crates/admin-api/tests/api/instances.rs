use std::time::Duration;

use rotator_core::store::Store;
use serde_json::{Value, json};

use crate::support::{Api, instance, unavailable};

#[tokio::test]
async fn instances_are_listed_longest_running_first_with_what_they_told() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let minute = Duration::from_mins(1);
    api.store.beat(&instance("a", 1_767_225_601), minute).await.unwrap();
    api.store.beat(&instance("b", 1_767_225_600), minute).await.unwrap();

    let answer = admin.get("/instances").await;

    assert_eq!(answer.status, 200);
    let items = &answer.body["items"];
    assert_eq!(
        (&items[0]["id"], &items[0]["is_leader"], &items[0]["term"]),
        (&json!("b"), &json!(false), &json!(null))
    );
    assert_eq!(
        items[1],
        json!({
            "id": "a", "hostname": "web-1", "version": "1.2.3", "build": "enterprise",
            "started_at": "2026-01-01T00:00:01Z", "last_seen_at": "2026-01-01T00:00:10Z",
            "is_leader": true, "term": 1,
            "snapshot": { "revision": 7, "age_seconds": 2 },
            "database": { "status": "ok", "since": "2026-01-01T00:00:00Z" },
            "cache": { "status": "degraded", "since": "2026-01-01T00:00:05Z" },
        })
    );
    assert_eq!(items.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_instance_that_answers_tells_how_it_is_though_the_list_cannot_be_read() {
    let api = Api::start().await;
    let admin = api.admin().await;
    api.store.fail("instances", unavailable);

    let answer = admin.get("/instances/current").await;

    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        json!({
            "id": "this", "hostname": "web-1", "version": "1.2.3", "build": "enterprise",
            "started_at": "2026-01-01T00:00:00Z", "last_seen_at": "2026-01-01T00:00:10Z",
            "is_leader": true, "term": 3,
            "snapshot": { "revision": 7, "age_seconds": 2 },
            "database": { "status": "ok", "since": "2026-01-01T00:00:00Z" },
            "cache": { "status": "degraded", "since": "2026-01-01T00:00:05Z" },
            "active_requests": 5, "active_streams": 2, "client_connections": 8,
            "request_log": { "batches_waiting": 1, "batches_at_most": 64, "records_lost": 300 },
            "last_snapshot_at": "2026-01-01T00:00:03Z",
        })
    );
    assert_eq!(admin.get("/instances").await.status, 503);
}

#[tokio::test]
async fn how_the_instance_is_can_be_seen_while_the_database_is_away_but_not_by_strangers() {
    let api = Api::start().await;
    let (admin, gone) = (api.admin().await, api.admin().await);
    gone.post("/logout", Value::Null).await;
    assert_eq!(gone.get("/instances/current").await.status, 401);

    api.store.fail("revoked_sessions", unavailable);

    assert_eq!(admin.get("/instances/current").await.status, 200);
    assert_eq!(admin.get("/instances").await.status, 503);
    assert_eq!(api.stranger().get("/instances/current").await.status, 401);
    assert_eq!(api.stranger().with_bearer("garbage").get("/instances/current").await.status, 401);
}
