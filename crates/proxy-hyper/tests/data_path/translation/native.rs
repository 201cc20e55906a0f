//! What needs no translation passes as it is.

use http::Request;

use super::{OPENAI_PATH, claude, json, service};
use crate::support::{Running, Upstream, client::Answer, upstream::Received};

/// Not how anybody would write it.
const ODD: &str = "{ \"model\" :\"m\", \"unknown\":1.0,\n \"messages\":[ ] }";
const ODD_ANSWER: &str = "{ \"what\": [1.0 ,2], \"é\":\"\\u00e9\" }";

/// Sends the odd request to a path, with headers and a query that a translation would leave out.
async fn asked(gateway: &Running, upstream: &Upstream, path: &str) -> (Answer, Received) {
    let request = Request::post(format!("{path}?beta=true"))
        .header("content-type", "application/json")
        .header("accept-encoding", "br")
        .header("openai-organization", "org-1")
        .header("anthropic-beta", "beta-1");
    let answer = gateway.send(request, ODD).await;
    (answer, upstream.received().pop().unwrap())
}

#[tokio::test]
async fn bytes_pass_unchanged_where_clients_and_api_speak_the_same() {
    for (api, clients, path) in [
        ("openai_compatible", "openai", OPENAI_PATH),
        ("openai_compatible", "openai", "/llm/ai/v1/files"),
        ("openai_responses", "openai_responses", "/llm/ai/v1/responses"),
        ("anthropic_native", "anthropic", "/llm/ai/v1/messages"),
        ("gemini_native", "gemini", "/llm/ai/v1beta/models/m:generateContent"),
        ("anthropic_native", "none", OPENAI_PATH),
    ] {
        let upstream = Upstream::reply(|_| json(200, ODD_ANSWER)).await;
        let gateway = service(api, clients, &upstream.url(), &["up-1"]).start().await;

        let (answer, received) = asked(&gateway, &upstream, path).await;

        assert_eq!((answer.text(), received.body.as_ref()), (ODD_ANSWER, ODD.as_bytes()), "{api}");
        assert_eq!(received.uri, format!("{}?beta=true", &path["/llm/ai".len()..]).as_str());
        for name in ["accept-encoding", "openai-organization", "anthropic-beta"] {
            assert!(received.headers.contains_key(name), "{api}: {name}");
        }
    }
}

#[tokio::test]
async fn a_request_in_the_apis_own_format_passes_through_a_service_that_translates() {
    for (api, clients, path) in [
        ("anthropic_native", "openai", "/llm/ai/v1/messages"),
        ("anthropic_native", "openai", "/llm/ai/v1/messages/count_tokens"),
        ("openai_compatible", "anthropic", OPENAI_PATH),
        ("openai_responses", "openai", "/llm/ai/v1/responses"),
        ("gemini_native", "openai", "/llm/ai/v1beta/models/m:generateContent"),
        // Both of OpenAI's formats share all but the answers of models.
        ("openai_responses", "anthropic", "/llm/ai/v1/embeddings"),
    ] {
        let upstream = Upstream::reply(|_| json(200, ODD_ANSWER)).await;
        let gateway = service(api, clients, &upstream.url(), &["up-1"]).start().await;

        let (answer, received) = asked(&gateway, &upstream, path).await;

        assert_eq!((answer.text(), received.body.as_ref()), (ODD_ANSWER, ODD.as_bytes()), "{api} {path}");
        assert_eq!(received.uri, format!("{}?beta=true", &path["/llm/ai".len()..]).as_str());
        assert_eq!(received.headers["anthropic-beta"], "beta-1");
    }
}

#[tokio::test]
async fn an_error_in_the_clients_own_format_passes_as_it_is() {
    const ERROR: &str = r#"{ "type":"error", "error":{"type":"overloaded_error","message":"no"} }"#;
    let upstream = Upstream::reply(|_| json(529, ERROR)).await;
    let gateway = claude(&upstream.url(), &["up-1"]).start().await;

    let (answer, _) = asked(&gateway, &upstream, "/llm/ai/v1/messages").await;

    assert_eq!((answer.status.as_u16(), answer.text()), (529, ERROR));
}
