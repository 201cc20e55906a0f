//! Where a request goes is the config's say alone, and where it came from is nobody's business.

use http::Request;

use crate::support::{
    Gateway, PROXY_KEY, Running, Upstream,
    upstream::{ok, status},
};

const KEY: &str = "up-secret-0123456789";
/// Services before an upstream, by where its key goes.
const SERVICES: [&str; 5] = [
    "/proxy/header/v1/x",
    "/proxy/query/v1/x",
    "/llm/openai/v1/x",
    "/llm/anthropic/v1/x",
    "/llm/gemini/v1/x",
];

async fn gateway(upstream: &Upstream) -> Running {
    let url = format!("{}/base", upstream.url());
    Gateway::new()
        .generic("header", &url, &[KEY])
        .generic("query", &url, &[KEY])
        .with(|fields| fields.api_key_location = Some("query".into()))
        .llm("openai", "openai_compatible", &url, &[KEY])
        .llm("anthropic", "anthropic_native", &url, &[KEY])
        .llm("gemini", "gemini_native", &url, &[KEY])
        .start()
        .await
}

/// A server that nobody should come to.
async fn sink() -> Upstream {
    Upstream::reply(|_| ok("leaked")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_where_a_request_came_from_goes_no_further() {
    let upstream = Upstream::reply(|_| ok("hello")).await;
    let gateway = gateway(&upstream).await;
    let told = [
        "forwarded",
        "via",
        "x-forwarded-for",
        "X-Forwarded-Host",
        "x-forwarded-proto",
        "x-forwarded-port",
        "X-Forwarded-Anything",
        "x-real-ip",
    ];
    let own = ["cookie", "referer", "origin", "traceparent", "tracestate", "user-agent"];

    for target in SERVICES {
        let mut request = Request::get(target);
        for name in told.into_iter().chain(own) {
            request = request.header(name, "10.9.8.7").header(name, "10.9.8.6");
        }
        assert_eq!(gateway.send(request, "").await.status, 200);

        let headers = &upstream.received().pop().unwrap().headers;
        let ours = ["host", "x-key", "authorization", "x-api-key", "x-goog-api-key", "anthropic-version"];
        for name in headers.keys().map(http::HeaderName::as_str) {
            assert!(own.contains(&name) || ours.contains(&name), "{target} {name}");
        }
        for name in own {
            let values: Vec<_> = headers.get_all(name).iter().collect();
            assert_eq!(values, ["10.9.8.7", "10.9.8.6"], "{target} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_our_own_tell_neither_our_name_nor_our_version() {
    let gateway = Gateway::new().start().await;

    for path in ["/proxy/none/x", "/llm/none/x"] {
        let answer = gateway.get(path).await;
        assert_eq!(answer.status, 404);
        assert!(["server", "via", "x-powered-by"].iter().all(|name| !answer.headers.contains_key(*name)));
        assert!(!format!("{answer:?}").contains(env!("CARGO_PKG_VERSION")), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_is_followed_and_none_shows_the_key() {
    let sink = sink().await;
    let elsewhere = [sink.url(), sink.url().replace("http", "https"), format!("//{}", sink.address)];
    for place in elsewhere {
        let location = place.clone();
        let upstream = Upstream::reply(move |received| {
            let code = received.headers["x-answer"].to_str().unwrap().parse().unwrap();
            let mut answer = status(code, "moved");
            let location = format!("{location}{}?all={:?}", received.uri, received.headers);
            answer.headers_mut().insert("location", location.parse().unwrap());
            answer
        })
        .await;
        let gateway = gateway(&upstream).await;
        for target in SERVICES {
            for (method, code) in [("GET", 301), ("POST", 302), ("POST", 303), ("GET", 307), ("PUT", 308)] {
                let request = Request::builder().method(method).uri(target).header("x-answer", code);
                let answer = gateway.send(request, "body").await;

                assert_eq!((answer.status.as_u16(), answer.text()), (code, "moved"), "{target}");
                let location = answer.header("location");
                assert!(location.starts_with(&place) && !location.contains(KEY), "{target} {location}");
            }
        }
    }
    assert_eq!(sink.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_client_says_moves_the_destination() {
    let (sink, upstream) = (sink().await, Upstream::reply(|_| ok("hello")).await);
    let gateway = gateway(&upstream).await;
    let (evil, host) = (sink.url(), sink.address);
    let body = format!(
        r#"{{"api_base":"{evil}","base_url":"{evil}","baseURL":"{evil}","model":"/../../x?y=1#z@{host}"}}"#
    );
    let says_host = ["X-Forwarded-Host", "X-Host", "X-Portkey-Custom-Host", "X-Original-Host", "Proxy-Host"];
    let says_url = ["X-Original-URL", "X-Rewrite-URL", "X-Base-Url", "api-base", "Destination"];
    let lines = says_host.map(|name| format!("{name}: {host}\r\n")).concat()
        + &says_url.map(|name| format!("{name}: {evil}\r\n")).concat();

    for target in SERVICES {
        let query = format!("?api_base={evil}&base_url={evil}&url={evil}&host={host}");
        let head = format!(
            "POST {evil}{target}{query} HTTP/1.1\r\nHost: {host}\r\nX-Proxy-Key: {PROXY_KEY}\r\n\
             Connection: close\r\nContent-Length: {}\r\n{lines}\r\n{body}",
            body.len()
        );
        let answer = gateway.raw().await.exchange(head).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{target} {answer}");

        let received = upstream.received().pop().unwrap();
        assert_eq!(received.headers["host"], upstream.address.to_string(), "{target}");
        assert_eq!((received.uri.path(), received.body), ("/base/v1/x", body.clone().into()), "{target}");
    }
    assert_eq!((upstream.received().len(), sink.connections()), (SERVICES.len(), 0));
}
