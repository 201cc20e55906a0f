//! What the API gets, and what is refused before it.

use std::io::Write as _;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{Method, Request};
use rotator_core::record::RequestOutcome;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json as value};

use super::{
    ANTHROPIC_PATH, CHAT, FROM_ANTHROPIC, FROM_GEMINI, FROM_OPENAI, FROM_RESPONSES, GEMINI, MESSAGES,
    OPENAI_PATH, RESPONSES, claude, gpt, json, service,
};
use crate::support::{
    PROXY_KEY, Upstream,
    client::Answer,
    upstream::{Received, chunk},
};

/// Anthropic's API.
async fn anthropic() -> Upstream {
    Upstream::reply(|_| json(200, FROM_ANTHROPIC)).await
}

/// An API like `OpenAI`'s.
async fn openai() -> Upstream {
    Upstream::reply(|_| json(200, FROM_OPENAI)).await
}

/// The one request that came.
fn only(upstream: &Upstream) -> Received {
    let mut received = upstream.received();
    assert_eq!(received.len(), 1, "{received:?}");
    received.remove(0)
}

fn body(received: &Received) -> Value {
    serde_json::from_slice(&received.body).unwrap()
}

/// The sentence of an error of `OpenAI`'s or Anthropic's.
fn sentence(answer: &Answer) -> String {
    answer.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_translated_request_is_one_that_only_the_api_knows() {
    let upstream = anthropic().await;
    let gateway = claude(&upstream.url(), &["up-1"]).start().await;

    let request = Request::post(format!("{OPENAI_PATH}?beta=true"))
        .header("content-type", "application/json; charset=utf-8")
        .header("accept-encoding", "gzip, br")
        .header("anthropic-beta", "beta-1")
        .header("anthropic-version", "2099-01-01")
        .header("openai-organization", "org-1")
        .header("x-goog-api-client", "gl-python/3")
        .header("x-stainless-lang", "js")
        .header("x-stainless-retry-count", "0")
        .header("x-own", "kept");
    let answer = gateway.send(request, CHAT).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    let received = only(&upstream);
    assert_eq!((&received.method, received.uri.to_string()), (&Method::POST, "/v1/messages".into()));
    let headers = &received.headers;
    assert_eq!(headers["x-api-key"], "up-1");
    assert_eq!(headers["anthropic-version"], "2023-06-01");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["content-length"], received.body.len().to_string());
    assert_eq!(headers["x-own"], "kept");
    let vendors = |name: &&str| {
        name.starts_with("openai-") || name.starts_with("x-stainless-") || name.starts_with("x-goog-")
    };
    let names: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
    assert!(!names.iter().any(vendors), "{names:?}");
    for gone in ["authorization", "accept-encoding", "anthropic-beta", "transfer-encoding"] {
        assert!(!names.contains(&gone), "{gone}");
    }
    assert_eq!(body(&received)["messages"], value!([{ "role": "user", "content": "hi" }]));
}

#[tokio::test]
async fn one_service_takes_clients_of_every_other_format() {
    const APIS: [(&str, &str, &str); 4] = [
        ("openai_compatible", "authorization", FROM_OPENAI),
        ("openai_responses", "authorization", FROM_RESPONSES),
        ("anthropic_native", "x-api-key", FROM_ANTHROPIC),
        ("gemini_native", "x-goog-api-key", FROM_GEMINI),
    ];
    const PATHS: [&str; 4] =
        ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1beta/models/m:generateContent"];
    const BODIES: [&str; 4] = [CHAT, RESPONSES, MESSAGES, GEMINI];
    const WORDS: [&str; 4] = [
        "/choices/0/message/content",
        "/output/0/content/0/text",
        "/content/0/text",
        "/candidates/0/content/parts/0/text",
    ];
    for (at, (api, key_header, from_api)) in APIS.into_iter().enumerate() {
        let upstream = Upstream::reply(move |_| json(200, from_api)).await;
        let clients = if at == 0 { "anthropic" } else { "openai" };
        let gateway = service(api, clients, &upstream.url(), &["up-1"]).start().await;
        for client in 0..4 {
            let answer = gateway.post(&format!("/llm/ai{}", PATHS[client]), BODIES[client]).await;

            let case = format!("{api} for {}: {}", PATHS[client], answer.text());
            assert_eq!(answer.json().pointer(WORDS[client]), Some(&value!("Hello!")), "{case}");
            let received = upstream.received().pop().unwrap();
            assert_eq!(received.uri, PATHS[at], "{case}");
            assert!(received.headers[key_header].to_str().unwrap().ends_with("up-1"), "{case}");
        }
    }
}

#[tokio::test]
async fn a_base_url_that_names_a_version_is_not_given_another() {
    for (api, base, path) in [
        ("openai_compatible", "", "/v1/chat/completions"),
        ("openai_compatible", "/v1", "/v1/chat/completions"),
        ("openai_compatible", "/v1/", "/v1/chat/completions"),
        ("openai_compatible", "/v1beta/openai", "/v1beta/openai/chat/completions"),
        ("openai_compatible", "/compatible-mode/v1", "/compatible-mode/v1/chat/completions"),
        ("anthropic_native", "/v1", "/v1/messages"),
        ("anthropic_native", "/anthropic", "/anthropic/v1/messages"),
        ("gemini_native", "/v1beta", "/v1beta/models/m:generateContent"),
        ("gemini_native", "", "/v1beta/models/m:generateContent"),
    ] {
        let upstream = openai().await;
        let url = format!("{}{base}", upstream.url());
        let gateway = service(api, "openai_responses", &url, &["up-1"]).start().await;

        gateway.post("/llm/ai/v1/responses", RESPONSES).await;

        assert_eq!(only(&upstream).uri, path, "{api} at {base:?}");
    }
}

#[tokio::test]
async fn the_api_gets_its_own_names_for_models() {
    let upstream = Upstream::reply(|_| json(200, FROM_GEMINI)).await;
    let gateway = service("gemini_native", "openai", &upstream.url(), &["up-1"])
        .with(|fields| {
            let names = [("gpt-5", "gemini-pro"), ("*", "gemini-flash")];
            fields.options.model_aliases = names.map(|(client, api)| (client.into(), api.into())).into();
        })
        .start()
        .await;

    for (model, path) in [("gpt-5", "gemini-pro"), ("gpt-5-mini", "gemini-flash")] {
        let answer = gateway.post(OPENAI_PATH, CHAT.replace("\"m\"", &format!("{model:?}"))).await;

        assert_eq!(answer.status, 200, "{}", answer.text());
        let received = upstream.received().pop().unwrap();
        assert_eq!(received.uri, format!("/v1beta/models/{path}:generateContent").as_str());
    }
}

/// A question with what Anthropic has nothing like.
fn lossy() -> String {
    CHAT.replacen('{', "{\"seed\":7,", 1)
}

#[tokio::test]
async fn what_the_api_has_nothing_like_is_left_out_and_named() {
    let upstream = anthropic().await;
    let gateway = claude(&upstream.url(), &["up-1"]).start().await;

    let answer = gateway.post(OPENAI_PATH, lossy()).await;

    assert_eq!((answer.status.as_u16(), answer.header("x-rotator-dropped")), (200, "seed"));
    assert_eq!(body(&only(&upstream)).get("seed"), None);
    assert_eq!(gateway.post(OPENAI_PATH, CHAT).await.header("x-rotator-dropped"), "");
}

#[tokio::test]
async fn a_strict_service_refuses_what_would_be_left_out_and_asks_no_key() {
    let upstream = anthropic().await;
    let gateway = claude(&upstream.url(), &["up-1"])
        .with(|fields| fields.options.translation_strict = true)
        .start()
        .await;

    let answer = gateway.post(OPENAI_PATH, lossy()).await;

    assert_eq!(answer.status, 400);
    let error = &answer.json()["error"];
    assert_eq!(error["type"], "invalid_request_error");
    assert!(error["message"].as_str().unwrap().contains("nothing like seed;"), "{error}");
    assert!(upstream.received().is_empty());
    let record = &gateway.records(1).await[0];
    assert_eq!((record.outcome, record.key_id, record.attempts), (RequestOutcome::Refused, None, 0));
    assert_eq!(gateway.post(OPENAI_PATH, CHAT).await.status, 200);
}

#[tokio::test]
async fn what_only_one_api_knows_is_not_implemented() {
    let upstream = anthropic().await;
    let gateway = claude(&upstream.url(), &["up-1"]).start().await;
    let refused = async |method: Method, path: &str, header: &str| {
        let request = Request::builder().method(method.clone()).uri(format!("/llm/ai{path}"));
        let answer = gateway.send(request.header(header, "1"), RESPONSES).await;
        let told = (answer.status.as_u16(), answer.header("x-should-retry"));
        assert_eq!(told, (501, "false"), "{method} {path}");
        answer.json()
    };

    for (method, path) in [
        (Method::POST, "/v1/files"),
        (Method::GET, "/v1/files"),
        (Method::POST, "/v1/embeddings"),
        (Method::POST, "/"),
        (Method::GET, "/v1/chat/completions"),
        (Method::PUT, "/v1/chat/completions"),
        (Method::DELETE, "/v1/models/m"),
    ] {
        let error = &refused(method, path, "x-any").await["error"];
        assert_eq!((&error["type"], &error["param"]), (&value!("server_error"), &Value::Null));
    }
    let error = refused(Method::POST, "/v1/messages/batches", "anthropic-version").await;
    assert_eq!(error["type"], "error");
    let error = refused(Method::POST, "/v1beta/models/m:predict", "x-any").await;
    assert_eq!(
        (&error["error"]["code"], &error["error"]["status"]),
        (&value!(501), &value!("UNIMPLEMENTED"))
    );
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_list_of_models_is_asked_for_as_the_api_has_it() {
    let upstream =
        Upstream::reply(|_| json(200, r#"{"object":"list","data":[{"id":"m-1","object":"model"}]}"#));
    let upstream = upstream.await;
    let gateway = gpt(&upstream.url(), &["up-1"]).start().await;

    let answer = gateway.get("/llm/ai/v1/models?limit=20&beta=true").await;

    assert_eq!(answer.json()["data"][0]["type"], "model", "{}", answer.text());
    let received = only(&upstream);
    assert_eq!((&received.method, received.uri.to_string()), (&Method::GET, "/v1/models".into()));
    assert!(received.body.is_empty() && !received.headers.contains_key("content-length"));
    // Nothing could be made of an answer without a body.
    assert_eq!(gateway.send(Request::head("/llm/ai/v1/models"), "").await.status, 200);
    assert_eq!(upstream.received()[1].method, Method::GET);
}

#[tokio::test]
async fn a_body_that_is_not_in_the_clients_format_is_refused_with_the_place() {
    let upstream = openai().await;
    let gateway = gpt(&upstream.url(), &["up-1"]).start().await;

    for (body, place) in [
        ("", "the body is not JSON"),
        ("{\"model\":\"m\",\n]", "line 2 column 1"),
        ("[]", "the body"),
        (r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":7}]}"#, "`messages[0].content`"),
        (r#"{"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#, "`model`"),
    ] {
        let answer = gateway.post(ANTHROPIC_PATH, body).await;

        assert_eq!((answer.status.as_u16(), &answer.json()["type"]), (400, &value!("error")), "{body}");
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
        assert!(sentence(&answer).contains(place), "{}", sentence(&answer));
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_body_above_the_limit_is_too_large_however_it_comes() {
    let upstream = openai().await;
    let gateway = gpt(&upstream.url(), &["up-1"])
        .with(|fields| fields.options.max_body_bytes = Some(200))
        .start()
        .await;
    let long = MESSAGES.replace("hi", &"x".repeat(200));

    let answer = gateway.post(ANTHROPIC_PATH, long.clone()).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]["type"]),
        (413, &value!("request_too_large"))
    );

    let head = format!(
        "POST {ANTHROPIC_PATH} HTTP/1.1\r\nhost: a\r\nx-api-key: {PROXY_KEY}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let text = [head.as_bytes(), &chunk(&long), b"0\r\n\r\n"].concat();
    let answer = gateway.raw().await.exchange(text).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(long.as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    assert!(packed.len() <= 200);
    let request = Request::post(ANTHROPIC_PATH).header("content-encoding", "gzip");
    let answer = gateway.send(request, Bytes::from(packed)).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]["type"]),
        (413, &value!("request_too_large"))
    );

    assert!(upstream.received().is_empty());
    assert_eq!(gateway.post(ANTHROPIC_PATH, MESSAGES).await.status, 200);
}

#[tokio::test]
async fn a_body_with_trailers_is_translated_without_them() {
    let upstream = openai().await;
    let gateway = gpt(&upstream.url(), &["up-1"]).start().await;
    let request = |connection: &str| {
        let head = format!(
            "POST {ANTHROPIC_PATH} HTTP/1.1\r\nhost: a\r\nx-api-key: {PROXY_KEY}\r\nconnection: {connection}\r\n\
             trailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        [head.as_bytes(), &chunk(MESSAGES), b"0\r\nx-sum: 17\r\n\r\n"].concat()
    };

    let answers = gateway.raw().await.exchange([request("keep-alive"), request("close")].concat()).await;

    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
    for received in upstream.received() {
        assert_eq!(body(&received)["messages"][0]["content"], "hi");
        assert!(!received.headers.contains_key("trailer"), "{:?}", received.headers);
    }
}

#[tokio::test]
async fn a_greeting_is_answered_without_the_api() {
    let upstream = openai().await;
    let gateway = gpt(&upstream.url(), &["up-1"]).start().await;

    for path in ["/llm/ai", "/llm/ai/", "/llm/ai?beta=true"] {
        let answer = gateway.send(Request::head(path), "").await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0), "{path}");
        assert!(!answer.header("x-request-id").is_empty());
    }
    for path in ["/llm/ai", "/llm/none"] {
        let head = format!("HEAD {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        assert!(gateway.raw().await.exchange(head).await.starts_with("HTTP/1.1 401"), "{path}");
    }
    assert_eq!(gateway.send(Request::head("/llm/none"), "").await.status, 404);
    assert_eq!(gateway.send(Request::get("/llm/ai"), "").await.status, 501);
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_packed_body_is_unpacked_before_it_is_translated() {
    let upstream = openai().await;
    let gateway = gpt(&upstream.url(), &["up-1"]).start().await;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(MESSAGES.as_bytes()).unwrap();
    let zstd = compress_to_vec(MESSAGES.as_bytes(), CompressionLevel::Fastest);
    let send = async |coding: &str, body: Vec<u8>| {
        let request = Request::post(ANTHROPIC_PATH).header("content-encoding", coding);
        gateway.send(request, Bytes::from(body)).await
    };

    for (coding, body_packed) in [("gzip", gzip.finish().unwrap()), ("zstd", zstd)] {
        let answer = send(coding, body_packed).await;

        assert_eq!(answer.status, 200, "{coding}: {}", answer.text());
        let received = upstream.received().pop().unwrap();
        assert_eq!(body(&received)["messages"][0]["content"], "hi");
        assert!(!received.headers.contains_key("content-encoding"));
        assert_eq!(received.headers["content-length"], received.body.len().to_string());
    }
    let count = upstream.received().len();
    for (coding, body) in [("compress", MESSAGES), ("gzip", MESSAGES), ("gzip, gzip", MESSAGES)] {
        let answer = send(coding, body.into()).await;

        assert_eq!(answer.status, 400, "{coding}");
        assert!(sentence(&answer).contains("Content-Encoding"), "{}", sentence(&answer));
    }
    assert_eq!(upstream.received().len(), count);
}

#[tokio::test]
async fn a_body_without_a_coding_is_read_as_it_is() {
    let upstream = openai().await;
    let gateway = gpt(&upstream.url(), &["up-1"]).start().await;

    let request = Request::post(ANTHROPIC_PATH).header("content-encoding", "identity");
    assert_eq!(gateway.send(request, MESSAGES).await.status, 200);

    assert!(!only(&upstream).headers.contains_key("content-encoding"));
}

#[tokio::test]
async fn a_proxy_key_in_the_body_does_not_reach_the_api() {
    let upstream = anthropic().await;
    let gateway =
        claude(&upstream.url(), &["up-1"]).with(|fields| fields.options.body_api_key = true).start().await;

    let request =
        Request::post(OPENAI_PATH).header("content-type", "application/json").header("authorization", "");
    let with_key = CHAT.replacen('{', &format!("{{\"api_key\":\"{PROXY_KEY}\","), 1);
    let answer = gateway.send(request, with_key).await;

    assert_eq!((answer.status.as_u16(), answer.header("x-rotator-dropped")), (200, ""), "{}", answer.text());
    let received = only(&upstream);
    assert_eq!(received.headers["x-api-key"], "up-1");
    assert!(!format!("{received:?}").contains(PROXY_KEY));
}
