//! No key is seen anywhere but on its way to the upstream: alone in its process, because it hears all that is logged.

#![expect(clippy::unwrap_used, reason = "assertions")]
#![expect(unreachable_pub, reason = "the kit reads like a library")]

#[path = "data_path/support/mod.rs"]
mod support;

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{HeaderValue, Response};
use memchr::memmem;
use support::{
    Gateway, PROXY_KEY, Running, Upstream,
    tls::self_signed,
    upstream::{Body, EVENT_STREAM, RawUpstream, Received, chunk, ok, read_head, status, until_closed},
};
use tokio::io::AsyncWriteExt;

const UPSTREAM_KEYS: [&str; 2] = ["sk-canary-one-5f1b7c2e", "sk-canary-two-a04d93be"];
/// Shown by clients that may not come in.
const WRONG_KEY: &str = "pk-canary-bad-77e0c1d5";
/// As much of a key as tells that it is one.
const TELLING: usize = 12;

/// What was logged, at every level and by every thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn listen() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Upstreams, one for each way to fail.
struct Upstreams {
    echo: Upstream,
    untrusted: Upstream,
    silent: RawUpstream,
    cut: RawUpstream,
    nonsense: RawUpstream,
}

impl Upstreams {
    async fn start() -> Self {
        let silent = RawUpstream::serve(|mut socket| async move { until_closed(&mut socket).await });
        let cut = RawUpstream::serve(|mut socket| async move {
            read_head(&mut socket).await;
            socket.write_all(&[EVENT_STREAM, &chunk("data: 1\n\n")].concat()).await.unwrap();
        });
        Self {
            echo: Upstream::reply(echo).await,
            untrusted: Upstream::secure(self_signed(&[]), |_| ok("")).await,
            silent: silent.await,
            cut: cut.await,
            nonsense: RawUpstream::answer(b"nonsense\r\n\r\n").await,
        }
    }

    /// The names of services, and where they lead.
    fn urls(&self) -> [(&'static str, String); 8] {
        [
            ("echo", self.echo.url()),
            ("untrusted", self.untrusted.url()),
            ("not-tls", self.echo.url().replace("http", "https")),
            ("silent", self.silent.url()),
            ("cut", self.cut.url()),
            ("nonsense", self.nonsense.url()),
            ("refused", "http://127.0.0.1:1".into()),
            ("unknown", "http://canary.invalid".into()),
        ]
    }

    /// Every upstream behind three services: the key in a header, in the query, and where an LLM's goes.
    async fn gateway(&self) -> Running {
        let mut gateway = Gateway::new().set(|settings| {
            settings.upstream.generic_response_timeout = Duration::from_millis(100);
            settings.upstream.llm_response_timeout = Duration::from_millis(100);
            settings.debug_headers = true;
        });
        for (name, url) in self.urls() {
            gateway = gateway
                .generic(&format!("{name}-query"), &url, &UPSTREAM_KEYS)
                .with(|fields| fields.api_key_location = Some("query".into()))
                .generic(name, &url, &UPSTREAM_KEYS)
                .llm(name, "openai_compatible", &url, &UPSTREAM_KEYS);
        }
        gateway.start().await
    }
}

/// Answers with the status that the path ends in; shows in body and headers all it was sent, unless that is a 200.
fn echo(received: &Received) -> Response<Body> {
    let code = received.uri.path().rsplit('/').next().unwrap().parse().unwrap();
    if code == 200 {
        return ok("hello");
    }
    let all = format!("{} {:?}", received.uri, received.headers);
    let mut answer = status(code, if code < 400 { String::new() } else { all.clone() });
    for name in ["location", "x-echo", "www-authenticate"] {
        answer.headers_mut().append(name, HeaderValue::from_str(&all).unwrap());
    }
    answer
}

/// Every path that ends in an answer, recorded.
fn targets() -> Vec<String> {
    let codes = [200, 301, 302, 303, 307, 308, 400, 401, 403, 404, 429, 500, 503];
    let echoes = codes.into_iter().map(|code| format!("echo/{code}"));
    let failures = ["untrusted", "not-tls", "silent", "cut", "nonsense", "refused", "unknown", "no-such"];
    let failures = failures.into_iter().map(|name| format!("{name}/200"));
    let rests: Vec<_> = echoes.chain(failures).collect();
    let queries = rests.iter().map(|rest| format!("/proxy/{}", rest.replacen('/', "-query/", 1)));
    let headers = rests.iter().map(|rest| format!("/proxy/{rest}"));
    let refused = ["/proxy/echo/..", "/llm/echo/%2F", "/proxy/echo/a%00"].map(String::from);
    let llm = rests.iter().map(|rest| format!("/llm/{rest}"));
    headers.chain(queries).chain(llm).chain(refused).collect()
}

/// Requests that are refused before they are one, and so not recorded.
fn malformed() -> Vec<String> {
    let key = format!("X-Proxy-Key: {PROXY_KEY}\r\nAuthorization: Bearer {PROXY_KEY}\r\n");
    let long = "a".repeat(17 << 10);
    vec![
        format!("GET /proxy/echo/200 HTTP/1.1\r\n{key}\r\n"),
        format!("GET /proxy/echo/200 HTTP/1.1\r\nHost: a\r\nX-Proxy-Key {PROXY_KEY}\r\n\r\n"),
        format!("{PROXY_KEY} {PROXY_KEY} {PROXY_KEY}\r\n\r\n"),
        format!("GET /llm/echo/200?key={PROXY_KEY} HTTP/9.9\r\nHost: a\r\n\r\n"),
        format!("GET /llm/echo/200?key={PROXY_KEY}&a={long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /proxy/echo/200 HTTP/1.1\r\nHost: {PROXY_KEY}@a\r\n{key}\r\n"),
        format!("TRACE /proxy/echo/200 HTTP/1.1\r\nHost: a\r\n{key}\r\n"),
        format!(
            "POST /proxy/echo/200 HTTP/1.1\r\nHost: a\r\n{key}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        ),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{PROXY_KEY}{PROXY_KEY}{PROXY_KEY}"),
    ]
}

/// Whole requests to a path: with the right key, with a wrong one, with both.
fn requests(target: &str) -> Vec<String> {
    let bearer = |key| format!("Authorization: Bearer {key}\r\n");
    let mut shown = vec![(String::new(), bearer(PROXY_KEY)), (String::new(), bearer(WRONG_KEY))];
    if target.starts_with("/llm") {
        shown.push((format!("?key={PROXY_KEY}"), String::new()));
        shown.push((format!("?key={PROXY_KEY}"), bearer(WRONG_KEY)));
    }
    let head = |(query, key)| {
        format!(
            "POST {target}{query} HTTP/1.1\r\nHost: a\r\n{key}Connection: close\r\nContent-Length: 0\r\n\r\n"
        )
    };
    shown.into_iter().map(head).collect()
}

/// Begins requests and leaves: in the middle of the body, and before the answer.
async fn leave(gateway: &Running) -> usize {
    let heads = ["Content-Length: 9\r\n\r\nabc", "Content-Length: 0\r\n\r\n"];
    for rest in heads {
        let head = format!("POST /llm/silent/200 HTTP/1.1\r\nHost: a\r\nx-api-key: {PROXY_KEY}\r\n{rest}");
        let mut client = gateway.raw().await;
        client.write(head).await;
        support::eventually(|| gateway.metrics().active_requests() > 0).await;
        drop(client);
        gateway.settle(Duration::from_secs(5)).await;
    }
    heads.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_seen_but_on_its_way_to_the_upstream() {
    let log = Log::listen();
    let upstreams = Upstreams::start().await;
    let gateway = upstreams.gateway().await;
    let (mut told, mut recorded) = (String::new(), leave(&gateway).await);

    for request in targets().iter().flat_map(|target| requests(target)) {
        gateway.reset_keys();
        told += &gateway.raw().await.exchange(request).await;
        recorded += 1;
    }
    for request in malformed() {
        told += &gateway.raw().await.exchange(request).await;
    }

    let records = format!("{:?}", gateway.records(recorded).await);
    let logged = log.text();
    assert!(logged.contains("key rests") && logged.contains("upstream not reached"), "{logged}");
    for (place, text) in
        [("answer", told), ("log", logged), ("record", records), ("metric", gateway.metrics().render())]
    {
        for key in UPSTREAM_KEYS.into_iter().chain([PROXY_KEY, WRONG_KEY]) {
            let mut parts = key.as_bytes().windows(TELLING);
            let seen = parts.find_map(|part| memmem::find(text.as_bytes(), part));
            assert_eq!(seen.map(|at| &text[at.saturating_sub(300)..at + TELLING]), None, "{place} {key}");
        }
    }
    for key in UPSTREAM_KEYS {
        assert!(format!("{:?}", upstreams.echo.received()).contains(key), "{key} was never sent");
    }
}
