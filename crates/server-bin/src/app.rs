//! Everything that is not a proxied request, by path: the admin API, health, metrics, and the panel.

use std::{net::IpAddr, sync::Arc};

use admin_api::{ClientAddr, OverTls, RequestId};
use axum::{Router, body::Body as AdminBody};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use jiff::Timestamp;
use rotator_core::access::ProxyKeys;
use serde::Serialize;
use serde_json::json;
use tower::ServiceExt as _;

use crate::{
    health::{Health, Status},
    panel::Panel,
};

/// Everything that is not a proxied request.
pub struct App {
    /// `/api/admin`.
    pub admin: Router,
    /// `/livez` and `/readyz`.
    pub health: Arc<Health>,
    /// Writes the text of `/metrics`.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// Opens `/metrics` to other machines.
    pub metrics_token: ProxyKeys,
    /// `/`, and what else a browser asks for.
    pub panel: Panel,
    /// What time it is.
    pub clock: fn() -> Timestamp,
}

/// Who asks, as the connection tells.
#[derive(Debug, Clone)]
pub struct Caller {
    /// From where.
    pub address: IpAddr,
    /// Whether the connection is encrypted.
    pub over_tls: bool,
    /// The id that the answer will carry.
    pub request_id: String,
}

/// An error of a body; it ends the connection.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// An answer.
pub type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// The body of an error, as the admin API writes it too.
#[derive(Serialize)]
struct Failure<'a> {
    error: &'static str,
    code: &'static str,
    request_id: &'a str,
}

const ADMIN_PREFIX: &str = "/api/admin";

impl App {
    /// Answers a request.
    pub async fn respond<B>(&self, request: Request<B>, caller: Caller) -> Answer
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let path = request.uri().path();
        if is_suspicious(path) {
            return not_found(&caller);
        }
        if path.strip_prefix(ADMIN_PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            return self.admin(request, caller).await;
        }
        let answer = match path {
            "/livez" => json_answer(StatusCode::OK, &json!({ "status": "ok" })),
            "/readyz" | "/health" | "/healthz" | "/api/health" => self.readiness(),
            "/metrics" => self.metrics(&request, &caller),
            _ => match self.panel.answer(&request) {
                Some(answer) => answer,
                None => return not_found(&caller),
            },
        };
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            answer
        } else {
            method_not_allowed(&caller)
        }
    }

    async fn admin<B>(&self, request: Request<B>, caller: Caller) -> Answer
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut request = request.map(|body| AdminBody::new(body.map_err(Into::into)));
        let extensions = request.extensions_mut();
        extensions.insert(ClientAddr(caller.address));
        extensions.insert(RequestId(caller.request_id));
        if caller.over_tls {
            extensions.insert(OverTls);
        }
        let Ok(answer) = self.admin.clone().oneshot(request).await;
        answer.map(|body| body.map_err(Into::into).boxed_unsync())
    }

    fn readiness(&self) -> Answer {
        let status = self.health.status();
        let code = if status == Status::Draining { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        let mut body = json!({ "status": status });
        if status == Status::Degraded {
            body["snapshot_age_seconds"] = self.health.routes_age((self.clock)()).into();
        }
        json_answer(code, &body)
    }

    fn metrics<B>(&self, request: &Request<B>, caller: &Caller) -> Answer {
        if !self.may_read_metrics(request, caller) {
            return error(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "metrics are for this machine, or for a bearer of METRICS_TOKEN",
                caller,
            );
        }
        let mut answer = plain(StatusCode::OK, (self.metrics)());
        let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        answer.headers_mut().insert(header::CONTENT_TYPE, format);
        answer
    }

    /// A forwarded request comes from elsewhere, though its connection is local.
    fn may_read_metrics<B>(&self, request: &Request<B>, caller: &Caller) -> bool {
        let headers = request.headers();
        let is_forwarded = headers.contains_key("x-forwarded-for") || headers.contains_key(header::FORWARDED);
        let token =
            headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        (caller.address.to_canonical().is_loopback() && !is_forwarded)
            || token.is_some_and(|token| self.metrics_token.check(token).is_some())
    }
}

/// Whether another server in front of us might read this path differently. No path of ours looks like it.
fn is_suspicious(path: &str) -> bool {
    path.contains(['%', '\\'])
        || path.contains("//")
        || path.split('/').any(|part| part == "." || part == "..")
}

/// The answer while there is no app yet.
pub fn starting(path: &str, request_id: &str) -> Answer {
    match path {
        "/livez" => json_answer(StatusCode::OK, &json!({ "status": "ok" })),
        "/readyz" | "/health" | "/healthz" | "/api/health" => {
            json_answer(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "starting" }))
        }
        _ => {
            let error = "the server is starting, try again in a moment";
            json_answer(StatusCode::SERVICE_UNAVAILABLE, &Failure { error, code: "starting", request_id })
        }
    }
}

fn not_found(caller: &Caller) -> Answer {
    error(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path", caller)
}

fn method_not_allowed(caller: &Caller) -> Answer {
    let mut answer =
        error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path only takes GET", caller);
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

fn error(status: StatusCode, code: &'static str, sentence: &'static str, caller: &Caller) -> Answer {
    json_answer(status, &Failure { error: sentence, code, request_id: &caller.request_id })
}

fn json_answer(status: StatusCode, body: &impl Serialize) -> Answer {
    // Nothing that is passed here can fail to be written as JSON.
    let mut answer = plain(status, serde_json::to_string(body).unwrap_or_default());
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn plain(status: StatusCode, text: String) -> Answer {
    let mut answer = Response::new(Full::from(text).map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

#[cfg(test)]
mod tests;
