//! Upstreams that fail: the same again where that is safe, another target where there is one, within bounds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use rotator_core::model::TargetFields;

use crate::support::{
    Gateway, Running, Upstream,
    upstream::{RawUpstream, Received, ok, status, until_closed},
};

/// Nothing listens there.
const REFUSED: &str = "http://127.0.0.1:1";

fn more(url: &str, weight: u16, priority: u16) -> TargetFields {
    TargetFields { url: url.into(), weight, priority }
}

async fn with_targets(main: &str, keys: &[&str], more: Vec<TargetFields>) -> Running {
    Gateway::new().generic("svc", main, keys).with(|fields| fields.options.more_targets = more).start().await
}

/// Fails for the first requests, then works.
async fn failing(first: usize, code: u16) -> (Upstream, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let upstream =
        Upstream::reply(
            move |_: &Received| {
                if counted.fetch_add(1, SeqCst) < first { status(code, "no") } else { ok("done") }
            },
        );
    (upstream.await, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_may_pass_is_tried_again_once_where_twice_does_no_harm() {
    for (code, get, post) in [(503, 2, 1), (502, 2, 1), (504, 2, 1), (500, 1, 1)] {
        for (is_get, expected) in [(true, get), (false, post)] {
            let (upstream, count) = failing(9, code).await;
            let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1", "k2"]).start().await;

            let answer = if is_get {
                gateway.get("/proxy/svc/x").await
            } else {
                gateway.post("/proxy/svc/x", "body").await
            };

            assert_eq!((answer.status.as_u16(), count.load(SeqCst)), (code, expected), "{code} {is_get}");
            assert_eq!(answer.header("x-should-retry"), if expected > 1 { "false" } else { "" });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_says_it_did_nothing_is_asked_again_whatever_the_method() {
    let (upstream, count) = failing(1, 529).await;
    let gateway =
        Gateway::new().llm("chat", "anthropic_native", &upstream.url(), &["k1", "k2"]).start().await;

    let answer = gateway.post("/llm/chat/v1/messages", "{}").await;

    assert_eq!((answer.text(), count.load(SeqCst)), ("done", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_wants_to_be_left_alone_for_long_is_not_asked_again() {
    let upstream = Upstream::reply(|_| {
        let mut busy = status(503, "later");
        busy.headers_mut().insert("retry-after", "30".parse().unwrap());
        busy
    })
    .await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1", "k2"]).start().await;

    let answer = gateway.get("/proxy/svc/x").await;

    assert_eq!((answer.status.as_u16(), upstream.received().len()), (503, 1));
    assert_eq!(answer.header("retry-after"), "30");
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_are_a_fifth_of_the_requests_and_three_more() {
    let (upstream, count) = failing(usize::MAX, 503).await;
    let keys: Vec<String> = (0..10).map(|n| format!("k{n}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let gateway = Gateway::new().generic("svc", &upstream.url(), &keys).start().await;

    for _ in 0..100 {
        assert_eq!(gateway.get("/proxy/svc/x").await.status, 503);
    }

    let sent = count.load(SeqCst);
    assert!((115..=123).contains(&sent), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_target_takes_over_with_the_same_key_and_its_own_path() {
    let other = Upstream::reply(|r| ok(format!("{} {}", r.uri, r.headers["x-key"].to_str().unwrap()))).await;
    let (failing, count) = failing(usize::MAX, 503).await;
    for main in [REFUSED.into(), failing.url()] {
        let more = vec![more(&format!("{}/eu/v2", other.url()), 1, 1)];
        let gateway = with_targets(&main, &["only"], more).await;

        assert_eq!(gateway.get("/proxy/svc/x?q=1").await.text(), "/eu/v2/x?q=1 only");
    }
    assert_eq!(count.load(SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_keeps_failing_is_left_alone() {
    let other = Upstream::reply(|_| ok("other")).await;
    let (failing, count) = failing(usize::MAX, 502).await;
    let gateway = with_targets(&failing.url(), &["k1", "k2"], vec![more(&other.url(), 1, 1)]).await;

    for _ in 0..50 {
        let answer = gateway.post("/proxy/svc/x", "body").await;
        assert!(matches!(answer.status.as_u16(), 200 | 502));
    }

    assert_eq!(count.load(SeqCst), 5);
    assert_eq!(other.received().len(), 45);
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_of_one_priority_share_the_requests_by_weight() {
    let (a, b) = (Upstream::reply(|_| ok("a")).await, Upstream::reply(|_| ok("b")).await);
    let gateway = with_targets(&a.url(), &["k"], vec![more(&b.url(), 3, 0)]).await;

    for _ in 0..400 {
        gateway.get("/proxy/svc/x").await;
    }

    let (a, b) = (a.received().len(), b.received().len());
    assert!(a + b == 400 && (60..=140).contains(&a), "{a} {b}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_attempts_together_end_in_time() {
    let slow = RawUpstream::serve(|mut socket| async move { until_closed(&mut socket).await }).await;
    let gateway = Gateway::new()
        .generic("svc", &slow.url(), &["k1", "k2"])
        .with(|fields| {
            fields.options.total_timeout_ms = Some(300);
            fields.options.max_retries = Some(5);
        })
        .start()
        .await;

    let started = Instant::now();
    let answer = gateway.get("/proxy/svc/x").await;

    assert_eq!((answer.status.as_u16(), slow.connections()), (504, 1));
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_traces_what_a_request_tried_unless_its_first_key_answered() {
    let upstream = Upstream::reply(|r| match r.headers["x-key"].to_str() {
        Ok("limited") => status(429, "slow down"),
        Ok("good") => ok("done"),
        _ => status(503, "no"),
    })
    .await;
    let other = Upstream::reply(|_| ok("other")).await;
    let gateway = with_targets(&upstream.url(), &["limited", "good"], vec![more(&other.url(), 1, 1)]).await;

    for _ in 0..2 {
        assert_eq!(gateway.get("/proxy/svc/x").await.text(), "done");
    }

    let records = gateway.records(2).await;
    let traces: Vec<_> = records.iter().filter_map(|record| record.trace.as_deref()).collect();
    let [trace] = traces[..] else { panic!("{records:?}") };
    assert_eq!((trace.keys, trace.passed_over.len()), (2, 1));
    assert_eq!(&*trace.passed_over[0].why, "cooling");
    let told: Vec<_> = trace.attempts.iter().map(|a| (&*a.outcome, a.status, a.rule.as_deref())).collect();
    assert_eq!(told, [("rate_limited", Some(429), Some("too many requests")), ("success", Some(200), None)]);
    assert!(trace.attempts.iter().all(|attempt| attempt.target.as_deref() == Some(upstream.url().as_str())));
    assert!(trace.attempts[0].started_us <= trace.attempts[1].started_us);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_which_no_key_is_left_says_why() {
    let upstream = Upstream::reply(|_| status(401, "no")).await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1", "k2"]).start().await;

    gateway.get("/proxy/svc/x").await;
    assert_eq!(gateway.get("/proxy/svc/x").await.status, 503);

    let records = gateway.records(2).await;
    let refused = records.iter().find(|record| record.attempts == 0).unwrap();
    let trace = refused.trace.as_deref().unwrap();
    assert!(trace.attempts.is_empty());
    assert_eq!(trace.passed_over.iter().map(|key| &*key.why).collect::<Vec<_>>(), ["invalid", "invalid"]);
}
