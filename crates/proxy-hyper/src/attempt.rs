//! The loop over keys: pick one, send, and take the next if this one is refused before any byte reached the client.

use std::time::Duration;

use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use llm_formats::{Dialect, ErrorKind};
use rotator_core::{
    cache::Turn,
    model::{ApiFormat, ConfigType, KeyId, OutputFormat, Target},
    pool::Picked,
    routes::Route,
};
use smallvec::SmallVec;
use tracing::{debug, warn};

use crate::{
    affinity,
    body::{BodyFailure, RequestBody},
    error::ProxyError,
    exchange::Exchange,
    rewrite::Outbound,
    service::body_too_large,
    upgrade::{self, Upgrade},
    upstream::{ConnectError, Lease},
};

/// How many kept connections one attempt may find dead. A connection that several requests share may also reset ours
/// and live on.
const MAX_REPLACED: u8 = 3;

/// An upstream's answer, and what belongs to it.
pub(crate) struct Answer {
    pub(crate) response: Response<Incoming>,
    pub(crate) picked: Picked,
    pub(crate) lease: Option<Lease>,
    pub(crate) idle_timeout: Duration,
    pub(crate) upgrade: Option<Upgrade>,
    /// Other keys were tried before: the client need not.
    pub(crate) gave_up: bool,
    /// What the client speaks, under `/llm`.
    pub(crate) dialect: Option<Dialect>,
}

/// How an attempt ended without an answer.
enum Failure {
    /// Nothing was sent, so another key may try.
    NotSent(ConnectError),
    /// The upstream may have done the work.
    Lost,
    /// It took too long.
    TimedOut,
    /// We must answer this ourselves.
    Ours(ProxyError),
}

/// Sends a request with one key after the other until one is taken.
pub(crate) async fn run(
    exchange: &mut Exchange,
    route: &Route,
    outbound: &Outbound,
    body: &RequestBody,
    mut upgrade: Option<Upgrade>,
) -> Result<Answer, ProxyError> {
    let max_attempts =
        route.config.spec.limits.max_attempts.map_or(exchange.worker.settings.max_attempts, Into::into);
    let affinity = affinity::of(route, outbound, body).await;
    let mut tried: SmallVec<[KeyId; 4]> = SmallVec::new();
    while let Some(picked) = pick(route, affinity, &tried).await {
        tried.push(picked.slot().id);
        exchange.key_id = Some(picked.slot().id);
        exchange.attempts += 1;
        let result = once(exchange, route, outbound, body, &picked, upgrade.is_some()).await;
        let may_go_on = exchange.attempts < max_attempts
            && tried.len() < route.pool.slots().len()
            && body.is_replayable();
        count(exchange, &picked, body, &result);
        match result {
            Ok((response, _)) if refuses_key(response.status()) && may_go_on => {
                debug!(status = response.status().as_u16(), key_id = %picked.slot().id, "key refused, trying the next");
            }
            Err(Failure::NotSent(error)) if may_go_on => {
                debug!(%error, slug = %route.config.spec.slug, "no connection, trying the next key");
            }
            Ok((response, lease)) => {
                return Ok(Answer {
                    gave_up: exchange.attempts > 1 && refuses_key(response.status()),
                    response,
                    lease,
                    idle_timeout: route
                        .config
                        .spec
                        .limits
                        .idle_timeout
                        .unwrap_or(exchange.worker.settings.upstream.body_timeout),
                    upgrade: upgrade.take(),
                    dialect: client_dialect(&route.config.spec.target),
                    picked,
                });
            }
            Err(failure) => return Err(failure.into_error(route, body, exchange)),
        }
        exchange.worker.metrics.retries.add(1);
    }
    let message = "this service has no active key; add one, or switch one on";
    Err(ProxyError::new(ErrorKind::Unavailable, message).gave_up())
}

async fn pick(route: &Route, affinity: Option<u64>, tried: &[KeyId]) -> Option<Picked> {
    let turn = match route.pool.next_turn() {
        Turn::Now(turn) => turn,
        Turn::Later(turn) => turn.await.unwrap_or_else(|_| fastrand::u64(..)),
    };
    route.pool.pick(turn, affinity, tried)
}

/// Whether an answer says that another key may fare better.
fn refuses_key(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS)
}

fn count(
    exchange: &Exchange,
    picked: &Picked,
    body: &RequestBody,
    result: &Result<(Response<Incoming>, Option<Lease>), Failure>,
) {
    let metrics = &exchange.worker.metrics;
    let is_success = match result {
        Ok((response, _)) if refuses_key(response.status()) => {
            metrics.attempts_refused.add(1);
            false
        }
        Ok((response, _)) if !response.status().is_server_error() => {
            metrics.attempts_succeeded.add(1);
            true
        }
        Err(Failure::Ours(_)) => return,
        Err(_) if body.failure().is_some() => return,
        _ => {
            metrics.attempts_failed.add(1);
            false
        }
    };
    picked.finish(is_success, exchange.started_at());
}

/// One attempt. A connection that died while it was idle is replaced without counting.
async fn once(
    exchange: &mut Exchange,
    route: &Route,
    outbound: &Outbound,
    body: &RequestBody,
    picked: &Picked,
    is_upgrade: bool,
) -> Result<(Response<Incoming>, Option<Lease>), Failure> {
    let spec = &route.config.spec;
    let worker = std::rc::Rc::clone(&exchange.worker);
    let limits = &worker.settings.upstream;
    let connect_timeout = spec.limits.connect_timeout.unwrap_or(limits.connect_timeout);
    let response_timeout = spec.limits.response_timeout.unwrap_or(match spec.target.config_type() {
        ConfigType::Generic => limits.generic_response_timeout,
        ConfigType::Llm => limits.llm_response_timeout,
    });
    let origin = worker.upstreams.origin(spec.target.url(), spec.accept_invalid_certs);
    let mut replaced = 0;
    loop {
        let request =
            outbound.request(&picked.slot().credential, body.attempt(), is_upgrade).map_err(Failure::Ours)?;
        let leased = if is_upgrade {
            worker.upstreams.lease_for_upgrade(&origin, connect_timeout).await
        } else {
            worker.upstreams.lease(&origin, connect_timeout).await
        };
        let mut lease = leased.map_err(Failure::NotSent)?;
        if worker.settings.debug_headers {
            exchange.sent_at = exchange.elapsed();
        }
        match lease.send(request, body, response_timeout).await {
            None => {
                body.blame_if_awaited();
                return Err(Failure::TimedOut);
            }
            Some(Ok(response)) if lease.is_refusal_by_proxy(response.status()) => {
                return Err(Failure::NotSent(ConnectError::Proxy));
            }
            Some(Ok(response)) => {
                if response.status() == StatusCode::SWITCHING_PROTOCOLS
                    && !(is_upgrade && upgrade::is_switched(&response))
                {
                    return Err(Failure::Lost);
                }
                return Ok((response, Some(lease).filter(|_| !is_upgrade)));
            }
            Some(Err(error))
                if error.reused
                    && replaced < MAX_REPLACED
                    && (error.is_unsent || is_idempotent(&outbound.method))
                    && body.is_replayable() =>
            {
                debug!(error = %error.source, "an idle connection had died, taking another one");
                replaced += 1;
            }
            Some(Err(error)) => {
                debug!(error = %error.source, "no answer");
                return Err(Failure::Lost);
            }
        }
    }
}

/// RFC 9110 §9.2.2.
fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

impl Failure {
    fn into_error(self, route: &Route, body: &RequestBody, exchange: &Exchange) -> ProxyError {
        let max_bytes =
            route.config.spec.limits.max_body_bytes.unwrap_or(exchange.worker.settings.client.max_body_bytes);
        match body.failure() {
            Some(BodyFailure::TooLarge) => return body_too_large(max_bytes),
            Some(BodyFailure::Malformed) => {
                return ProxyError::bad_request("the request body is not framed as its head says").closing();
            }
            Some(BodyFailure::Incomplete) => {
                return ProxyError::new(
                    ErrorKind::ClientTimeout,
                    "the request body did not come whole, or not in time",
                )
                .closing();
            }
            None => {}
        }
        let slug = &route.config.spec.slug;
        let request_id = exchange.id.as_str();
        match self {
            Self::Ours(error) => error,
            Self::NotSent(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                warn!(%slug, request_id, %error, source, "upstream not reached");
                let kind = match error {
                    ConnectError::Timeout => ErrorKind::Timeout,
                    _ => ErrorKind::UpstreamFailed,
                };
                let gave_up = exchange.attempts > 1;
                ProxyError { gave_up, ..ProxyError::new(kind, error.to_string()) }
            }
            Self::Lost => {
                warn!(%slug, request_id, "the upstream closed the connection without an answer");
                ProxyError::new(
                    ErrorKind::UpstreamFailed,
                    "the upstream closed the connection without an answer",
                )
            }
            Self::TimedOut => {
                warn!(%slug, request_id, "the upstream did not answer in time");
                ProxyError::new(ErrorKind::Timeout, "the upstream did not answer in time")
            }
        }
    }
}

/// What clients of a service speak.
fn client_dialect(target: &Target) -> Option<Dialect> {
    let Target::Llm { api_format, output_format, .. } = target else { return None };
    Some(match (output_format, api_format) {
        (OutputFormat::OpenAi | OutputFormat::OpenAiResponses, _)
        | (OutputFormat::None, ApiFormat::OpenAiCompatible) => Dialect::OpenAi,
        (OutputFormat::Anthropic, _) | (OutputFormat::None, ApiFormat::AnthropicNative) => Dialect::Anthropic,
        (OutputFormat::Gemini, _) | (OutputFormat::None, ApiFormat::GeminiNative) => Dialect::Gemini,
    })
}
