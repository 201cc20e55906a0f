//! What an admin sees of keys that rest.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rotator_core::{
    model::{ConfigId, ConfigType, KeyId},
    outcome::{Outcome, Rest, Scope},
    pool::{Now, Wish},
    store::{Change, Store as _},
};
use serde_json::{Value, json};

use crate::support::{Api, Client};

/// Lets a request with this key come to this.
fn happens(api: &Api, key: i64, outcome: &Outcome, model: Option<&str>) {
    let route = api.routes.table().load().find(ConfigType::Llm, "openai").unwrap().clone();
    let others: Vec<KeyId> = route.pool.slots().iter().map(|slot| slot.id).filter(|id| id.0 != key).collect();
    let instant = Instant::now();
    let now = Now { instant, wall: Timestamp::from_second(api.now()).unwrap() };
    let wish = Wish { turn: 0, affinity: None, model: None, tried: &others, may_try: true, now: instant };
    let mut picked = route.pool.pick(&wish).unwrap();
    route.pool.health().note(&mut picked, outcome, "too many requests", model, instant, now);
}

fn limited(scope: Scope) -> Outcome {
    Outcome::RateLimited(Rest { scope, told: Some(Duration::from_mins(2)) })
}

/// A service with five keys: one well, one of each that rests, one switched off.
async fn scene() -> (Api, Client, i64, [i64; 5]) {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    let mut keys = [0; 5];
    for (number, key) in keys.iter_mut().enumerate() {
        *key = admin.add_key(config, &format!("sk-0123456789-{number}")).await;
    }
    admin.patch(&format!("/keys/{}", keys[4]), json!({ "is_active": false })).await;
    happens(&api, keys[1], &limited(Scope::Key), None);
    happens(&api, keys[2], &Outcome::KeyRejected, None);
    let quota = Rest { scope: Scope::Key, told: Some(Duration::from_hours(1)) };
    happens(&api, keys[3], &Outcome::QuotaExhausted(quota), None);
    (api, admin, config, keys)
}

fn ids(list: &Value) -> Vec<i64> {
    list["items"].as_array().unwrap().iter().map(|key| key["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_key_that_rests_shows_why_and_until_when() {
    let (_api, admin, _, keys) = scene().await;

    let key = admin.get(&format!("/keys/{}", keys[1])).await.body;

    assert_eq!(key["state"], "cooling");
    assert_eq!(key["state_reason"], "too many requests");
    assert_eq!(key["state_until"], "2026-01-01T00:02:00Z");
    assert_eq!(key["is_active"], true);
    let well = admin.get(&format!("/keys/{}", keys[0])).await.body;
    assert_eq!((&well["state"], &well["state_until"]), (&json!("active"), &Value::Null));
}

#[tokio::test]
async fn keys_are_listed_counted_and_deleted_by_how_they_stand() {
    let (_api, admin, config, keys) = scene().await;
    let list = format!("/proxy-configs/{config}/keys");

    for (state, expected) in [
        ("active", keys[0]),
        ("cooling", keys[1]),
        ("invalid", keys[2]),
        ("exhausted", keys[3]),
        ("disabled", keys[4]),
    ] {
        let page = admin.get(&format!("{list}?state={state}")).await.body;
        assert_eq!((ids(&page), &page["total"]), (vec![expected], &json!(1)), "{state}");
        assert_eq!(page["items"][0]["state"], state);
    }
    let counts = json!({ "active": 1, "cooling": 1, "invalid": 1, "exhausted": 1, "disabled": 1 });
    assert_eq!(admin.get(&format!("/proxy-configs/{config}")).await.body["key_counts"], counts);
    assert_eq!(admin.get("/proxy-configs").await.body["items"][0]["key_counts"], counts);

    let deleted = admin.delete(&format!("{list}?state=invalid")).await.body;
    assert_eq!(deleted["deleted_count"], 1);
    assert_eq!(ids(&admin.get(&list).await.body), [keys[0], keys[1], keys[3], keys[4]]);
}

#[tokio::test]
async fn a_reset_brings_a_key_back_at_once() {
    let (_api, admin, _, keys) = scene().await;

    for key in &keys[1..] {
        let answer = admin.post(&format!("/keys/{key}/reset"), json!({})).await;
        assert_eq!((answer.status.as_u16(), &answer.body["state"]), (200, &json!("active")));
        assert_eq!(admin.get(&format!("/keys/{key}")).await.body["state"], "active");
    }
}

#[tokio::test]
async fn a_reset_elsewhere_of_which_no_word_came_is_made_up_for_with_the_next_reading() {
    let (api, admin, config, keys) = scene().await;
    let at = Timestamp::from_second(api.now() + 1).unwrap();
    let by = Change { at, actor: "elsewhere".into(), address: None, request_id: "request-2".into() };
    api.store.reset_keys(ConfigId(config), &[KeyId(keys[2])], &by).await.unwrap();
    assert_eq!(admin.get(&format!("/keys/{}", keys[2])).await.body["state"], "invalid");

    api.routes.refresh(&*api.store).await.unwrap();

    assert_eq!(admin.get(&format!("/keys/{}", keys[2])).await.body["state"], "active");
    assert_eq!(admin.get(&format!("/keys/{}", keys[3])).await.body["state"], "exhausted");
}

#[tokio::test]
async fn a_job_takes_the_keys_in_a_state_and_a_reset_of_all_brings_every_key_back() {
    let (_api, admin, config, keys) = scene().await;
    for (state, id) in [("cooling", keys[1]), ("invalid", keys[2]), ("exhausted", keys[3])] {
        let ended =
            admin.end_of(&admin.begin(config, json!({ "action": "test", "state": state })).await).await;
        assert_eq!(
            (&ended["total"], &ended["results"]["failures"][0]["id"]),
            (&json!(1), &json!(id)),
            "{state}"
        );
    }

    let ended = admin.end_of(&admin.begin(config, json!({ "action": "reset" })).await).await;

    assert_eq!((&ended["state"], &ended["succeeded"]), (&json!("done"), &json!(5)));
    let counts = json!({ "active": 5, "cooling": 0, "invalid": 0, "exhausted": 0, "disabled": 0 });
    assert_eq!(admin.get(&format!("/proxy-configs/{config}")).await.body["key_counts"], counts);
}

#[tokio::test]
async fn a_reset_leaves_the_keys_of_others_alone() {
    let (_api, admin, _, keys) = scene().await;
    let other = admin.add_config("other").await;

    let ended = admin.end_of(&admin.begin(other, json!({ "action": "reset", "ids": keys })).await).await;

    assert_eq!(ended["skipped"], 5);
    assert_eq!(admin.get(&format!("/keys/{}", keys[1])).await.body["state"], "cooling");
}

#[tokio::test]
async fn a_limit_that_is_over_is_not_shown_and_a_rejection_is_until_something_succeeds() {
    let (api, admin, _, keys) = scene().await;
    api.wait(Duration::from_hours(25));
    let admin = {
        drop(admin);
        api.admin().await
    };

    assert_eq!(admin.get(&format!("/keys/{}", keys[1])).await.body["state"], "active");
    let rejected = admin.get(&format!("/keys/{}", keys[2])).await.body;
    assert_eq!((&rejected["state"], &rejected["state_until"]), (&json!("invalid"), &Value::Null));
}

#[tokio::test]
async fn a_limit_of_one_model_leaves_the_key_active() {
    let (api, admin, _, keys) = scene().await;
    happens(&api, keys[0], &limited(Scope::KeyModel), Some("large"));

    assert_eq!(admin.get(&format!("/keys/{}", keys[0])).await.body["state"], "active");
}

#[tokio::test]
async fn keys_of_an_account_that_is_limited_are_told_with_the_reason_and_one_is_reset_alone() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    let batch = json!({ "keys": ["sk-1", "sk-2", "sk-3"], "quota_group": "acme" });
    admin.post(&format!("/proxy-configs/{config}/keys/batch"), batch).await;
    let other = admin.add_key(config, "sk-other").await;
    let list = format!("/proxy-configs/{config}/keys");
    let keys = ids(&admin.get(&format!("{list}?quota_group=acme")).await.body);
    happens(&api, keys[1], &limited(Scope::QuotaGroup), None);

    assert_eq!(ids(&admin.get(&format!("{list}?state=cooling")).await.body), keys);
    assert_eq!(ids(&admin.get(&format!("{list}?state=active&quota_group=acme")).await.body), [0; 0]);
    let mate = admin.get(&format!("/keys/{}", keys[0])).await.body;
    assert_eq!(mate["state_reason"], "its quota group rests: too many requests");
    let told = admin.post(&format!("/proxy-configs/{config}/simulate"), json!({})).await.body;
    assert_eq!(told["keys"], json!([other]));
    assert!(told["passed_over"].as_array().unwrap().iter().all(|key| key["why"] == "quota_group"));
    assert_eq!(told["passed_over_count"], 3);

    let freed = admin.post(&format!("/keys/{}/reset", keys[2]), json!({})).await.body;
    assert_eq!(freed["state"], "active");
    assert_eq!(ids(&admin.get(&format!("{list}?state=cooling")).await.body), keys[..2]);
    let job = json!({ "action": "reset", "quota_group": "acme" });
    let ended = admin.end_of(&admin.begin(config, job).await).await;
    assert_eq!((&ended["state"], &ended["succeeded"]), (&json!("done"), &json!(3)));
    assert_eq!(ids(&admin.get(&format!("{list}?state=cooling")).await.body), [0; 0]);
}
