//! Configuration changes under load: no request is lost, no count is, and rotation stays exact.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use rotator_core::{
    model::{KeyId, Weight},
    store::RouteSource,
};
use tokio::{io::AsyncWriteExt, sync::watch, task::JoinSet, time::sleep};

use crate::support::{
    Gateway, Running, Upstream,
    client::burst,
    eventually, source,
    upstream::{RawUpstream, ok, read_head},
};

const CLIENTS: usize = 64;

/// How often each value is there.
fn count<T: std::hash::Hash + Eq>(values: impl IntoIterator<Item = T>) -> HashMap<T, u64> {
    let mut counts = HashMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

/// Adds what was counted since the last call, by key; there must be no failures.
async fn add_usage(gateway: &Running, to: &mut HashMap<KeyId, u64>) {
    for usage in gateway.routes.take_usage().await {
        assert_eq!(usage.failures, 0);
        *to.entry(usage.key_id).or_default() += usage.successes;
    }
}

/// What the service looks like after the `n`th change: key 2 comes and goes, key 3 is switched off and on, and the list
/// gets longer and shorter.
fn changed(original: &RouteSource, n: usize) -> Vec<RouteSource> {
    let mut source = original.clone();
    source.keys[2].is_active = n.is_multiple_of(2);
    source.keys.truncate(source.keys.len() - n % 3);
    if n.is_multiple_of(4) {
        source.keys.remove(1);
    }
    vec![source]
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_come_and_go_under_load_lose_neither_requests_nor_counts() {
    const EACH: usize = 50;
    let upstream = Upstream::reply(|_| ok("{}")).await;
    // Keys are named after their ids.
    let keys = ["100", "101", "102", "103", "104", "105", "106"];
    let gateway = Gateway::new().generic("svc", &upstream.url(), &keys).start().await;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(burst(gateway.address, "/proxy/svc/x", EACH));
    }

    let mut used = HashMap::new();
    for n in 1.. {
        gateway.routes.replace(changed(&gateway.sources[0], n)).await;
        add_usage(&gateway, &mut used).await;
        sleep(Duration::from_millis(2)).await;
        while let Some(client) = clients.try_join_next() {
            client.unwrap();
        }
        if clients.is_empty() {
            break;
        }
    }
    gateway.settle(Duration::from_secs(1)).await;
    add_usage(&gateway, &mut used).await;

    assert_eq!(upstream.received().len(), CLIENTS * EACH);
    let seen = count(upstream.seen("x-key").into_iter().map(|key| KeyId(key.parse().unwrap())));
    assert_eq!(used, seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_is_exact_after_every_change() {
    let upstream = Upstream::reply(|_| ok("{}")).await;
    let keys = ["k0", "k1", "k2", "k3", "k4", "k5"];
    let gateway = Gateway::new().generic("svc", &upstream.url(), &keys).start().await;
    for n in 0..6 {
        let sources = changed(&gateway.sources[0], n);
        let active = sources[0].keys.iter().filter(|key| key.is_active).count();
        gateway.routes.replace(sources).await;
        let before = upstream.received().len();

        let mut clients = JoinSet::new();
        for _ in 0..8 {
            clients.spawn(burst(gateway.address, "/proxy/svc/x", 10));
        }
        clients.join_all().await;

        let counts = count(upstream.seen("x-key").split_off(before));
        assert_eq!(counts.len(), active);
        let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
        assert!(most - least <= 1, "{counts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_switched_off_and_on_answers_every_request() {
    let upstream = Upstream::reply(|_| ok("{}")).await;
    let gateway = Arc::new(Gateway::new().generic("svc", &upstream.url(), &["k1", "k2"]).start().await);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let gateway = Arc::clone(&gateway);
        clients.spawn(async move {
            let mut served = 0;
            for _ in 0..10 {
                match gateway.get("/proxy/svc/x").await.status.as_u16() {
                    200 => served += 1,
                    404 => {}
                    other => panic!("answered with {other}"),
                }
            }
            served
        });
    }

    let mut served = 0;
    let mut sources = gateway.sources.clone();
    while !clients.is_empty() {
        sources[0].config.spec.is_active ^= true;
        gateway.routes.replace(sources.clone()).await;
        sleep(Duration::from_millis(2)).await;
        while let Some(client) = clients.try_join_next() {
            served += client.unwrap();
        }
    }
    gateway.settle(Duration::from_secs(1)).await;

    let mut used = HashMap::new();
    add_usage(&gateway, &mut used).await;
    assert!(served > 0);
    assert_eq!((upstream.received().len(), used.values().sum::<u64>()), (served, served as u64));
}

/// Holds every request until it is told to answer, and notes the keys.
async fn holding(keys: Arc<Mutex<Vec<String>>>, answer: watch::Receiver<bool>) -> RawUpstream {
    RawUpstream::serve(move |mut socket| {
        let (keys, mut answer) = (Arc::clone(&keys), answer.clone());
        async move {
            let head = String::from_utf8(read_head(&mut socket).await).unwrap();
            let key = head.lines().find_map(|line| line.strip_prefix("x-key: ")).unwrap();
            keys.lock().unwrap().push(key.to_owned());
            answer.wait_for(|answer| *answer).await.unwrap();
            socket
                .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                .await
                .unwrap();
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_leaves_while_it_serves_finishes_and_is_counted_once() {
    let keys = Arc::default();
    let (answer, told) = watch::channel(false);
    let upstream = holding(Arc::clone(&keys), told).await;
    let gateway = Arc::new(Gateway::new().generic("svc", &upstream.url(), &["k1"]).start().await);
    let request = tokio::spawn({
        let gateway = Arc::clone(&gateway);
        async move { gateway.get("/proxy/svc/x").await.status }
    });
    eventually(|| keys.lock().unwrap().len() == 1).await;

    // Twice, so that the key that serves is not the one of the table before.
    let mut renamed = gateway.sources.clone();
    renamed[0].config.spec.name = "renamed".into();
    gateway.routes.replace(renamed).await;
    gateway.routes.replace(Vec::new()).await;
    assert_eq!(gateway.routes.take_usage().await, []);
    answer.send(true).unwrap();

    assert_eq!(request.await.unwrap(), 200);
    let usage = gateway.routes.take_usage().await;
    assert_eq!(
        usage.iter().map(|u| (u.key_id, u.successes, u.failures)).collect::<Vec<_>>(),
        [(KeyId(100), 1, 0)]
    );
    assert_eq!(gateway.routes.take_usage().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn least_connections_spreads_requests_that_take_their_time() {
    let keys: Arc<Mutex<Vec<String>>> = Arc::default();
    let (answer, told) = watch::channel(false);
    let upstream = holding(Arc::clone(&keys), told).await;
    let gateway = Gateway::new()
        .generic("svc", &upstream.url(), &["k1", "k2", "k3"])
        .with(|fields| fields.strategy = Some("least_connections".into()))
        .start()
        .await;
    let gateway = Arc::new(gateway);

    let mut requests = JoinSet::new();
    for n in 1..=9_u64 {
        let gateway = Arc::clone(&gateway);
        requests.spawn(async move { gateway.get("/proxy/svc/x").await.status });
        eventually(|| keys.lock().unwrap().len() as u64 == n).await;
        let counts = count(keys.lock().unwrap().clone());
        assert!(counts.values().all(|held| *held <= n.div_ceil(3)), "{counts:?}");
    }
    answer.send(true).unwrap();

    assert!(requests.join_all().await.iter().all(|status| *status == 200));
    gateway.settle(Duration::from_secs(1)).await;
}

async fn with_strategy(strategy: &str, upstream: &Upstream, weights: &[i64]) -> HashMap<String, u64> {
    let mut gateway = Gateway::new();
    let mut service = source(1, "svc", &["k1", "k2", "k3"], |fields| {
        fields.config_type = "GENERIC".into();
        fields.target_url = Some(upstream.url());
        fields.api_key_location = Some("header".into());
        fields.api_key_name = Some("x-key".into());
        fields.strategy = Some(strategy.into());
    });
    for (key, weight) in service.keys.iter_mut().zip(weights) {
        key.weight = Weight::new(*weight).unwrap();
    }
    gateway.sources.push(service);
    let gateway = gateway.start().await;
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        clients.spawn(burst(gateway.address, "/proxy/svc/x", 40));
    }
    clients.join_all().await;
    count(upstream.seen("x-key"))
}

#[tokio::test(flavor = "multi_thread")]
async fn weighted_gives_each_key_its_exact_share() {
    let upstream = Upstream::reply(|_| ok("{}")).await;

    let counts = with_strategy("weighted", &upstream, &[1, 2, 5]).await;

    assert_eq!((counts["k1"], counts["k2"], counts["k3"]), (40, 80, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn random_uses_every_key_about_as_often() {
    let upstream = Upstream::reply(|_| ok("{}")).await;

    let counts = with_strategy("random", &upstream, &[]).await;

    // 107 are expected of each; fewer than 60 come once in a hundred million times.
    assert!(counts.len() == 3 && counts.values().all(|n| *n >= 60), "{counts:?}");
}
