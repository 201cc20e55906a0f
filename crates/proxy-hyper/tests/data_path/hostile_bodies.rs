//! Bodies that break parsers pass as they are: nothing on their way reads them whole, or more than it may.

use bytes::Bytes;
use http::Request;

use crate::support::{
    Gateway, Running, Upstream,
    upstream::{ok, status},
};

/// Of bodies that are one thing many times over.
const MANY: usize = 100_000;

/// What a parser could fall over, by name.
fn bodies() -> [(&'static str, Vec<u8>); 12] {
    let nested = |open: &str, close: &str| {
        let (open, close) = (open.repeat(MANY), close.repeat(MANY));
        format!(r#"{{"messages":[{{"role":"user","content":{open}1{close}}}]}}"#).into_bytes()
    };
    let fields: Vec<_> = (0..10 * MANY).map(|n| format!(r#""{n}":0"#)).collect();
    let opened = |content: &str| format!(r#"{{"messages":[{{"role":"user","content":{content}}}]}}"#);
    [
        ("deep arrays", nested("[", "]")),
        ("deep objects", nested(r#"{"a":"#, "}")),
        ("deep and never closed", "[".repeat(MANY).into()),
        ("a million fields", format!("{{{}}}", fields.join(",")).into()),
        ("fields twice", br#"{"model":"a","model":"b","messages":[],"messages":[{"role":"user"}]}"#.to_vec()),
        ("a number without end", opened(&"9".repeat(MANY)).into()),
        ("a number beyond all bounds", opened("-1e999999999").into()),
        (
            "no UTF-8",
            b"{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\xc0\x80\xed\xa0\x80\"}]}".to_vec(),
        ),
        ("lone surrogates", opened(r#""\ud800 \udc00\ud800 \u0000""#).into()),
        ("a byte order mark", [b"\xef\xbb\xbf", opened("1").as_bytes()].concat()),
        ("a line of 5 MB", [b"data: ", &b"x".repeat(5 << 20)[..], b"\n\n"].concat()),
        ("not one line end", b"x".repeat(2 << 20)),
    ]
}

/// A REST service and LLM services of every format, with two keys; one of them keeps conversations on their keys.
async fn gateway(upstream: &Upstream) -> Running {
    let (url, keys) = (upstream.url(), ["k1", "k2"]);
    let mut gateway = Gateway::new().generic("rest", &url, &keys);
    for format in ["openai_compatible", "anthropic_native", "gemini_native"] {
        let sticky = format!("sticky-{}", &format[..6]);
        gateway = gateway
            .llm(&format[..6], format, &url, &keys)
            .llm(&sticky, format, &url, &keys)
            .with(|fields| fields.strategy = Some("sticky".into()));
    }
    gateway.start().await
}

const SERVICES: [&str; 7] = [
    "/proxy/rest/x",
    "/llm/openai/v1/chat/completions",
    "/llm/anthro/v1/messages",
    "/llm/gemini/v1beta/models/m:generateContent",
    "/llm/sticky-openai/v1/chat/completions",
    "/llm/sticky-anthro/v1/messages",
    "/llm/sticky-gemini/v1beta/models/m:generateContent",
];

/// Sends every body to every service; what comes back must be what was sent.
async fn assert_echoed(gateway: &Running, content_type: &str) {
    for (name, body) in bodies() {
        let body = Bytes::from(body);
        for target in SERVICES {
            let request = Request::post(target).header("content-type", content_type);
            let answer = gateway.send(request, body.clone()).await;
            assert_eq!(answer.status, 200, "{target} {name}");
            assert!(answer.is_whole && answer.body == body, "{target} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_json_passes_unchanged_both_ways() {
    let upstream = Upstream::reply(|received| ok(received.body.clone())).await;

    assert_echoed(&gateway(&upstream).await, "application/json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_events_pass_unchanged() {
    let upstream = Upstream::reply(|received| {
        let mut answer = ok(received.body.clone());
        answer.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
        answer
    })
    .await;

    assert_echoed(&gateway(&upstream).await, "text/event-stream").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_errors_pass_unchanged_also_after_a_retry() {
    let upstream = Upstream::reply(|received| status(429, received.body.clone())).await;
    let gateway = gateway(&upstream).await;

    for (name, body) in bodies() {
        for target in [SERVICES[0], SERVICES[4]] {
            gateway.reset_keys();
            let answer = gateway.post(target, body.clone()).await;
            assert!(answer.status == 429 && answer.is_whole && answer.body == body, "{target} {name}");
        }
    }
}
