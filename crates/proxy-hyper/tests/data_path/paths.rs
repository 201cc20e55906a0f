//! Paths that lead elsewhere than they seem to.

use crate::support::{Gateway, PROXY_KEY, Running, Upstream, upstream::ok};

/// A REST service and an LLM service with the same name, both with a base path.
async fn gateway() -> (Upstream, Running) {
    let upstream = Upstream::reply(|_| ok("hello")).await;
    let base = format!("{}/base", upstream.url());
    let gateway =
        Gateway::new().generic("svc", &base, &["up-key"]).llm("svc", "openai_compatible", &base, &["up-key"]);
    (upstream, gateway.start().await)
}

/// Asks for exactly this path, with or without the proxy key; gives the status and the rest.
async fn ask(gateway: &Running, path: &str, key: &str) -> (u16, String) {
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Proxy-Key: {key}\r\nConnection: close\r\n\r\n");
    let answer = gateway.raw().await.exchange(head).await;
    (answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default(), answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leaves_its_base_or_reaches_the_admin_api_or_goes_without_a_key() {
    let (upstream, gateway) = gateway().await;

    for prefix in ["/proxy/svc", "/llm/svc"] {
        for rest in [
            "/..",
            "/.",
            "/../",
            "/../../api/admin/session",
            "/a/../../../api/admin/session",
            "/..%2f..%2fapi%2fadmin",
            "/..%2F..%2Fapi",
            "/%2e%2e/",
            "/%2E%2e",
            "/.%2e/",
            "/%2e./x",
            "/..\\..\\api",
            "/..%5c..%5Capi",
            "/\\evil.example/",
            "/%5cevil.example",
            "//evil.example/",
            "///evil.example/",
            "/..;/api",
            "/;/../api",
            "/a;x=/../b",
            "/..%3b/api",
            "/a%00.json",
            "/%00",
            "/a%2fb",
        ] {
            let path = format!("{prefix}{rest}");
            let (status, answer) = ask(&gateway, &path, PROXY_KEY).await;
            assert_eq!(status, 400, "{path}: {answer}");
            assert!(!answer.contains("control "), "{path}: {answer}");
            // Without the key, nobody learns even that the path is bad.
            assert_eq!(ask(&gateway, &path, "wrong").await.0, 401, "{path}");
        }
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_looks_like_a_way_out_arrives_as_it_is_below_the_base() {
    let (upstream, gateway) = gateway().await;

    for (number, rest) in [
        "/%252e%252e/x",
        "/%252f",
        "/%61dmin",
        "/...",
        "/..a/a..",
        "/a//b",
        "/@evil.example",
        "/:80",
        "/http://evil.example",
        "/a?x=/../..&y=//evil&z=%2e%2e%2f",
        "/a?b#c",
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(ask(&gateway, &format!("/proxy/svc{rest}"), PROXY_KEY).await.0, 200, "{rest}");
        let arrived = upstream.received()[number].uri.to_string();
        assert_eq!(arrived, format!("/base{}", rest.split('#').next().unwrap()));
    }
    assert!(upstream.received().iter().all(|r| r.headers["host"] == upstream.address.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slash_may_be_encoded_where_the_service_says_so_and_dots_still_lead_nowhere() {
    let upstream = Upstream::reply(|_| ok("hello")).await;
    let gateway = Gateway::new()
        .generic("svc", &format!("{}/base", upstream.url()), &["k1"])
        .with(|fields| fields.options.allow_encoded_slashes = true)
        .start()
        .await;

    assert_eq!(ask(&gateway, "/proxy/svc/a%2Fb%2fc", PROXY_KEY).await.0, 200);
    assert_eq!(upstream.received()[0].uri, "/base/a%2Fb%2fc");
    for rest in
        ["/..%2f..%2fadmin", "/a%2F..%2Fb", "/%2e%2e%2fx", "/a%2f%2E%2e", "/a%2f..%3bx", "/%5c", "/%00"]
    {
        assert_eq!(ask(&gateway, &format!("/proxy/svc{rest}"), PROXY_KEY).await.0, 400, "{rest}");
    }
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_found_by_its_exact_name_and_kind_alone() {
    let upstream = Upstream::reply(|_| ok("hello")).await;
    let long = "s".repeat(100);
    let gateway = Gateway::new()
        .generic("svc", &upstream.url(), &["k1"])
        .llm("ai", "openai_compatible", &upstream.url(), &["k1"])
        .generic(&long, &upstream.url(), &["k1"])
        .start()
        .await;

    for path in ["/proxy/svc/x", "/proxy/svc", "/proxy/svc?q", "/llm/ai/x", &format!("/proxy/{long}/x")] {
        assert_eq!(ask(&gateway, path, PROXY_KEY).await.0, 200, "{path}");
    }
    let served = upstream.received().len();
    for path in [
        "/proxy/SVC/x",
        "/proxy/Svc/x",
        "/proxy/%73vc/x",
        "/proxy/svc%20/x",
        "/proxy/svc./x",
        "/proxy/sv/x",
        "/proxy/svcc/x",
        "/proxy/svc;a/x",
        "/proxy/svc%2fx",
        "/proxy//svc/x",
        "/proxy/",
        "/proxy//",
        "/proxy/ai/x",
        "/llm/svc/x",
        "/proxy/admin/x",
        "/proxy/%C3%BC/x",
        &format!("/proxy/{long}s/x"),
        &format!("/proxy/{}/x", "s".repeat(300)),
    ] {
        let (status, answer) = ask(&gateway, path, PROXY_KEY).await;
        assert_eq!(status, 404, "{path}: {answer}");
    }
    assert_eq!(upstream.received().len(), served);
}
