//! Keys that rest because of what an upstream said, and come back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use http::Response;
use rotator_core::{
    model::ConfigType,
    pool::Ailment,
    probe::{KeyProbe, ProbeReport},
};

use crate::support::{
    Gateway, Running, Upstream,
    upstream::{Body, Received, ok, status},
};

/// Answers the key `bad` as told, and any other with success.
async fn unless_good(answer: impl Fn() -> Response<Body> + Send + Sync + 'static) -> Upstream {
    Upstream::reply(move |r| if key(r) == "bad" { answer() } else { ok("done") }).await
}

fn key(received: &Received) -> String {
    let places = ["x-key", "authorization", "x-api-key"];
    let key = places.into_iter().find_map(|name| received.headers.get(name));
    key.unwrap().to_str().unwrap().trim_start_matches("Bearer ").to_owned()
}

fn with(mut response: Response<Body>, name: &'static str, value: &str) -> Response<Body> {
    response.headers_mut().insert(name, value.parse().unwrap());
    response
}

async fn generic(upstream: &Upstream, keys: &[&str]) -> Running {
    Gateway::new().generic("svc", &upstream.url(), keys).start().await
}

/// How often the upstream has seen a key.
fn seen(upstream: &Upstream, wanted: &str) -> usize {
    upstream.received().iter().filter(|received| key(received) == wanted).count()
}

/// Who rests, and why.
fn rests(gateway: &Running, config_type: ConfigType, slug: &str) -> Vec<(i64, Ailment, Option<String>)> {
    let table = gateway.routes.table().load();
    let resting = table.find(config_type, slug).unwrap().pool.health().resting();
    let mut rests: Vec<_> =
        (resting.into_iter()).map(|told| (told.key.0, told.ailment, told.model.map(String::from))).collect();
    rests.sort_unstable();
    rests
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_key_rests_for_as_long_as_the_upstream_says() {
    let upstream = unless_good(|| with(status(429, "slow down"), "retry-after-ms", "400")).await;
    let gateway = generic(&upstream, &["bad", "good"]).await;

    for _ in 0..6 {
        assert_eq!(gateway.get("/proxy/svc/x").await.text(), "done");
    }
    assert_eq!(seen(&upstream, "bad"), 1);

    tokio::time::sleep(Duration::from_millis(450)).await;
    for _ in 0..2 {
        assert_eq!(gateway.get("/proxy/svc/x").await.text(), "done");
    }
    assert_eq!(seen(&upstream, "bad"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_or_spent_key_is_not_asked_again() {
    for (code, ailment) in [(401, Ailment::Invalid), (402, Ailment::Exhausted)] {
        let upstream = unless_good(move || status(code, "no")).await;
        let gateway = generic(&upstream, &["good", "bad"]).await;

        for _ in 0..10 {
            assert_eq!(gateway.post("/proxy/svc/x", "body").await.text(), "done", "{code}");
        }

        assert_eq!(seen(&upstream, "bad"), 1, "{code}");
        assert_eq!(rests(&gateway, ConfigType::Generic, "svc"), [(101, ailment, None)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_by_403_is_the_keys_fault_if_another_key_is_taken() {
    let upstream = unless_good(|| status(403, "forbidden")).await;
    let gateway = generic(&upstream, &["bad", "good"]).await;

    for _ in 0..4 {
        assert_eq!(gateway.get("/proxy/svc/x").await.text(), "done");
    }
    assert_eq!(seen(&upstream, "bad"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_two_keys_are_refused_for_harms_neither() {
    let upstream = Upstream::reply(|r| match r.uri.path() {
        "/forbidden" => status(403, "nobody may"),
        _ => ok("done"),
    })
    .await;
    let gateway = generic(&upstream, &["k1", "k2", "k3", "k4"]).await;

    for _ in 0..5 {
        let answer = gateway.get("/proxy/svc/forbidden").await;
        assert_eq!((answer.status.as_u16(), answer.text()), (403, "nobody may"));
        assert_eq!(answer.header("x-should-retry"), "", "it is for the client to mend");
    }

    assert_eq!(upstream.received().len(), 10, "two keys each time");
    assert_eq!(rests(&gateway, ConfigType::Generic, "svc"), []);
    assert_eq!(gateway.get("/proxy/svc/x").await.text(), "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_by_403_that_no_second_key_can_confirm_harms_nobody() {
    let upstream = Upstream::reply(|r| match r.uri.path() {
        "/forbidden" => status(403, "not for this key"),
        _ => ok("done"),
    })
    .await;
    let gateway = generic(&upstream, &["only"]).await;

    assert_eq!(gateway.get("/proxy/svc/forbidden").await.text(), "not for this key");
    assert_eq!(gateway.get("/proxy/svc/x").await.text(), "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_mistakes_harm_no_key() {
    let upstream = Upstream::reply(|_| status(400, "bad request")).await;
    let gateway = generic(&upstream, &["k1", "k2"]).await;

    for _ in 0..20 {
        assert_eq!(gateway.post("/proxy/svc/x", "{").await.status, 400);
    }

    assert_eq!(upstream.received().len(), 20);
    assert_eq!(rests(&gateway, ConfigType::Generic, "svc"), []);
    assert!(gateway.routes.take_usage().await.iter().all(|usage| usage.failures == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstreams_trouble_harms_no_key() {
    let upstream = Upstream::reply(|_| status(503, "overloaded")).await;
    let gateway = generic(&upstream, &["k1", "k2"]).await;

    for _ in 0..4 {
        assert_eq!(gateway.get("/proxy/svc/x").await.status, 503);
    }
    assert_eq!(rests(&gateway, ConfigType::Generic, "svc"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_every_key_is_at_its_limit_a_client_is_told_how_long() {
    let upstream = Upstream::reply(|r| {
        let wait = if key(r).ends_with('1') { "90" } else { "40" };
        with(status(429, "upstream says no"), "retry-after", wait)
    })
    .await;
    let gateway = Gateway::new()
        .generic("rest", &upstream.url(), &["k1", "k2"])
        .llm("ai", "anthropic_native", &upstream.url(), &["k1", "k2"])
        .start()
        .await;

    // Who used up the last key gets the upstream's own answer.
    assert_eq!(gateway.get("/proxy/rest/x").await.text(), "upstream says no");
    let asked = upstream.received().len();
    let answer = gateway.get("/proxy/rest/x").await;

    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (429, "application/problem+json"));
    assert!((39..=40).contains(&answer.header("retry-after").parse::<u64>().unwrap()));
    assert!(answer.text().contains("at its limit"), "{}", answer.text());
    assert_eq!(upstream.received().len(), asked, "nobody was asked");
    gateway.post("/llm/ai/v1/messages", "{}").await;
    let answer = gateway.post("/llm/ai/v1/messages", "{}").await;
    assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_upstream_accepts_no_key_the_service_is_unavailable() {
    let upstream = Upstream::reply(|_| status(401, "who are you")).await;
    let gateway = generic(&upstream, &["k1", "k2"]).await;
    assert_eq!(gateway.get("/proxy/svc/x").await.status, 401);

    let answer = gateway.get("/proxy/svc/x").await;

    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("accepts no key"), "{}", answer.text());
    assert!(answer.header("retry-after").parse::<u64>().unwrap() <= 60);
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_whose_limit_nothing_is_left_rests_before_it_meets_it() {
    let upstream = Upstream::reply(|r| {
        let left = if key(r) == "spent" { "0" } else { "7" };
        let answer = with(ok("done"), "x-ratelimit-remaining-requests", left);
        with(answer, "x-ratelimit-reset-requests", "1m0s")
    })
    .await;
    let gateway = generic(&upstream, &["spent", "fresh"]).await;

    for _ in 0..6 {
        assert_eq!(gateway.get("/proxy/svc/x").await.text(), "done");
    }
    assert_eq!(seen(&upstream, "spent"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_one_model_leaves_the_key_for_the_others() {
    let upstream = Upstream::reply(|r| {
        let is_large = String::from_utf8_lossy(&r.body).contains("\"large\"");
        if is_large && key(r) == "bad" { with(status(429, "{}"), "retry-after", "60") } else { ok("done") }
    })
    .await;
    let gateway =
        Gateway::new().llm("ai", "openai_compatible", &upstream.url(), &["bad", "good"]).start().await;

    for model in ["large", "small", "large", "small", "large", "small"] {
        let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
        assert_eq!(gateway.post("/llm/ai/chat/completions", body).await.text(), "done");
    }

    let limited = (100, Ailment::Cooling, Some("large".into()));
    assert_eq!(rests(&gateway, ConfigType::Llm, "ai"), [limited]);
    let bad: Vec<_> = upstream.received().into_iter().filter(|received| key(received) == "bad").collect();
    let of = |model: &str| bad.iter().filter(|r| String::from_utf8_lossy(&r.body).contains(model)).count();
    assert_eq!(of("large"), 1);
    assert!(of("small") >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_error_says_counts_also_when_it_is_compressed_and_goes_through_whole() {
    const SPENT: &str = r#"{"error":{"code":"insufficient_quota"}}"#;
    let packed = || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        std::io::Write::write_all(&mut encoder, SPENT.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    for (compressed, body) in [(false, SPENT.as_bytes().to_vec()), (true, packed())] {
        let expected = body.clone();
        let upstream = Upstream::reply(move |_| {
            let answer = status(429, body.clone());
            if compressed { with(answer, "content-encoding", "gzip") } else { answer }
        })
        .await;
        let gateway = Gateway::new().llm("ai", "openai_compatible", &upstream.url(), &["key"]).start().await;

        let answer = gateway.post("/llm/ai/chat/completions", r#"{"model":"m"}"#).await;

        assert_eq!((answer.status.as_u16(), &answer.body[..]), (429, &expected[..]));
        assert_eq!(rests(&gateway, ConfigType::Llm, "ai"), [(100, Ailment::Exhausted, None)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_key_that_is_reset_and_mended_serves_again() {
    let mended = Arc::new(AtomicUsize::new(0));
    let upstream = {
        let mended = Arc::clone(&mended);
        Upstream::reply(move |_| if mended.load(SeqCst) == 0 { status(401, "no") } else { ok("done") }).await
    };
    let gateway = generic(&upstream, &["only"]).await;
    assert_eq!(gateway.get("/proxy/svc/x").await.status, 401);
    assert_eq!(gateway.get("/proxy/svc/x").await.status, 503);

    mended.store(1, SeqCst);
    gateway.reset_keys();

    assert_eq!(gateway.get("/proxy/svc/x").await.text(), "done");
    assert_eq!(rests(&gateway, ConfigType::Generic, "svc"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_open_is_left_out_and_nothing_is_sent_in_its_place() {
    let upstream = Upstream::reply(|_| ok("done")).await;
    let mut gateway = Gateway::new().generic("some", &upstream.url(), &["sealed", "good"]).generic(
        "none",
        &upstream.url(),
        &["sealed"],
    );
    for source in &mut gateway.sources {
        source.keys[0].secret = None;
    }
    let gateway = gateway.start().await;

    for _ in 0..4 {
        assert_eq!(gateway.get("/proxy/some/x").await.text(), "done");
        assert_eq!(gateway.get("/proxy/none/x").await.status, 503);
    }
    assert_eq!(upstream.seen("x-key"), ["good"; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rest_on_over_a_change_of_their_service() {
    let upstream = unless_good(|| status(401, "no")).await;
    let gateway = generic(&upstream, &["bad", "good"]).await;
    gateway.get("/proxy/svc/x").await;
    gateway.get("/proxy/svc/x").await;

    gateway.routes.replace(gateway.sources.clone()).await;

    for _ in 0..4 {
        assert_eq!(gateway.get("/proxy/svc/x").await.text(), "done");
    }
    assert_eq!(seen(&upstream, "bad"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_inside_a_success_is_understood_by_the_configs_own_rules() {
    let upstream = unless_good(|| ok(r#"{"code": 1, "msg": "quota"}"#)).await;
    let rule = r#"[{"name": "inside", "status": ["200"], "body": ["\"msg\": \"quota\""], "outcome": "quota_exhausted"}]"#;
    let gateway = Gateway::new()
        .generic("svc", &upstream.url(), &["bad", "good"])
        .with(|fields| fields.options.rules = serde_json::from_str(rule).unwrap())
        .start()
        .await;

    for _ in 0..6 {
        assert_eq!(gateway.post("/proxy/svc/x", "body").await.text(), "done");
    }

    assert_eq!(seen(&upstream, "bad"), 1);
    assert_eq!(rests(&gateway, ConfigType::Generic, "svc"), [(100, Ailment::Exhausted, None)]);
}

/// A test request with the first key.
async fn test_first_key(gateway: &Running) -> ProbeReport {
    let source = &gateway.sources[0];
    gateway.proxy.as_ref().unwrap().probe().unwrap().probe(&source.config, &source.keys[0]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_request_tells_the_pool_what_it_learnt() {
    let state = Arc::new(AtomicUsize::new(401));
    let told = Arc::clone(&state);
    let upstream = Upstream::reply(move |_| status(u16::try_from(told.load(SeqCst)).unwrap(), "x")).await;
    let gateway = generic(&upstream, &["k1"]).await;
    let resting = || rests(&gateway, ConfigType::Generic, "svc");

    let report = test_first_key(&gateway).await;
    assert_eq!((report.ok, report.status), (false, Some(401)));
    assert_eq!(resting(), [(100, Ailment::Invalid, None)]);

    state.store(200, SeqCst);
    assert!(test_first_key(&gateway).await.ok);
    assert_eq!(resting(), []);

    // A success says nothing of a limit.
    state.store(429, SeqCst);
    assert!(!test_first_key(&gateway).await.ok);
    state.store(200, SeqCst);
    assert!(test_first_key(&gateway).await.ok);
    assert_eq!(resting(), [(100, Ailment::Cooling, None)]);

    // Nor does a failure of the upstream.
    gateway.reset_keys();
    state.store(500, SeqCst);
    assert_eq!(test_first_key(&gateway).await.message, "the upstream has a problem of its own");
    assert_eq!(resting(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_count_as_requests_of_their_service() {
    let upstream = Upstream::reply(|_| ok("done")).await;
    let gateway = Gateway::new()
        .generic("svc", &upstream.url(), &["k1"])
        .with(|fields| fields.options.max_per_minute = Some(2))
        .start()
        .await;

    assert!(test_first_key(&gateway).await.ok);
    assert_eq!(gateway.get("/proxy/svc/x").await.status, 200);
    let report = test_first_key(&gateway).await;
    assert_eq!((report.ok, report.status), (false, None));
    assert!(report.message.contains("as many requests as it may"));
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_tell_what_resting_keys_and_second_attempts_were_good_for() {
    let upstream = unless_good(|| status(429, "slow down")).await;
    let gateway = generic(&upstream, &["bad", "good"]).await;

    for _ in 0..4 {
        assert_eq!(gateway.get("/proxy/svc/x").await.text(), "done");
    }

    let text = gateway.metrics().render();
    for line in ["akr_key_rests_total 1", "akr_rescued_requests_total 1", "akr_retries_total 1"] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
