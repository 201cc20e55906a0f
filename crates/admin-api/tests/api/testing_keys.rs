//! Jobs that test keys: what they find out, and how gently.

use std::time::Duration;

use rotator_core::{model::KeyId, store::Store};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::{Api, Client, event};

/// An API with a service of so many keys that it refuses, and their ids.
async fn scene(count: usize) -> (Api, Client, i64, Vec<i64>) {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    let ids = admin.add_keys(config, (0..count).map(|number| format!("sk-0123456789-{number}"))).await;
    (api, admin, config, ids)
}

/// The shortest time between two requests.
fn shortest_gap(times: &[Instant]) -> Duration {
    times.windows(2).map(|pair| pair[1].duration_since(pair[0])).min().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_test_of_many_keys_reports_what_each_showed() {
    let (api, admin, config, ids) = scene(2).await;
    let good = admin.add_keys(config, (0..3).map(|number| format!("sk-good-{number}"))).await;
    admin.patch(&format!("/keys/{}", ids[1]), json!({ "is_active": false })).await;

    let ended = admin.end_of(&admin.begin(config, json!({ "action": "test" })).await).await;

    assert_eq!(
        (&ended["state"], &ended["succeeded"], &ended["failed"]),
        (&json!("done"), &json!(3), &json!(2))
    );
    let refused = "the service refused the key";
    let results = json!({
        "outcomes": [
            { "ok": false, "status": 401, "message": refused, "count": 2 },
            { "ok": true, "status": 200, "message": "the service takes the key", "count": 3 },
        ],
        "other_outcomes": 0,
        "failures": [
            { "id": ids[0], "status": 401, "message": refused },
            { "id": ids[1], "status": 401, "message": refused },
        ],
    });
    assert_eq!(ended["results"], results);
    let asked = api.probe.asked.lock().unwrap().clone();
    let all = ids.iter().chain(&good).map(|id| ("openai".to_owned(), KeyId(*id)));
    assert_eq!(asked, all.collect::<Vec<_>>());
    let entry = api.store.audit_entries(1).await.unwrap().remove(0);
    assert_eq!((entry.action.as_str(), &entry.detail.0["keys"]), ("keys.test", &json!(5)));
}

#[tokio::test(start_paused = true)]
async fn test_requests_are_spread_evenly_at_the_rate_that_was_asked_for() {
    for (job, gap) in [
        (json!({ "action": "test" }), Duration::from_millis(200)),
        (json!({ "action": "test", "per_second": 1 }), Duration::from_secs(1)),
        (json!({ "action": "test", "per_second": 50 }), Duration::from_millis(20)),
    ] {
        let (api, admin, config, _) = scene(11).await;
        admin.end_of(&admin.begin(config, job.clone()).await).await;

        let times = api.probe.times();
        assert_eq!(times.len(), 11);
        assert!(shortest_gap(&times) >= gap, "{job}: {times:?}");
        assert!(times[10] <= times[0] + gap * 11, "{job}: {times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_service_gets_no_more_than_32_requests_at_once_and_no_burst_afterwards() {
    let (api, admin, config, _) = scene(60).await;
    let answers = api.probe.hold();
    let job = admin.begin(config, json!({ "action": "test", "per_second": 50 })).await;
    api.probe.is_asked(32).await;

    sleep(Duration::from_mins(1)).await;
    assert_eq!(api.probe.times().len(), 32);
    answers.add_permits(60);
    let ended = admin.end_of(&job).await;

    assert_eq!(ended["failed"], 60);
    let times = api.probe.times();
    assert!(shortest_gap(&times) >= Duration::from_millis(20), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_bunches_no_requests() {
    let (api, admin, config, _) = scene(110).await;
    api.store.dawdle("keys");

    admin.end_of(&admin.begin(config, json!({ "action": "test", "per_second": 50 })).await).await;

    let times = api.probe.times();
    assert!(shortest_gap(&times) >= Duration::from_millis(20), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_test_ends_at_once_whatever_is_under_way() {
    let (api, admin, config, _) = scene(5).await;
    let answers = api.probe.hold();
    let job = admin.begin(config, json!({ "action": "test" })).await;
    answers.add_permits(1);
    api.probe.is_asked(3).await;

    let cancelled = admin.post("/jobs/1/cancel", json!({})).await;
    let ended = admin.end_of(&job).await;

    assert_eq!(cancelled.status, 200);
    assert_eq!((&ended["state"], &ended["done"]), (&json!("cancelled"), &json!(1)));
    let asked = api.probe.times().len();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(api.probe.times().len(), asked, "nothing more is sent");
}

#[tokio::test(start_paused = true)]
async fn keys_that_go_while_their_test_waits_are_skipped() {
    let (api, admin, config, ids) = scene(150).await;
    let answers = api.probe.hold();
    let job = admin.begin(config, json!({ "action": "test", "per_second": 50 })).await;
    api.probe.is_asked(1).await;
    for id in &ids[120..] {
        admin.delete(&format!("/keys/{id}")).await;
    }

    answers.add_permits(150);
    let ended = admin.end_of(&job).await;

    assert_eq!(
        (&ended["state"], &ended["failed"], &ended["skipped"]),
        (&json!("done"), &json!(120), &json!(30))
    );
}

#[tokio::test(start_paused = true)]
async fn a_test_ends_with_its_service() {
    let (api, admin, config, _) = scene(150).await;
    let answers = api.probe.hold();
    let job = admin.begin(config, json!({ "action": "test" })).await;
    api.probe.is_asked(1).await;

    admin.delete(&format!("/proxy-configs/{config}")).await;
    answers.add_permits(150);

    let ended = admin.end_of(&job).await;
    assert_eq!((&ended["state"], &ended["error"]), (&json!("failed"), &json!("the proxy config is gone")));
}

#[tokio::test(start_paused = true)]
async fn events_show_a_test_as_it_goes_a_few_times_a_second() {
    let (_api, admin, config, _) = scene(100).await;
    let begun = Instant::now();
    let mut events =
        admin.follow(&admin.begin(config, json!({ "action": "test", "per_second": 50 })).await).await;

    let mut shown = Vec::new();
    while let Some(job) = event(&mut events).await {
        shown.extend(job["done"].as_u64());
    }

    assert!(shown.is_sorted() && shown.len() > 4, "{shown:?}");
    assert_eq!(shown.last(), Some(&100));
    let quarters = begun.elapsed().as_millis() / 250;
    assert!(shown.len() as u128 <= quarters + 2, "{} events in {quarters} quarters of a second", shown.len());
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_events_begins_at_once_and_is_never_silent_for_long() {
    let (api, admin, config, _) = scene(1).await;
    let answers = api.probe.hold();
    let mut events = admin.follow(&admin.begin(config, json!({ "action": "test" })).await).await;

    assert_eq!(event(&mut events).await.unwrap()["state"], "running");
    api.probe.is_asked(1).await;
    let waited = Instant::now();
    assert_eq!(event(&mut events).await, Some(Value::Null));
    assert!(waited.elapsed() < Duration::from_secs(10));
    answers.add_permits(1);
    assert_eq!(event(&mut events).await.unwrap()["state"], "done");
    assert_eq!(event(&mut events).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_events_ends_with_its_session_and_not_with_another_s() {
    let (api, admin, config, _) = scene(1).await;
    let (leaving, expiring) = (api.admin().await, api.admin().await);
    let _never = api.probe.hold();
    let job = admin.begin(config, json!({ "action": "test" })).await;
    let (mut left, mut stays) = (leaving.follow(&job).await, expiring.follow(&job).await);
    assert!(event(&mut left).await.is_some() && event(&mut stays).await.is_some());

    leaving.post("/logout", json!({})).await;
    assert_eq!(event(&mut left).await, None);
    assert_eq!(event(&mut stays).await, Some(Value::Null));
    api.wait(Duration::from_hours(1));
    assert_eq!(event(&mut stays).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_events_ends_when_nobody_knows_whether_its_session_has() {
    let (api, admin, config, _) = scene(1).await;
    let _never = api.probe.hold();
    let mut events = admin.follow(&admin.begin(config, json!({ "action": "test" })).await).await;
    assert!(event(&mut events).await.is_some());

    api.store.fail("revoked_sessions", crate::support::unavailable);

    assert_eq!(event(&mut events).await, None);
}
