use std::net::IpAddr;

use admin_api::{ClientAddr, OverTls, RequestId};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, Method, Request, StatusCode, header, request::Builder},
    response::Response,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

/// Sends requests, each from the same address and with the same headers.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    address: IpAddr,
    headers: HeaderMap,
    over_tls: bool,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body as it came.
    pub(crate) text: String,
    /// The body as JSON; null when it is none.
    pub(crate) body: Value,
}

/// A request under `/api/admin`, without a body so far.
pub(crate) fn request(method: Method, path: &str) -> Builder {
    Request::builder().method(method).uri(format!("/api/admin{path}"))
}

impl Client {
    pub(crate) fn new(router: Router, address: IpAddr) -> Self {
        Self { router, address, headers: HeaderMap::new(), over_tls: false }
    }

    pub(crate) fn with_bearer(self, token: &str) -> Self {
        self.with(header::AUTHORIZATION, &format!("Bearer {token}"))
    }

    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    /// The bearer token it sends.
    pub(crate) fn token(&self) -> String {
        let value = self.headers.get(header::AUTHORIZATION).unwrap().to_str().unwrap();
        value.strip_prefix("Bearer ").unwrap().into()
    }

    pub(crate) fn over_tls(self) -> Self {
        Self { over_tls: true, ..self }
    }

    pub(crate) async fn sign_in(&self, username: &str, password: &str) -> Answer {
        self.post("/login", json!({ "username": username, "password": password })).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(request(Method::DELETE, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send_json(Method::POST, path, body.to_string()).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send_json(Method::PUT, path, body.to_string()).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send_json(Method::PATCH, path, body.to_string()).await
    }

    /// Sends a text as `application/json`, whatever it is.
    pub(crate) async fn send_json(&self, method: Method, path: &str, text: impl Into<Body>) -> Answer {
        let request = request(method, path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(text.into()).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.open(request).await.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().into()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status: head.status, headers: head.headers, text, body }
    }

    /// Sends a request; the body of its answer is still to be read.
    pub(crate) async fn open(&self, mut request: Request<Body>) -> Response {
        request.headers_mut().extend(self.headers.clone());
        request.extensions_mut().insert(ClientAddr(self.address));
        request.extensions_mut().insert(RequestId("request-1".into()));
        if self.over_tls {
            request.extensions_mut().insert(OverTls);
        }
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Adds a service; answers its id.
    pub(crate) async fn add_config(&self, slug: &str) -> i64 {
        let answer = self.post("/proxy-configs", llm_config(slug)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.id()
    }

    /// Adds a key to a service; answers its id.
    pub(crate) async fn add_key(&self, config: i64, key: &str) -> i64 {
        let answer = self.post(&format!("/proxy-configs/{config}/keys"), json!({ "key_value": key })).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.id()
    }
}

impl Client {
    /// Adds keys to a service; answers their ids.
    pub(crate) async fn add_keys(&self, config: i64, keys: impl IntoIterator<Item = String>) -> Vec<i64> {
        let keys: Vec<String> = keys.into_iter().collect();
        let path = format!("/proxy-configs/{config}/keys/batch");
        let answer = self.post(&path, json!({ "keys": keys })).await;
        assert_eq!(answer.body["success_count"], keys.len(), "{}", answer.text);
        let last = self.get(&format!("/proxy-configs/{config}/keys?q={}", keys[keys.len() - 1])).await;
        let last = last.body["items"][0]["id"].as_i64().unwrap();
        (last + 1 - i64::try_from(keys.len()).unwrap()..=last).collect()
    }

    /// Begins a job; answers it.
    pub(crate) async fn begin(&self, config: i64, job: Value) -> Value {
        let answer = self.post(&format!("/proxy-configs/{config}/keys/jobs"), job).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.body
    }

    /// Opens the stream of a job's events.
    pub(crate) async fn follow(&self, job: &Value) -> Body {
        let path = format!("/jobs/{}/events", job["id"]);
        let answer = self.open(request(Method::GET, &path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
        answer.into_body()
    }

    /// Waits for a job's end; answers what is shown of it then.
    pub(crate) async fn end_of(&self, job: &Value) -> Value {
        let mut stream = self.follow(job).await;
        let mut last = Value::Null;
        while let Some(job) = event(&mut stream).await {
            last = job;
        }
        assert_ne!(last["state"], "running", "{last}");
        last
    }
}

/// The next event of a stream; null stands for a comment.
pub(crate) async fn event(stream: &mut Body) -> Option<Value> {
    let frame = stream.frame().await?.unwrap().into_data().unwrap();
    let text = std::str::from_utf8(&frame).unwrap();
    let (line, end) = text.split_once('\n').unwrap();
    assert_eq!(end, "\n", "{text}");
    Some(line.strip_prefix("data: ").map_or(Value::Null, |data| serde_json::from_str(data).unwrap()))
}

impl Answer {
    pub(crate) fn id(&self) -> i64 {
        self.body["id"].as_i64().unwrap()
    }

    /// The machine-readable code of a failure.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("none")
    }

    pub(crate) fn header(&self, name: impl axum::http::header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A small LLM service.
pub(crate) fn llm_config(slug: &str) -> Value {
    json!({ "name": slug, "slug": slug, "config_type": "LLM", "target_base_url": "https://api.example.com/v1" })
}

/// A small REST service.
pub(crate) fn generic_config(slug: &str) -> Value {
    json!({
        "name": "Weather", "slug": slug, "config_type": "GENERIC", "target_url": "https://weather.example.com/v2",
        "api_key_location": "query", "api_key_name": "appid",
    })
}
