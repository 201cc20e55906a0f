//! The proxy key in the body, for services that allow it.

use http::Request;

use crate::support::{
    Gateway, PROXY_KEY, Running, Upstream,
    client::Answer,
    upstream::{ok, status},
};

/// The service `open` takes keys in the body, `shut` does not.
async fn gateway(upstream: &Upstream) -> Running {
    let keys = &["up-1", "up-2"];
    Gateway::new()
        .llm("shut", "openai_compatible", &upstream.url(), keys)
        .llm("open", "openai_compatible", &upstream.url(), keys)
        .with(|fields| fields.options.body_api_key = true)
        .start()
        .await
}

/// A request that shows no key but what its body holds.
async fn post(gateway: &Running, slug: &str, content_type: &str, body: &str) -> Answer {
    let request = Request::post(format!("/llm/{slug}/v1/chat/completions"))
        .header("content-type", content_type)
        .header("authorization", "");
    gateway.send(request, body.to_owned()).await
}

fn with_key(key: &str) -> String {
    format!(r#"{{"model":"m", "api_key":"{key}",  "seed":1.0}}"#)
}

/// What outsiders may compare.
fn told(answer: &Answer) -> (u16, String, String) {
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove("request_id");
    (answer.status.as_u16(), format!("{:?}", answer.headers.keys().collect::<Vec<_>>()), body.to_string())
}

#[tokio::test]
async fn a_key_in_the_body_lets_in_and_is_cut_out_and_nothing_else() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let gateway = gateway(&upstream).await;

    let answer = post(&gateway, "open", "application/json; charset=utf-8", &with_key(PROXY_KEY)).await;

    assert_eq!((answer.status.as_u16(), answer.text()), (200, "hi"));
    let [received] = &upstream.received()[..] else { panic!("not one request") };
    assert_eq!(received.body, r#"{"model":"m",  "seed":1.0}"#);
    assert_eq!(received.headers["content-length"], received.body.len().to_string());
    assert_eq!(received.headers["authorization"], "Bearer up-1");
    assert!(!format!("{received:?}").contains(PROXY_KEY));
}

#[tokio::test]
async fn the_rest_of_the_body_is_sent_again_with_the_next_key() {
    let upstream = Upstream::reply(|r| {
        if r.headers["authorization"] == "Bearer up-1" { status(429, "slow down") } else { ok("hi") }
    })
    .await;
    let gateway = gateway(&upstream).await;

    assert_eq!(post(&gateway, "open", "application/json", &with_key(PROXY_KEY)).await.text(), "hi");

    let bodies: Vec<_> = upstream.received().into_iter().map(|r| r.body).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn a_body_in_chunks_is_read_too() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let gateway = gateway(&upstream).await;
    let (head, tail) = (&with_key(PROXY_KEY)[..20], &with_key(PROXY_KEY)[20..]);

    let answer = gateway
        .raw()
        .await
        .exchange(format!(
            "POST /llm/open/v1/x HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\nconnection: close\r\n\
             transfer-encoding: chunked\r\n\r\n{:x}\r\n{head}\r\n{:x}\r\n{tail}\r\n0\r\n\r\n",
            head.len(),
            tail.len(),
        ))
        .await;

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(upstream.received()[0].body, r#"{"model":"m",  "seed":1.0}"#);
}

#[tokio::test]
async fn without_a_valid_key_every_service_and_none_answers_alike() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let gateway = gateway(&upstream).await;
    let long = format!(r#"{{"pad":"{}","api_key":"{PROXY_KEY}"}}"#, "x".repeat(70_000));

    for (case, content_type, body) in [
        ("a wrong key", "application/json", with_key("pk-wrong-0123456789abcdef")),
        ("no key", "application/json", r#"{"model":"m"}"#.into()),
        ("no JSON", "application/json", "api_key".into()),
        ("a key that is no text", "application/json", r#"{"api_key":1}"#.into()),
        ("another type", "text/plain", with_key(PROXY_KEY)),
        ("a body above the limit", "application/json", long),
    ] {
        let open = told(&post(&gateway, "open", content_type, &body).await);

        assert_eq!(open.0, 401, "{case}");
        assert_eq!(told(&post(&gateway, "shut", content_type, &body).await), open, "{case}");
        assert_eq!(told(&post(&gateway, "nobody", content_type, &body).await), open, "{case}");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_service_that_does_not_allow_it_takes_no_key_from_the_body() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let gateway = gateway(&upstream).await;

    assert_eq!(post(&gateway, "shut", "application/json", &with_key(PROXY_KEY)).await.status, 401);
    let request = Request::post("/llm/shut/v1/x").header("x-api-key", PROXY_KEY);
    let request = request.header("content-type", "application/json");
    assert_eq!(gateway.send(request, with_key("mine")).await.status, 200);

    assert_eq!(upstream.received()[0].body, with_key("mine"), "a body is the client's own business");
}

#[tokio::test]
async fn two_keys_in_one_body_are_refused() {
    let upstream = Upstream::reply(|_| ok("hi")).await;
    let gateway = gateway(&upstream).await;
    let body = format!(r#"{{"api_key":"{PROXY_KEY}","api_key":"{PROXY_KEY}"}}"#);

    assert_eq!(post(&gateway, "open", "application/json", &body).await.status, 400);

    assert!(upstream.received().is_empty());
}
