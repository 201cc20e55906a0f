//! What we answer ourselves, in the words of whoever asked.

use http::{Method, Request};
use serde_json::Value;

use crate::support::{
    Gateway, PROXY_KEY, Running, Upstream,
    client::Answer,
    upstream::{RawUpstream, ok, read_head, until_closed},
};

/// Nothing listens there.
const REFUSED: &str = "http://127.0.0.1:1";

/// Who asks, by a path behind the slug; `None` is a client of `/proxy`.
const CLIENTS: [(&str, Option<&str>); 4] = [
    ("/v1/chat/completions", Some("openai")),
    ("/v1/messages", Some("anthropic")),
    ("/v1beta/models/m:generateContent", Some("gemini")),
    ("/anything", None),
];

/// One service per way to fail, as LLM and as REST service.
async fn gateway() -> (Running, Upstream, RawUpstream) {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let silent = RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        until_closed(&mut socket).await;
    })
    .await;
    let mut gateway = Gateway::new().set(|s| {
        s.client.max_body_bytes = 10;
        s.upstream.generic_response_timeout = std::time::Duration::from_millis(50);
        s.upstream.llm_response_timeout = std::time::Duration::from_millis(50);
    });
    for (slug, url, keys) in [
        ("up", upstream.url(), &["k1"][..]),
        ("down", REFUSED.into(), &["k1"]),
        ("silent", silent.url(), &["k1"]),
        ("empty", upstream.url(), &[]),
    ] {
        gateway = gateway.generic(&format!("{slug}-rest"), &url, keys).llm(
            &format!("{slug}-llm"),
            "openai_compatible",
            &url,
            keys,
        );
    }
    (gateway.start().await, upstream, silent)
}

fn path(slug: &str, rest: &str, dialect: Option<&str>) -> String {
    match dialect {
        Some(_) => format!("/llm/{slug}-llm{rest}"),
        None => format!("/proxy/{slug}-rest{rest}"),
    }
}

/// Checks that an answer is an error of ours with this status, told as its reader wants it.
fn assert_told(answer: &Answer, status: u16, dialect: Option<&str>) {
    let json = answer.json();
    let id = answer.header("x-request-id");
    assert_eq!(answer.status, status, "{json}");
    assert_eq!(id.len(), 32, "{json}");
    let media_type = if dialect.is_some() { "application/json" } else { "application/problem+json" };
    assert_eq!(answer.header("content-type"), media_type);
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let told = match dialect {
        Some("openai") => ["message", "type", "code"].iter().all(|field| text(&json["error"][field])),
        Some("anthropic") => {
            json["type"] == "error"
                && json["request_id"] == id
                && text(&json["error"]["type"])
                && text(&json["error"]["message"])
        }
        Some(_) => {
            json["error"]["code"] == status
                && text(&json["error"]["status"])
                && text(&json["error"]["message"])
                && json["error"]["details"][0]["requestId"] == id
        }
        None => {
            json["status"] == status
                && text(&json["title"])
                && text(&json["detail"])
                && json["request_id"] == id
        }
    };
    assert!(told, "{dialect:?} {json}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_is_told_in_the_dialect_of_its_path() {
    let (gateway, _upstream, _silent) = gateway().await;
    for (rest, dialect) in CLIENTS {
        for (slug, rest, body, status) in [
            ("none", rest.to_owned(), "", 404),
            ("up", format!("{rest}/%2F"), "", 400),
            ("up", rest.to_owned(), "more than ten", 413),
            ("down", rest.to_owned(), "", 502),
            ("silent", rest.to_owned(), "", 504),
            ("empty", rest.to_owned(), "", 503),
        ] {
            let answer = gateway.post(&path(slug, &rest, dialect), body).await;
            assert_told(&answer, status, dialect);
        }
        let long = path("up", rest, dialect) + "?" + &"a".repeat(16 << 10);
        assert_told(&gateway.get(&long).await, 414, dialect);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_proxy_key_nobody_learns_which_services_there_are() {
    let (gateway, upstream, _) = gateway().await;
    for (rest, dialect) in CLIENTS {
        for key in ["wrong", ""] {
            let mut answers = Vec::new();
            for slug in ["up", "none", "empty"] {
                let request = Request::post(path(slug, rest, dialect));
                let request = request.header("x-no-key", "").header("x-proxy-key", key);
                let answer = gateway.send(request, "a body that is too large").await;
                assert_told(&answer, 401, dialect);
                assert_eq!(answer.header("www-authenticate"), "Bearer");
                answers.push(without_id(&answer));
            }
            assert!(answers[1..].iter().all(|answer| *answer == answers[0]), "{answers:?}");
        }
    }
    assert!(upstream.received().is_empty());
}

/// Everything of an answer that may differ from another one's, but its request id and date.
fn without_id(answer: &Answer) -> (String, Vec<(String, String)>) {
    let id = answer.header("x-request-id");
    let headers = answer.headers.iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()));
    let headers = headers.filter(|(name, _)| name != "date" && name != "x-request-id");
    (answer.text().replace(id, ""), headers.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_a_service_does_not_take_is_refused_with_the_one_it_takes() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let gateway = Gateway::new()
        .generic("svc", &upstream.url(), &["k1"])
        .with(|fields| fields.method = Some("get".into()))
        .start()
        .await;

    for method in [Method::POST, Method::DELETE, Method::OPTIONS] {
        let answer = gateway.send(Request::builder().method(method).uri("/proxy/svc/x"), "").await;
        assert_told(&answer, 405, None);
        assert_eq!(answer.header("allow"), "GET");
    }
    assert_eq!(gateway.get("/proxy/svc/x").await.status, 200);
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_are_never_offered_are_refused_with_those_that_are() {
    let gateway = Gateway::new().start().await;
    for (method, target) in [("TRACE", "/proxy/svc/x"), ("CONNECT", "example.com:443")] {
        let head = format!("{method} {target} HTTP/1.1\r\nhost: a\r\nx-proxy-key: {PROXY_KEY}\r\n\r\n");
        let answer = gateway.raw().await.exchange(head).await;
        assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("\r\nallow: GET, HEAD, "), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_request_id_of_its_own_and_keeps_the_upstreams() {
    let upstream = Upstream::reply(|_| {
        let mut answer = ok("hi");
        answer.headers_mut().insert("x-request-id", "theirs".parse().unwrap());
        answer
    })
    .await;
    let gateway = Gateway::new().generic("svc", &upstream.url(), &["k1"]).start().await;

    let answers = [gateway.get("/proxy/svc/x").await, gateway.get("/proxy/svc/x").await];

    assert_ne!(answers[0].header("x-request-id"), answers[1].header("x-request-id"));
    assert_eq!(answers[0].header("x-upstream-request-id"), "theirs");
    let records = gateway.records(2).await;
    assert!(
        answers.iter().all(|a| records.iter().any(|r| r.request_id.as_str() == a.header("x-request-id")))
    );
}
