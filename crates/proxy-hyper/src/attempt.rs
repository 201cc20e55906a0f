//! The loop over keys: pick one, send, look at what came of it, and take the next if another may fare better and no
//! byte has reached the client.

use std::{cell::OnceCell, sync::Arc, time::Duration};

use http::{Method, Response};
use llm_formats::{Dialect, ErrorKind, model_in_path};
use rotator_core::{
    cache::Turn,
    model::{ApiFormat, KeyId, OutputFormat, Target},
    outcome::Outcome,
    pool::{Ailment, KeyPool, Picked, Wish},
    routes::Route,
};
use tokio::time::Instant;
use tracing::debug;

use crate::{
    affinity,
    answer_body::AnswerBody,
    assess::{Shown, assess, count, tell_target},
    body::RequestBody,
    error::ProxyError,
    exchange::Exchange,
    hedge,
    judge::{is_plain_success, may_begin_with_an_error},
    meter::Meter,
    plan::{Next, Plan},
    rewrite::Outbound,
    send::{Bounds, Failure, send},
    trace::{self, Told},
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
    /// It is a stream that begins with an error instead of content.
    pub(crate) failed_stream: bool,
    /// Reads what it used, where it tells.
    pub(crate) meter: Option<Box<Meter>>,
}

impl Answer {
    fn new(
        exchange: &Exchange,
        ask: &Ask,
        picked: Picked,
        response: Response<AnswerBody>,
        lease: Option<Lease>,
        upgrade: Option<Upgrade>,
        shown: &Shown,
    ) -> Self {
        let spec = &ask.route.config.spec;
        Self {
            gave_up: exchange.attempts > 1 && shown.next != Next::Stop,
            idle_timeout: spec.limits.idle_timeout.unwrap_or(exchange.worker.settings.upstream.body_timeout),
            dialect: client_dialect(&spec.target),
            failed_stream: shown.failed_stream,
            meter: Meter::of(&exchange.worker, ask, picked.slot().id, &response, shown.failed_stream),
            response,
            picked,
            lease,
            upgrade,
        }
    }
}

/// What a client asks of a service.
pub(crate) struct Ask {
    pub(crate) route: Arc<Route>,
    pub(crate) outbound: Outbound,
    pub(crate) body: RequestBody,
    model: OnceCell<Option<String>>,
}

/// Sends a request with one key after the other, and to one target after the other, until one is taken.
pub(crate) async fn run(
    exchange: &mut Exchange,
    ask: &Ask,
    upgrade: Option<Upgrade>,
) -> Result<Answer, ProxyError> {
    let Ask { route, outbound, body, .. } = ask;
    route.retry_budget.earn();
    let affinity = affinity::of(route, outbound, body).await;
    if route.pool.tells_models() {
        body.read_ahead().await;
    }
    let mut plan = Plan::new(exchange, ask, affinity);
    let Some(mut step) = plan.first(exchange).await else {
        trace::note_nobody(exchange, ask);
        return Err(nobody(route));
    };
    loop {
        plan.begin(exchange, &step);
        let bounds = Bounds { deadline: plan.deadline(), is_upgrade: upgrade.is_some() };
        let mut judgement = None;
        let mut sent = match &route.hedging {
            Some(hedging) if !bounds.is_upgrade => {
                let ended = Box::pin(hedge::send(hedging, exchange, ask, &mut plan, step, bounds)).await;
                (step, judgement) = (ended.step, ended.judgement);
                ended.sent
            }
            // In a box: two small allocations cost less than one above the allocator's quick sizes, and moving it.
            _ => Box::pin(send(&exchange.worker, ask, &step, body, bounds, &mut exchange.sent_at)).await,
        };
        let shown = match &sent {
            Ok((response, _))
                if judgement.is_none()
                    && is_plain_success(ask, &step.picked, response)
                    && !may_begin_with_an_error(ask, response) =>
            {
                count(exchange, &step.picked, Outcome::Success);
                if exchange.attempts > 1 {
                    trace::add(exchange, ask, (&step).into(), Told::success(response.status()));
                }
                Shown::success()
            }
            // In a box: most requests need no room for it.
            _ => Box::pin(assess(exchange, ask, &mut step, &mut plan, &mut sent, judgement)).await,
        };
        tell_target(ask, &step, &shown);
        if shown.next != Next::Stop {
            if let Err(Failure::NotSent(_)) = sent {
                plan.take_back(&step);
            }
            if let Some(next) = Box::pin(plan.next(shown.next)).await {
                debug!(slug = %route.config.spec.slug, key_id = %step.picked.slot().id, "trying again");
                exchange.worker.metrics.retries.add(1);
                drop(sent);
                step = next;
                step.pause().await;
                continue;
            }
        }
        if shown.is_doubtful {
            plan.forgive(route.pool.health());
        }
        let (response, lease) = sent.map_err(|failure| failure.into_error(route, body, exchange))?;
        return Ok(Answer::new(exchange, ask, step.picked, response, lease, upgrade, &shown));
    }
}

/// RFC 9110 §9.2.2.
pub(crate) fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

pub(crate) async fn pick(ask: &Ask, affinity: Option<u64>, tried: &[KeyId], now: Instant) -> Option<Picked> {
    let pool = &ask.route.pool;
    let turn = match pool.next_turn() {
        Turn::Now(turn) => turn,
        Turn::Later(turn) => turn.await,
    };
    let model = if pool.tells_models() { ask.model() } else { None };
    let may_try = pool.is_well() || ask.body.may_repeat();
    let wish = Wish { turn, affinity, model, tried, may_try, now: now.into_std() };
    if pool.shares_caps() {
        // In a box: most services need no room for it.
        return Box::pin(claim(pool, wish)).await;
    }
    match pool.pick(&wish) {
        // A doubtful key is better than none.
        None if !may_try => pool.pick(&Wish { may_try: true, ..wish }),
        picked => picked,
    }
}

/// The same where all instances keep the caps of keys together.
async fn claim(pool: &KeyPool, wish: Wish<'_>) -> Option<Picked> {
    match pool.claim(&wish).await {
        None if !wish.may_try => pool.claim(&Wish { may_try: true, ..wish }).await,
        picked => picked,
    }
}

/// Why there is no key.
fn nobody(route: &Route) -> ProxyError {
    /// Until it is known how a trial went.
    const MOMENT: Duration = Duration::from_secs(1);
    let first = route.pool.health().next_to_end();
    let wait = first.map_or(MOMENT, |(_, at)| at.saturating_duration_since(Instant::now().into_std()));
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
        None if route.pool.may_be_at_work() => {
            (ErrorKind::RateLimited, "every key of this service is at work; try again in a moment")
        }
        None => (ErrorKind::Unavailable, "no key of this service is free; try again in a moment"),
    };
    let gave_up = route.pool.slots().is_empty();
    ProxyError { retry_after: (!gave_up).then_some(wait), gave_up, ..ProxyError::new(kind, message) }
}

impl Ask {
    pub(crate) fn new(route: Arc<Route>, outbound: Outbound, body: RequestBody) -> Self {
        Self { route, outbound, body, model: OnceCell::new() }
    }

    /// The model that the request is for, as far as it has come.
    pub(crate) fn model(&self) -> Option<&str> {
        let Target::Llm { .. } = self.route.config.spec.target else { return None };
        if let Some(known) = self.model.get() {
            return known.as_deref();
        }
        let in_path = model_in_path(self.outbound.path()).map(ToOwned::to_owned);
        let model = in_path.or_else(|| self.body.model());
        // The rest of the body may name it.
        let may_come = model.is_none() && !self.body.has_come();
        if may_come { None } else { self.model.get_or_init(|| model).as_deref() }
    }
}

/// What clients of a service speak.
fn client_dialect(target: &Target) -> Option<Dialect> {
    let Target::Llm { api_format, output_format, .. } = target else { return None };
    Some(match (output_format, api_format) {
        (OutputFormat::OpenAi | OutputFormat::OpenAiResponses, _)
        | (OutputFormat::None, ApiFormat::OpenAiCompatible | ApiFormat::OpenAiResponses) => Dialect::OpenAi,
        (OutputFormat::Anthropic, _) | (OutputFormat::None, ApiFormat::AnthropicNative) => Dialect::Anthropic,
        (OutputFormat::Gemini, _) | (OutputFormat::None, ApiFormat::GeminiNative) => Dialect::Gemini,
    })
}
