//! Where upstreams may be: decided on the address that is connected to, however it was written.

use std::time::Duration;

use proxy_hyper::AddressPolicy;
use tokio::time::Instant;

use crate::support::{Gateway, Running, Upstream, upstream::ok};

async fn gateway(policy: AddressPolicy, url: &str) -> Running {
    Gateway::new()
        .set(|s| {
            s.address_policy = policy;
            s.upstream.connect_timeout = Duration::from_secs(2);
        })
        .generic("svc", url, &["k1"])
        .start()
        .await
}

/// What the client is told of a failed connection.
async fn refusal(gateway: &Running) -> String {
    let answer = gateway.get("/proxy/svc/x").await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    answer.json()["detail"].as_str().unwrap().to_owned()
}

const DENIED: &str = "the upstream's address is not allowed by UPSTREAM_ADDRESS_POLICY";

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_never_an_upstreams_is_denied_in_every_spelling() {
    for host in [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "0.0.0.0",
        "0",
        "[::]",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        let start = Instant::now();
        let gateway = gateway(AddressPolicy::PrivateOk, &format!("http://{host}/latest/meta-data")).await;
        assert_eq!(refusal(&gateway).await, DENIED, "{host}");
        assert!(start.elapsed() < Duration::from_secs(1), "{host} was tried");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_denied_in_every_spelling_when_only_public_ones_are_allowed() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let port = upstream.address.port();
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
    ] {
        let gateway = gateway(AddressPolicy::PublicOnly, &format!("http://{host}:{port}")).await;
        assert_eq!(refusal(&gateway).await, DENIED, "{host}");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_upstream_is_reached_in_every_spelling_when_private_ones_are_allowed() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let port = upstream.address.port();
    for host in ["127.0.0.1", "localhost", "127.1", "2130706433"] {
        let url = format!("http://{host}:{port}");
        let gateway = gateway(AddressPolicy::PrivateOk, &url).await;
        assert_eq!(gateway.get("/proxy/svc/x").await.text(), "hi", "{host}");
        assert_eq!(upstream.seen("host").last().unwrap(), &url["http://".len()..]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_a_trailing_dot_leads_nowhere_else() {
    for host in ["169.254.169.254.", "2852039166."] {
        let gateway = gateway(AddressPolicy::PrivateOk, &format!("http://{host}")).await;
        let told = refusal(&gateway).await;
        assert!(told == DENIED || told == "the upstream's name does not resolve", "{host} {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_listener_is_no_upstream_under_any_policy_or_spelling() {
    for policy in [AddressPolicy::PrivateOk, AddressPolicy::Any] {
        let gateway = gateway(policy, "http://127.0.0.1:1").await;
        for host in ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"] {
            let mut sources = gateway.sources.clone();
            let url = format!("http://{host}:{}/proxy/svc", gateway.address.port());
            let mut fields = rotator_core::model::ConfigFields::from(&sources[0].config.spec);
            fields.target_url = Some(url);
            sources[0].config.spec = (&fields).try_into().unwrap();
            gateway.routes.replace(sources).await;

            assert_eq!(refusal(&gateway).await, "the upstream is this server itself", "{host}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_does_not_resolve_is_told_from_one_that_is_denied() {
    let gateway = gateway(AddressPolicy::PrivateOk, "http://nowhere.invalid").await;

    assert_eq!(refusal(&gateway).await, "the upstream's name does not resolve");
}
