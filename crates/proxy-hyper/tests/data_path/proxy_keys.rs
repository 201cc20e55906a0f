//! What proxy keys that admins made let their holders do.

use std::{collections::BTreeSet, num::NonZeroU32, sync::Arc};

use http::Request;
use jiff::Timestamp;
use rotator_core::{
    access::sha256_of,
    model::{Caps, ConfigId, ProxyKey, ProxyKeyId, ProxyKeySpec},
    secret::Secret,
    snapshot::Reading,
};
use tokio::sync::Semaphore;

use crate::support::{
    Gateway, PROXY_KEY, Running, Upstream,
    client::Answer,
    eventually,
    upstream::{held, ok},
};

const KEY: &str = "pk-of-a-team-0123456789";
const USAGE: &str =
    r#"{"choices":[],"usage":{"prompt_tokens":60,"completion_tokens":40,"total_tokens":100}}"#;

fn team(change: impl FnOnce(&mut ProxyKeySpec)) -> ProxyKey {
    let caps = Caps::default();
    let mut spec =
        ProxyKeySpec { name: "team".into(), is_active: true, services: None, expires_at: None, caps };
    change(&mut spec);
    let digest = sha256_of(&Secret::parse(KEY).unwrap());
    let created_at = Timestamp::UNIX_EPOCH;
    ProxyKey { id: ProxyKeyId(1001), spec, digest, masked: "***".into(), last_used_at: None, created_at }
}

/// The services `one` and `two`, and a key of a team.
async fn gateway(url: &str, key: ProxyKey) -> Running {
    let gateway = Gateway::new()
        .llm("one", "openai_compatible", url, &["up-1"])
        .llm("two", "openai_compatible", url, &["up-2"])
        .start()
        .await;
    let_in(&gateway, vec![key]).await;
    gateway
}

/// Lets in whoever shows one of these keys, beside the operator's.
async fn let_in(gateway: &Running, proxy_keys: Vec<ProxyKey>) {
    let sources = gateway.sources.clone();
    gateway.routes.restore(Reading { revision: 1, sources, proxy_keys, prices: None }).await;
}

async fn call(gateway: &Running, key: &str, service: &str) -> Answer {
    let path = format!("/llm/{service}/v1/chat/completions");
    let request = Request::post(path).header("authorization", format!("Bearer {key}"));
    gateway.send(request, r#"{"model":"gpt-5","messages":[]}"#).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_lets_in_beside_the_operators_and_is_told_in_the_record() {
    let upstream = Upstream::reply(|_| ok("{}")).await;
    let gateway = gateway(&upstream.url(), team(|_| {})).await;

    for key in [KEY, PROXY_KEY] {
        assert_eq!(call(&gateway, key, "one").await.status, 200);
    }

    let mut numbers: Vec<_> = gateway.records(2).await.iter().map(|record| record.proxy_key).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [Some(1), Some(1001)]);

    let uses = gateway.routes.table().load().proxy_keys().take_uses();
    assert_eq!(uses.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [ProxyKeyId(1001)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_lets_nobody_in_even_on_a_connection_that_it_opened() {
    let upstream = Upstream::reply(|_| ok("{}")).await;
    let gateway = gateway(&upstream.url(), team(|_| {})).await;
    let request =
        format!("GET /llm/one/v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n\r\n");
    let mut client = gateway.raw().await;
    client.write(&request).await;
    client.read_until("HTTP/1.1 200").await;

    let_in(&gateway, Vec::new()).await;

    client.write(&request).await;
    client.read_until("HTTP/1.1 401").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_opens_its_services_and_tells_nothing_of_others() {
    let upstream = Upstream::reply(|_| ok("{}")).await;
    let only_one = team(|spec| spec.services = Some(BTreeSet::from([ConfigId(1)])));
    let gateway = gateway(&upstream.url(), only_one).await;

    assert_eq!(call(&gateway, KEY, "one").await.status, 200);
    let (there, not_there) = (call(&gateway, KEY, "two").await, call(&gateway, KEY, "three").await);

    assert!(there.status == 403 && not_there.status == 403);
    assert!(there.text().contains("permission_denied"), "{}", there.text());
    assert_eq!(call(&gateway, PROXY_KEY, "two").await.status, 200);
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_expires() {
    let upstream = Upstream::reply(|_| ok("{}")).await;
    let (past, future) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
    for (end, status) in [(past, 401), (future, 200)] {
        let gateway = gateway(&upstream.url(), team(|spec| spec.expires_at = Some(end))).await;
        assert_eq!(call(&gateway, KEY, "one").await.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_requests_in_a_minute_are_counted_over_all_services() {
    let upstream = Upstream::reply(|_| ok("{}")).await;
    let gateway = gateway(&upstream.url(), team(|spec| spec.caps.per_minute = NonZeroU32::new(2))).await;

    for (service, status) in [("one", 200), ("two", 200), ("one", 429)] {
        let answer = call(&gateway, KEY, service).await;
        assert_eq!(answer.status, status);
        assert_eq!(!answer.header("retry-after").is_empty(), status == 429);
    }
    assert_eq!(call(&gateway, PROXY_KEY, "one").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_refuses_is_not_counted_in_its_minute() {
    let upstream = Upstream::reply(|_| ok("{}")).await;
    let gateway = Gateway::new()
        .llm("one", "openai_compatible", &upstream.url(), &["up-1"])
        .with(|fields| fields.options.max_per_minute = Some(1))
        .llm("two", "openai_compatible", &upstream.url(), &["up-2"])
        .start()
        .await;
    let_in(&gateway, vec![team(|key| key.caps.per_minute = NonZeroU32::new(2))]).await;

    let mut answers = Vec::new();
    for service in ["one", "one", "one", "two", "two"] {
        answers.push(call(&gateway, KEY, service).await);
    }

    let told: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(told, [200, 429, 429, 200, 429]);
    assert!(answers[1].text().contains("this service") && answers[4].text().contains("this proxy key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn its_requests_at_a_time_are_counted_until_they_end() {
    let release = Arc::new(Semaphore::new(0));
    let upstream = held(Arc::clone(&release)).await;
    let gateway = gateway(&upstream.url(), team(|spec| spec.caps.concurrent = NonZeroU32::new(1))).await;

    let rest = async {
        eventually(|| gateway.metrics().active_requests() == 1).await;
        assert_eq!(call(&gateway, KEY, "one").await.status, 429);
        release.add_permits(9);
    };
    let (first, ()) = tokio::join!(call(&gateway, KEY, "one"), rest);

    assert_eq!(first.status, 200);
    gateway.records(2).await;
    assert_eq!(call(&gateway, KEY, "one").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_that_its_requests_used_are_counted() {
    let upstream = Upstream::reply(|_| {
        let mut answer = ok(USAGE);
        answer.headers_mut().insert("content-type", "application/json".parse().unwrap());
        answer
    })
    .await;
    let gateway =
        gateway(&upstream.url(), team(|spec| spec.caps.tokens_per_minute = NonZeroU32::new(100))).await;

    assert_eq!(call(&gateway, KEY, "one").await.status, 200);
    gateway.records(1).await;

    assert_eq!(call(&gateway, KEY, "two").await.status, 429);
}
