//! What is done to many keys at once.

use axum::http::header;
use rotator_core::{
    model::ConfigType,
    store::{AuditEntry, Store},
};
use serde_json::{Value, json};

use crate::support::{ADDRESS, Api, Client, USERNAME, event, full, unavailable};

/// So many keys, all different.
fn keys(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("sk-0123456789-{number}"))
}

/// How many keys a service has in rotation.
fn pool_size(api: &Api, slug: &str) -> usize {
    api.routes.table().load().find(ConfigType::Llm, slug).unwrap().pool.slots().len()
}

/// An API with a service of so many keys, and their ids.
async fn scene(count: usize) -> (Api, Client, i64, Vec<i64>) {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    let ids = admin.add_keys(config, keys(count)).await;
    (api, admin, config, ids)
}

async fn total(admin: &Client, config: i64, query: &str) -> u64 {
    let list = admin.get(&format!("/proxy-configs/{config}/keys?limit=1&{query}")).await;
    list.body["total"].as_u64().unwrap()
}

/// The entries of an action, oldest first.
async fn audited(api: &Api, action: &str) -> Vec<AuditEntry> {
    let entries = api.store.audit_entries(1000).await.unwrap();
    entries.into_iter().rev().filter(|entry| entry.action == action).collect()
}

fn count(job: &Value) -> [u64; 4] {
    ["total", "succeeded", "failed", "skipped"].map(|name| job[name].as_u64().unwrap())
}

#[tokio::test]
async fn a_job_is_answered_with_its_place_and_goes_on_by_itself() {
    let (_api, admin, config, _) = scene(3).await;

    let answer =
        admin.post(&format!("/proxy-configs/{config}/keys/jobs"), json!({ "action": "disable" })).await;

    assert_eq!((answer.status.as_u16(), answer.header(header::LOCATION)), (202, "/api/admin/jobs/1"));
    let ended = admin.end_of(&answer.body).await;
    let expected = json!({
        "id": 1, "proxy_config_id": config, "action": "disable", "state": "done",
        "total": 3, "done": 3, "succeeded": 3, "failed": 0, "skipped": 0, "results": null,
        "started_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:00Z", "error": null,
    });
    assert_eq!(ended, expected);
    assert_eq!(admin.get("/jobs/1").await.body, expected);
    assert_eq!(admin.get("/jobs").await.body, json!({ "items": [expected] }));
}

#[tokio::test]
async fn what_a_job_changed_serves_when_it_says_that_it_is_done() {
    let (api, admin, config, ids) = scene(5).await;
    let other = admin.add_config("other").await;
    admin.add_key(other, "sk-another-key").await;

    for (job, in_rotation, left) in [
        (json!({ "action": "disable", "ids": ids[..2] }), 3, 5),
        (json!({ "action": "enable", "ids": [ids[0]] }), 4, 5),
        (json!({ "action": "reset", "state": "disabled" }), 5, 5),
        (json!({ "action": "disable", "ids": ids[3..] }), 3, 5),
        (json!({ "action": "delete", "state": "disabled" }), 3, 3),
        (json!({ "action": "delete" }), 0, 0),
    ] {
        let ended = admin.end_of(&admin.begin(config, job.clone()).await).await;
        assert_eq!(ended["state"], "done", "{ended}");
        assert_eq!(
            (pool_size(&api, "openai"), total(&admin, config, "").await),
            (in_rotation, left),
            "{job}"
        );
    }
    assert_eq!((pool_size(&api, "other"), total(&admin, other, "").await), (1, 1));
}

#[tokio::test]
async fn keys_of_others_and_keys_that_are_gone_are_skipped() {
    let (_api, admin, config, ids) = scene(2).await;
    let other = admin.add_config("other").await;
    let foreign = admin.add_key(other, "sk-another-key").await;

    for action in ["test", "reset", "disable", "enable", "delete"] {
        let job = json!({ "action": action, "ids": [foreign, ids[0], 999, ids[0]] });
        let ended = admin.end_of(&admin.begin(config, job).await).await;
        let shown = (&ended["state"], &ended["total"], &ended["done"], &ended["skipped"]);
        assert_eq!(shown, (&json!("done"), &json!(3), &json!(3), &json!(2)), "{ended}");
    }
    assert_eq!(total(&admin, other, "state=active").await, 1);
    assert_eq!(total(&admin, config, "").await, 1);
    let nothing = admin.end_of(&admin.begin(config, json!({ "action": "delete", "ids": [999] })).await).await;
    assert_eq!((&nothing["state"], count(&nothing)), (&json!("done"), [1, 0, 0, 1]));
}

#[tokio::test]
async fn what_is_no_job_is_named_and_begins_nothing() {
    let (_api, admin, config, ids) = scene(1).await;
    let path = format!("/proxy-configs/{config}/keys/jobs");
    let actions = "must be one of `test`, `reset`, `disable`, `enable`, `delete`";

    for (job, field, reason) in [
        (json!({}), "action", "is required: test, reset, disable, enable or delete"),
        (json!({ "action": "destroy" }), "action", actions),
        (
            json!({ "action": "test", "state": "tired" }),
            "state",
            "must be one of active, cooling, invalid, exhausted, disabled",
        ),
        (
            json!({ "action": "delete", "state": "invalid", "ids": ids }),
            "ids",
            "cannot be combined with state: leave one of them out",
        ),
        (json!({ "action": "delete", "ids": [] }), "ids", "must be a list of 1 to 100000 ids of keys"),
        (
            json!({ "action": "delete", "ids": vec![1; 100_001] }),
            "ids",
            "must be a list of 1 to 100000 ids of keys",
        ),
        (
            json!({ "action": "delete", "ids": ["1"] }),
            "ids",
            "must hold only items that are a whole number in range",
        ),
        (json!({ "action": "test", "per_second": 0 }), "per_second", "must be 1 to 50"),
        (json!({ "action": "test", "per_second": 51 }), "per_second", "must be 1 to 50"),
        (json!({ "action": "test", "per_second": 0.5 }), "per_second", "must be a whole number in range"),
        (json!({ "action": "delete", "per_second": 5 }), "per_second", "is for the action test only"),
    ] {
        let answer = admin.post(&path, job).await;
        assert_eq!((answer.status.as_u16(), &answer.body["fields"][field]), (422, &json!(reason)));
    }
    assert_eq!(admin.get("/jobs").await.body, json!({ "items": [] }));
    for job in [json!({ "action": "delete" }), json!({ "action": "delete", "ids": ids })] {
        assert_eq!(admin.post("/proxy-configs/99/keys/jobs", job).await.code(), "not_found");
    }
    assert_eq!(admin.get("/jobs/1").await.code(), "not_found");
    assert_eq!(admin.get("/jobs/1/events").await.code(), "not_found");
    assert_eq!(admin.post("/jobs/1/cancel", json!({})).await.code(), "not_found");
}

#[tokio::test]
async fn a_hundred_thousand_ids_can_be_named() {
    let (_api, admin, config, _) = scene(3).await;

    let ids: Vec<i64> = (1..=100_000).collect();
    let ended = admin.end_of(&admin.begin(config, json!({ "action": "disable", "ids": ids })).await).await;

    assert_eq!(count(&ended), [100_000, 3, 0, 99_997]);
}

#[tokio::test]
async fn many_keys_are_changed_in_pieces_each_audited_under_who_began_the_job() {
    let (api, admin, config, _) = scene(2500).await;
    let revision = api.revision();

    let ended = admin.end_of(&admin.begin(config, json!({ "action": "disable" })).await).await;

    assert_eq!(count(&ended), [2500, 2500, 0, 0]);
    assert_eq!((total(&admin, config, "state=disabled").await, pool_size(&api, "openai")), (2500, 0));
    let entries = audited(&api, "keys.update").await;
    let counts: Vec<_> = entries.iter().map(|entry| entry.detail.0["keys"].as_u64()).collect();
    assert_eq!(counts, [Some(1000), Some(1000), Some(500)]);
    for entry in entries {
        assert_eq!((entry.actor.as_str(), entry.object_id), (USERNAME, Some(config)));
        assert_eq!((entry.address, entry.request_id.as_str()), (ADDRESS.parse().ok(), "request-1"));
    }
    assert_eq!(api.revision(), revision + 1, "what requests read is made anew once, not for each piece");

    admin.end_of(&admin.begin(config, json!({ "action": "delete" })).await).await;
    assert_eq!(audited(&api, "keys.delete").await.len(), 3);
}

#[tokio::test]
async fn a_second_job_of_the_same_kind_is_refused_with_the_name_of_the_first() {
    let (api, admin, config, _) = scene(1).await;
    let other = admin.add_config("other").await;
    let answers = api.probe.hold();
    let first = admin.begin(config, json!({ "action": "test" })).await;

    let second = admin.post(&format!("/proxy-configs/{config}/keys/jobs"), json!({ "action": "test" })).await;

    assert_eq!((second.status.as_u16(), second.code()), (409, "job_running"));
    assert!(second.body["error"].as_str().unwrap().contains("/api/admin/jobs/1/cancel"), "{}", second.text);
    admin.end_of(&admin.begin(other, json!({ "action": "test" })).await).await;
    admin.end_of(&admin.begin(config, json!({ "action": "enable" })).await).await;
    answers.add_permits(1);
    admin.end_of(&first).await;
    answers.add_permits(1);
    let third = admin.end_of(&admin.begin(config, json!({ "action": "test" })).await).await;
    let listed = admin.get("/jobs").await.body;
    let listed: Vec<_> = listed["items"].as_array().unwrap().iter().map(|job| job["id"].clone()).collect();
    assert_eq!((listed, &third["id"]), (vec![json!(4), json!(3), json!(2), json!(1)], &json!(4)));
}

#[tokio::test]
async fn only_a_few_jobs_run_at_once() {
    let (api, admin, config, _) = scene(1).await;
    let answers = api.probe.hold();
    let first = admin.begin(config, json!({ "action": "test" })).await;
    for slug in ["b", "c", "d"] {
        let config = admin.add_config(slug).await;
        admin.add_keys(config, keys(1)).await;
        admin.begin(config, json!({ "action": "test" })).await;
    }

    let path = format!("/proxy-configs/{config}/keys/jobs");
    let fifth = admin.post(&path, json!({ "action": "reset" })).await;
    answers.add_permits(4);
    admin.end_of(&first).await;

    assert_eq!((fifth.status.as_u16(), fifth.code()), (409, "too_many_jobs"));
    assert_eq!(admin.post(&path, json!({ "action": "reset" })).await.status, 202);
}

#[tokio::test]
async fn a_job_goes_on_when_its_admin_signs_out() {
    let (api, admin, config, _) = scene(2).await;
    let writes = api.store.hold("set_keys_active");
    let job = admin.begin(config, json!({ "action": "disable" })).await;

    assert_eq!(admin.post("/logout", json!({})).await.status, 204);
    writes.add_permits(1);

    let ended = api.admin().await.end_of(&job).await;
    assert_eq!((&ended["state"], count(&ended)), (&json!("done"), [2, 2, 0, 0]));
}

#[tokio::test]
async fn a_cancelled_job_ends_after_the_piece_under_way_and_what_it_did_serves() {
    let (api, admin, config, _) = scene(2500).await;
    let writes = api.store.hold("delete_keys");
    let job = admin.begin(config, json!({ "action": "delete" })).await;
    let mut events = admin.follow(&job).await;
    writes.add_permits(1);
    while event(&mut events).await.unwrap()["done"] != 1000 {}

    let cancelled = admin.post("/jobs/1/cancel", json!({})).await;
    writes.add_permits(2);

    assert_eq!((cancelled.status.as_u16(), &cancelled.body["id"]), (200, &json!(1)));
    let ended = admin.end_of(&job).await;
    assert_eq!(
        (&ended["state"], &ended["done"], &ended["error"]),
        (&json!("cancelled"), &json!(2000), &Value::Null)
    );
    assert_eq!((total(&admin, config, "").await, pool_size(&api, "openai")), (500, 500));
    assert_eq!(admin.post("/jobs/1/cancel", json!({})).await.body, ended, "a second time changes nothing");
}

#[tokio::test]
async fn a_job_that_cannot_go_on_says_why_and_what_it_did_serves() {
    let (api, admin, config, _) = scene(1500).await;
    let writes = api.store.hold("set_keys_active");
    for (error, action, sentence) in [
        (unavailable as _, "disable", "the database does not answer; what was done before is kept"),
        (full as _, "enable", "there is no space left to write; what was done before is kept"),
    ] {
        let job = admin.begin(config, json!({ "action": action })).await;
        let mut events = admin.follow(&job).await;
        writes.add_permits(1);
        while event(&mut events).await.unwrap()["done"] != 1000 {}
        api.store.fail("set_keys_active", error);
        writes.add_permits(1);

        let ended = admin.end_of(&job).await;
        assert_eq!((&ended["state"], &ended["error"]), (&json!("failed"), &json!(sentence)));
        assert_eq!(ended["done"], 1000);
        let in_rotation = if action == "disable" { 500 } else { 1500 };
        assert_eq!(pool_size(&api, "openai"), in_rotation);
        api.store.mend();
    }
}

#[tokio::test]
async fn a_job_that_panics_has_failed_and_another_may_begin() {
    let (api, admin, config, _) = scene(1).await;
    let key = admin.add_key(config, "sk-panic").await;

    let failed = admin.end_of(&admin.begin(config, json!({ "action": "test", "ids": [key] })).await).await;

    assert_eq!(failed["state"], "failed");
    assert!(failed["error"].as_str().unwrap().starts_with("something went wrong on the server"));
    let next =
        admin.end_of(&admin.begin(config, json!({ "action": "test", "state": "disabled" })).await).await;
    assert_eq!((&next["state"], count(&next)), (&json!("done"), [0, 0, 0, 0]));
    drop(api);
}

#[tokio::test]
async fn a_server_that_stops_cancels_its_jobs_and_ends_their_streams() {
    let (api, admin, config, _) = scene(2).await;
    let _never = api.probe.hold();
    let job = admin.begin(config, json!({ "action": "test" })).await;
    let mut events = admin.follow(&job).await;
    assert_eq!(event(&mut events).await.unwrap()["state"], "running");
    api.probe.is_asked(1).await;

    api.state.stop().await;

    let mut last = Value::Null;
    while let Some(job) = event(&mut events).await {
        last = job;
    }
    assert_eq!((&last["state"], count(&last)), (&json!("cancelled"), [2, 0, 0, 0]));
}
