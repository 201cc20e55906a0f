//! Keys take turns.

use std::collections::HashMap;

use crate::support::{
    Gateway, Upstream,
    upstream::{ok, status},
};

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_use_seven_keys_evenly() {
    let upstream = Upstream::reply(|_| ok("{}")).await;
    let keys = ["k1", "k2", "k3", "k4", "k5", "k6", "k7"];
    let gateway = std::sync::Arc::new(Gateway::new().generic("svc", &upstream.url(), &keys).start().await);

    let clients = (0..64).map(|client| {
        let gateway = std::sync::Arc::clone(&gateway);
        tokio::spawn(async move {
            crate::support::client::burst(
                gateway.address,
                "/proxy/svc/x",
                10_000 / 64 + usize::from(client < 10_000 % 64),
            )
            .await;
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }

    let mut counts: HashMap<String, u32> = HashMap::new();
    for key in upstream.seen("x-key") {
        *counts.entry(key).or_default() += 1;
    }
    assert_eq!(counts.values().sum::<u32>(), 10_000);
    assert!(counts.values().all(|n| (1428..=1429).contains(n)), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_replaced_within_the_request() {
    let upstream =
        Upstream::reply(|r| if r.headers["x-key"] == "good" { ok("done") } else { status(429, "slow down") })
            .await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["bad-1", "good", "bad-2"]).start().await;

    for _ in 0..6 {
        let answer = gateway.post("/proxy/svc/x", "body").await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "done"));
    }
    assert!(upstream.received().iter().all(|r| r.body == "body"));
}
