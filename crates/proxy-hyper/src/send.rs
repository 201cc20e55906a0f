//! One attempt: one key, one request, the head of its answer.

use std::time::Duration;

use http::{Response, StatusCode};
use llm_formats::ErrorKind;
use rotator_core::{model::ConfigType, routes::Route};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::{
    answer_body::AnswerBody,
    attempt::{Ask, is_idempotent},
    body::{BodyFailure, RequestBody},
    error::ProxyError,
    exchange::Exchange,
    plan::{Next, Step},
    service::body_too_large,
    upgrade,
    upstream::{ConnectError, Lease},
    worker::Worker,
};

/// How many kept connections one attempt may find dead. A connection that several requests share may also reset ours
/// and live on.
const MAX_REPLACED: u8 = 3;

/// What came of an attempt.
pub(crate) type Sent = Result<(Response<AnswerBody>, Option<Lease>), Failure>;

/// How an attempt ended without an answer.
pub(crate) enum Failure {
    /// Nothing was sent, so another key may try.
    NotSent(ConnectError),
    /// The upstream may have done the work.
    Lost,
    /// It took too long.
    TimedOut,
    /// We must answer this ourselves.
    Ours(ProxyError),
}

/// What bounds an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// When the head of the answer is due, all attempts together.
    pub(crate) deadline: Option<Instant>,
    pub(crate) is_upgrade: bool,
}

/// Sends a request with one key. A connection that died while it was idle is replaced without counting. Notes when the
/// request went out, where that is to be told.
pub(crate) async fn send(
    worker: &Worker,
    ask: &Ask,
    step: &Step,
    body: &RequestBody,
    Bounds { deadline, is_upgrade }: Bounds,
    sent_at: &mut Instant,
) -> Sent {
    let Ask { route, outbound, .. } = ask;
    let spec = &route.config.spec;
    let limits = &worker.settings.upstream;
    let left = |timeout: Duration| {
        deadline.map_or(timeout, |deadline| timeout.min(deadline.saturating_duration_since(Instant::now())))
    };
    let connect_timeout = left(spec.limits.connect_timeout.unwrap_or(limits.connect_timeout));
    let url = &route.targets.slots()[step.target].url;
    let origin = worker.upstreams.origin(url, spec.accept_invalid_certs);
    let mut replaced = 0;
    loop {
        let leased = if is_upgrade {
            worker.upstreams.lease_alone(&origin, connect_timeout).await
        } else {
            worker.upstreams.lease(&origin, connect_timeout).await
        };
        let mut lease = leased.map_err(Failure::NotSent)?;
        let request = outbound
            .request(step.target, &step.picked.slot().credential, body.attempt(), is_upgrade)
            .map_err(Failure::Ours)?;
        if worker.settings.debug_headers {
            *sent_at = Instant::now();
        }
        match lease.send(request, body, left(response_timeout(worker, route))).await {
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
                return Ok((response.map(AnswerBody::new), Some(lease).filter(|_| !is_upgrade)));
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

fn response_timeout(worker: &Worker, route: &Route) -> Duration {
    let limits = &worker.settings.upstream;
    let spec = &route.config.spec;
    spec.limits.response_timeout.unwrap_or(match spec.target.config_type() {
        ConfigType::Generic => limits.generic_response_timeout,
        ConfigType::Llm => limits.llm_response_timeout,
    })
}

/// What a client is told whose body could not be read to its end.
pub(crate) fn body_error(body: &RequestBody, max_bytes: u64) -> Option<ProxyError> {
    Some(match body.failure()? {
        BodyFailure::TooLarge => body_too_large(max_bytes),
        BodyFailure::Malformed => {
            ProxyError::bad_request("the request body is not framed as its head says").closing()
        }
        BodyFailure::Incomplete => {
            let message = "the request body did not come whole, or not in time";
            ProxyError::new(ErrorKind::ClientTimeout, message).closing()
        }
    })
}

impl Failure {
    /// The name under which it is traced.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::NotSent(_) => "not_sent",
            Self::Lost => "lost",
            Self::TimedOut => "timed_out",
            Self::Ours(_) => "refused",
        }
    }

    /// What may follow, where the request itself `may_repeat`.
    pub(crate) fn next(&self, may_repeat: bool) -> Next {
        match self {
            Self::NotSent(error) if error.may_pass() => Next::Again { told: None, same_target: true },
            Self::NotSent(_) => Next::Again { told: None, same_target: false },
            Self::Lost if may_repeat => Next::Again { told: None, same_target: true },
            // The same again would take as long again.
            Self::TimedOut if may_repeat => Next::Again { told: None, same_target: false },
            Self::Lost | Self::TimedOut | Self::Ours(_) => Next::Stop,
        }
    }

    /// What the client is told.
    pub(crate) fn into_error(self, route: &Route, body: &RequestBody, exchange: &Exchange) -> ProxyError {
        let max_bytes =
            route.config.spec.limits.max_body_bytes.unwrap_or(exchange.worker.settings.client.max_body_bytes);
        if let Some(error) = body_error(body, max_bytes) {
            return error;
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
