//! The loop over keys: pick one, send, look at what came of it, and take the next if another may fare better and no
//! byte has reached the client.

use std::{cell::OnceCell, sync::Arc, time::Duration};

use http::Response;
use llm_formats::{Dialect, ErrorKind, requested_model};
use rotator_core::{
    cache::Turn,
    model::{ApiFormat, KeyId, OutputFormat, Target},
    outcome::Outcome,
    pool::{Ailment, KeyPool, Penalty, Picked, Wish},
    routes::Route,
};
use smallvec::SmallVec;
use tokio::time::Instant;
use tracing::debug;

use crate::{
    affinity,
    answer_body::AnswerBody,
    body::RequestBody,
    error::ProxyError,
    exchange::Exchange,
    judge::{Judgement, is_plain_success, judge},
    rewrite::Outbound,
    send::{Failure, send},
    upgrade::Upgrade,
    upstream::Lease,
};

/// An upstream's answer, and what belongs to it.
pub(crate) struct Answer {
    pub(crate) response: Response<AnswerBody>,
    pub(crate) picked: Picked,
    pub(crate) lease: Option<Lease>,
    pub(crate) idle_timeout: Duration,
    pub(crate) upgrade: Option<Upgrade>,
    /// Other keys were tried before: the client need not.
    pub(crate) gave_up: bool,
    /// What the client speaks, under `/llm`.
    pub(crate) dialect: Option<Dialect>,
}

/// What a client asks of a service.
pub(crate) struct Ask {
    pub(crate) route: Arc<Route>,
    pub(crate) outbound: Outbound,
    pub(crate) body: RequestBody,
    model: OnceCell<Option<String>>,
}

/// The keys of one request.
#[derive(Default)]
struct Tried<'a> {
    keys: SmallVec<[KeyId; 4]>,
    /// What the last key was refused with, if that may have been the request's fault.
    doubt: Option<Box<Doubt<'a>>>,
}

/// A refusal by status and rule, and what the key suffers for it.
struct Doubt<'a> {
    status: u16,
    rule: &'a str,
    penalty: Penalty,
}

/// What came of an attempt.
type Sent = Result<(Response<AnswerBody>, Option<Lease>), Failure>;

/// What an attempt showed.
#[derive(Default)]
struct Shown {
    /// Another key may fare better.
    is_refused: bool,
    /// It may have been the request's fault.
    is_doubtful: bool,
}

/// Sends a request with one key after the other until one is taken.
pub(crate) async fn run(
    exchange: &mut Exchange,
    ask: &Ask,
    upgrade: Option<Upgrade>,
) -> Result<Answer, ProxyError> {
    let Ask { route, outbound, body, .. } = ask;
    let max_attempts =
        route.config.spec.limits.max_attempts.map_or(exchange.worker.settings.max_attempts, Into::into);
    let affinity = affinity::of(route, outbound, body).await;
    if route.pool.tells_models() {
        body.read_ahead().await;
    }
    let mut tried = Tried::default();
    // Soon enough for the first attempt, without another look at the clock.
    let mut now = exchange.started();
    let mut picked = pick(ask, affinity, &tried.keys, now).await.ok_or_else(|| nobody(route))?;
    loop {
        tried.keys.push(picked.slot().id);
        exchange.key_id = Some(picked.slot().id);
        exchange.attempts += 1;
        let mut sent = send(exchange, ask, &picked, upgrade.is_some()).await;
        let shown = match &sent {
            Ok((response, _)) if is_plain_success(ask, &picked, response) => {
                count(exchange, &picked, Outcome::Success);
                Shown::default()
            }
            // In a box: most requests need no room for it.
            _ => Box::pin(assess(exchange, ask, &mut picked, &mut tried, &mut sent, now)).await,
        };
        let may_go_on = shown.is_refused && exchange.attempts < max_attempts && body.is_replayable();
        if may_go_on {
            now = Instant::now();
            if let Some(next) = pick(ask, affinity, &tried.keys, now).await {
                debug!(slug = %route.config.spec.slug, key_id = %picked.slot().id, "trying the next key");
                exchange.worker.metrics.retries.add(1);
                picked = next;
                continue;
            }
        }
        if shown.is_doubtful {
            tried.forgive(&route.pool);
        }
        let (response, lease) = sent.map_err(|failure| failure.into_error(route, body, exchange))?;
        let idle_timeout = route.config.spec.limits.idle_timeout;
        return Ok(Answer {
            gave_up: exchange.attempts > 1 && shown.is_refused,
            response,
            lease,
            idle_timeout: idle_timeout.unwrap_or(exchange.worker.settings.upstream.body_timeout),
            upgrade,
            dialect: client_dialect(&route.config.spec.target),
            picked,
        });
    }
}

/// Sees what an attempt that began at `started` showed of the key, the upstream and the request.
async fn assess<'a>(
    exchange: &Exchange,
    ask: &'a Ask,
    picked: &mut Picked,
    tried: &mut Tried<'a>,
    sent: &mut Sent,
    started: Instant,
) -> Shown {
    let response = match sent {
        Ok((response, _)) => response,
        Err(failure) => {
            if !matches!(failure, Failure::Ours(_)) && ask.body.failure().is_none() {
                count(exchange, picked, Outcome::UpstreamFailed);
            }
            return Shown { is_refused: matches!(failure, Failure::NotSent(_)), is_doubtful: false };
        }
    };
    let Judgement { verdict, penalty } = judge(ask, picked, response, started).await;
    count(exchange, picked, verdict.outcome);
    let penalty = penalty.filter(|_| verdict.perhaps_the_request);
    let is_doubtful = penalty.is_some();
    let status = response.status().as_u16();
    let doubt = penalty.map(|penalty| Box::new(Doubt { status, rule: verdict.rule, penalty }));
    let is_request_fault = doubt.is_some_and(|doubt| tried.confirms(&ask.route.pool, doubt));
    Shown { is_refused: verdict.outcome.is_the_keys() && !is_request_fault, is_doubtful }
}

async fn pick(ask: &Ask, affinity: Option<u64>, tried: &[KeyId], now: Instant) -> Option<Picked> {
    let pool = &ask.route.pool;
    let turn = match pool.next_turn() {
        Turn::Now(turn) => turn,
        Turn::Later(turn) => turn.await.unwrap_or_else(|_| fastrand::u64(..)),
    };
    let model = if pool.tells_models() { ask.model() } else { None };
    let may_try = pool.is_well() || ask.body.may_repeat();
    let wish = Wish { turn, affinity, model, tried, may_try, now: now.into_std() };
    match pool.pick(&wish) {
        // A doubtful key is better than none.
        None if !may_try => pool.pick(&Wish { may_try: true, ..wish }),
        picked => picked,
    }
}

/// Why there is no key.
fn nobody(route: &Route) -> ProxyError {
    let first = route.pool.health().next_to_end();
    let wait = first.map(|(_, at)| at.saturating_duration_since(Instant::now().into_std()));
    let (kind, message) = match first {
        _ if route.pool.slots().is_empty() => {
            (ErrorKind::Unavailable, "this service has no active key; add one, or switch one on")
        }
        Some((Ailment::Cooling | Ailment::Exhausted, _)) => {
            (ErrorKind::RateLimited, "every key of this service is at its limit; try again later")
        }
        Some((Ailment::Invalid, _)) => (
            ErrorKind::Unavailable,
            "the upstream accepts no key of this service; replace them, or reset them if they are right",
        ),
        None => (ErrorKind::Unavailable, "no key of this service is free; try again in a moment"),
    };
    let gave_up = route.pool.slots().is_empty();
    ProxyError { retry_after: wait, gave_up, ..ProxyError::new(kind, message) }
}

fn count(exchange: &Exchange, picked: &Picked, outcome: Outcome) {
    exchange.worker.metrics.count_attempt(outcome.kind());
    let is_well = matches!(outcome, Outcome::Success | Outcome::RequestFault);
    picked.finish(is_well, exchange.started_at());
}

impl<'a> Tried<'a> {
    /// Whether this key met with the same as the one before it: then it was the request's fault, and neither suffers.
    fn confirms(&mut self, pool: &KeyPool, doubt: Box<Doubt<'a>>) -> bool {
        match self.doubt.take() {
            Some(earlier) if (earlier.status, earlier.rule) == (doubt.status, doubt.rule) => {
                pool.health().refund(earlier.penalty);
                pool.health().refund(doubt.penalty);
                true
            }
            _ => {
                self.doubt = Some(doubt);
                false
            }
        }
    }

    /// No second key is there to confirm that it was the last key's fault.
    fn forgive(&mut self, pool: &KeyPool) {
        if let Some(doubt) = self.doubt.take() {
            pool.health().refund(doubt.penalty);
        }
    }
}

impl Ask {
    pub(crate) fn new(route: Arc<Route>, outbound: Outbound, body: RequestBody) -> Self {
        Self { route, outbound, body, model: OnceCell::new() }
    }

    /// The model that the request is for, as far as it has come.
    pub(crate) fn model(&self) -> Option<&str> {
        let Target::Llm { .. } = self.route.config.spec.target else { return None };
        let named = || {
            let body = self.body.whole().unwrap_or_default();
            requested_model(self.outbound.path(), &body).map(std::borrow::Cow::into_owned)
        };
        self.model.get_or_init(named).as_deref()
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
