//! Forward proxies between us and upstreams: `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`.

use std::{sync::Arc, time::Duration};

use http::Request;
use hyper_util::client::proxy::matcher::{Builder, Matcher};

use crate::support::{
    Gateway, PROXY_KEY, Upstream,
    forward_proxy::ForwardProxy,
    tls::Authority,
    upstream::{RawUpstream, ok, status, until_closed},
};

/// `user:p@ss`, as it stands in a URL and in a header.
const USER: &str = "user:p%40ss";
const BASIC: &str = "Basic dXNlcjpwQHNz";
const LOOPBACK: &str = "127.0.0.1";
/// A port that nobody listens on.
const NOBODY: &str = "http://127.0.0.1:1";

/// A gateway that uses these forward proxies.
fn through(proxies: impl FnOnce(Builder) -> Builder) -> Gateway {
    let proxies = Arc::new(proxies(Matcher::builder()).build());
    Gateway::new().set(|s| (s.workers, s.outbound_proxies) = (1.try_into().unwrap(), proxies))
}

/// The URL of an upstream with our user information in it.
fn with_user(upstream: &Upstream) -> String {
    format!("http://{USER}@{}", upstream.address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_request_goes_to_the_forward_proxy_whole_and_is_not_resolved_here() {
    let proxy = Upstream::reply(|_| ok("from the proxy")).await;
    let gateway = through(|b| b.http(with_user(&proxy)));
    let gateway = gateway.generic("svc", "http://api.invalid:8080/base", &["up-key"]).start().await;

    for _ in 0..2 {
        let request = Request::get("/proxy/svc/x?a=1").header("proxy-authorization", "Basic bWluZTptaW5l");
        assert_eq!(gateway.send(request, "").await.text(), "from the proxy");
    }

    let received = proxy.received();
    assert!(received.iter().all(|r| r.uri == "http://api.invalid:8080/base/x?a=1"), "{received:?}");
    assert_eq!(proxy.seen("host"), ["api.invalid:8080", "api.invalid:8080"]);
    assert_eq!(proxy.seen("proxy-authorization"), [BASIC, BASIC]);
    assert_eq!(proxy.seen("x-key"), ["up-key", "up-key"]);
    assert_eq!((received.len(), proxy.connections()), (2, 1));
    assert!(!format!("{received:?}").contains(PROXY_KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tls_request_goes_through_a_tunnel_that_shows_no_key() {
    let authority = Authority::new();
    let proxy = ForwardProxy::start().await;
    for protocols in [&["h2"], &["http/1.1"]] {
        let upstream = Upstream::secure(authority.server(LOOPBACK, protocols), |_| ok("far")).await;
        let gateway = through(|b| b.https(proxy.url(USER))).set(|s| s.roots = authority.roots());
        let gateway = gateway.generic("svc", &upstream.url(), &["up-secret-key"]).start().await;

        assert_eq!(gateway.get("/proxy/svc/some-path").await.text(), "far");

        let head = proxy.seen().heads.pop().unwrap();
        let (target, lines) = head.split_once("\r\n").unwrap();
        assert_eq!(target, format!("CONNECT {} HTTP/1.1", upstream.address));
        assert!(lines.to_lowercase().contains(&format!("host: {}\r\n", upstream.address)), "{lines}");
        assert!(lines.contains(&format!("proxy-authorization: {BASIC}\r\n")), "{lines}");
        assert_eq!(upstream.seen("x-key"), ["up-secret-key"]);
        let inside = format!("{:?}", upstream.received());
        assert!(!inside.contains("proxy-authorization") && !inside.contains(BASIC), "{inside}");
    }
    let seen = proxy.seen();
    let outside = seen.heads.concat() + &String::from_utf8_lossy(&seen.bytes);
    assert!(seen.bytes.len() > 200 && seen.heads.len() == 2);
    for secret in ["up-secret-key", "x-key", PROXY_KEY, "some-path"] {
        assert!(!outside.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_does_not_prove_who_it_is_gets_nothing_through_a_tunnel_either() {
    let authority = Authority::new();
    let proxy = ForwardProxy::start().await;
    let upstream = Upstream::secure(authority.server("other.example", &[]), |_| ok("stolen")).await;
    let gateway = through(|b| b.https(proxy.url(USER))).set(|s| s.roots = authority.roots());
    let gateway = gateway.generic("svc", &upstream.url(), &["k"]).start().await;

    assert_eq!(gateway.get("/proxy/svc/x").await.status, 502);
    assert_eq!(proxy.seen().heads.len(), 1);
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_scheme_has_its_own_proxy_and_no_proxy_names_who_has_none() {
    let authority = Authority::new();
    let proxy = Upstream::reply(|_| ok("proxied")).await;
    let plain = Upstream::reply(|_| ok("direct")).await;
    let secure = Upstream::secure(authority.server(LOOPBACK, &[]), |_| ok("direct")).await;
    let tunnels = ForwardProxy::start().await;
    let (http, https) = (proxy.url(), tunnels.url(USER));

    for (http, https, no, over_http, tunnelled) in [
        (&*http, &*https, "", "proxied", true),
        (&http, "", "", "proxied", false),
        ("", &https, "", "direct", true),
        (&http, &https, "10.0.0.0/8, other.example", "proxied", true),
        (&http, &https, "other.example, 127.0.0.1", "direct", false),
        (&http, &https, "127.0.0.0/8", "direct", false),
    ] {
        let gateway = through(|b| b.http(http).https(https).no(no)).set(|s| s.roots = authority.roots());
        let gateway = gateway.generic("plain", &plain.url(), &["k"]).generic("secure", &secure.url(), &["k"]);
        let gateway = gateway.start().await;
        let before = tunnels.seen().heads.len();

        assert_eq!(gateway.get("/proxy/plain/x").await.text(), over_http, "{http} {https} {no}");
        assert_eq!(gateway.get("/proxy/secure/x").await.text(), "direct");
        assert_eq!(tunnels.seen().heads.len() - before, usize::from(tunnelled), "{http} {https} {no}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_tunnel_is_a_502_that_shows_no_credentials_and_no_way_round() {
    let authority = Authority::new();
    let upstream = Upstream::secure(authority.server(LOOPBACK, &[]), |_| ok("far")).await;
    for refusal in [
        &b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 6\r\n\r\nsecret"[..],
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\nsecret",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nsecret",
        b"nonsense\r\n\r\n",
        b"",
    ] {
        let proxy = RawUpstream::answer(refusal).await;
        let url = format!("http://{USER}@{}", proxy.address);
        let gateway = through(|b| b.https(url)).set(|s| s.roots = authority.roots());
        let gateway = gateway.generic("svc", &upstream.url(), &["up-key"]).start().await;

        let answer = gateway.get("/proxy/svc/x").await;

        assert_eq!(answer.status, 502, "{refusal:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        for secret in ["p@ss", "p%40ss", BASIC, "up-key", "secret", LOOPBACK] {
            assert!(!answer.text().contains(secret), "{}", answer.text());
        }
        if refusal.starts_with(b"HTTP") {
            assert!(answer.text().contains("forward proxy"), "{}", answer.text());
        }
        assert!(proxy.connections() >= 1);
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_proxy_that_is_down_is_not_gone_round() {
    let authority = Authority::new();
    let plain = Upstream::reply(|_| ok("direct")).await;
    let secure = Upstream::secure(authority.server(LOOPBACK, &[]), |_| ok("direct")).await;
    let gateway = through(|b| b.all(NOBODY)).set(|s| s.roots = authority.roots());
    let gateway =
        gateway.generic("plain", &plain.url(), &["k"]).llm("ai", "gemini_native", &secure.url(), &["k"]);
    let gateway = gateway.start().await;

    for path in ["/proxy/plain/x", "/llm/ai/v1beta/models"] {
        let answer = gateway.get(path).await;
        assert_eq!(answer.status, 502, "{path}");
        assert!(answer.text().contains("the forward proxy cannot be reached"), "{}", answer.text());
        assert!(!answer.text().contains(LOOPBACK), "{}", answer.text());
    }
    assert_eq!((plain.connections(), secure.connections()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_proxy_that_says_nothing_is_timed_out() {
    let proxy = RawUpstream::serve(|mut socket| async move { until_closed(&mut socket).await }).await;
    let gateway = through(|b| b.https(proxy.url()));
    let gateway = gateway.set(|s| s.upstream.connect_timeout = Duration::from_millis(200));
    let gateway = gateway.generic("svc", "https://api.invalid", &["k"]).start().await;

    assert_eq!(gateway.get("/proxy/svc/x").await.status, 504);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_forward_proxy_says_of_itself_is_not_the_upstreams_answer() {
    let proxy = Upstream::reply(|_| status(407, "who are you, up-key?")).await;
    let gateway = through(|b| b.http(proxy.url()));
    let gateway = gateway.generic("svc", "http://api.invalid", &["up-key"]).start().await;

    let answer = gateway.get("/proxy/svc/x").await;

    assert_eq!(answer.status.as_u16(), 502);
    assert!(answer.text().contains("the forward proxy does not connect us"), "{}", answer.text());
    assert!(!answer.text().contains("who are you"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_denied_is_denied_through_a_forward_proxy_too() {
    let proxy = Upstream::reply(|_| ok("metadata")).await;
    let gateway = through(|b| b.http(proxy.url())).generic("svc", "http://169.254.169.254", &["k"]);

    let answer = gateway.start().await.get("/proxy/svc/latest").await;

    assert_eq!((answer.status.as_u16(), proxy.connections()), (502, 0));
}
