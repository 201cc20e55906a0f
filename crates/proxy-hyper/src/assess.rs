//! What an attempt that has ended showed, and what follows for its key, its target and the record.

use http::StatusCode;
use llm_formats::StreamStart;
use rotator_core::{outcome::Outcome, pool::Picked};
use tokio::time::Instant;

use crate::{
    attempt::{Ask, is_idempotent},
    exchange::Exchange,
    judge::{Judgement, beginning_of_stream, judge},
    plan::{Doubt, Next, Plan, Step},
    send::{Failure, Sent},
    trace::{self, Told},
};

/// What an attempt showed.
pub(crate) struct Shown {
    pub(crate) next: Next,
    /// It may have been the request's fault.
    pub(crate) is_doubtful: bool,
    /// A stream that begins with an error instead of content.
    pub(crate) failed_stream: bool,
    /// Whether the target works.
    pub(crate) target_works: bool,
}

impl Shown {
    pub(crate) fn success() -> Self {
        Self { next: Next::Stop, is_doubtful: false, failed_stream: false, target_works: true }
    }
}

/// Sees what an attempt showed of the key, the upstream and the request; its answer may have been judged before.
pub(crate) async fn assess<'a>(
    exchange: &mut Exchange,
    ask: &'a Ask,
    step: &mut Step,
    plan: &mut Plan<'a>,
    sent: &mut Sent,
    judgement: Option<Box<Judgement<'a>>>,
) -> Shown {
    let may_repeat = is_idempotent(&ask.outbound.method);
    let mut start = StreamStart::Content;
    if let Ok((response, _)) = sent
        && judgement.is_none()
    {
        start = beginning_of_stream(ask, response).await;
        if start == StreamStart::Unclear && response.body().has_broken_off() {
            *sent = Err(Failure::Lost);
        }
    }
    let response = match sent {
        Ok((response, _)) => response,
        Err(failure) => {
            let is_clients = matches!(failure, Failure::Ours(_)) || ask.body.failure().is_some();
            if !is_clients {
                count(exchange, &step.picked, Outcome::UpstreamFailed);
            }
            trace::add(exchange, ask, (&*step).into(), Told::without_answer(failure.as_str()));
            let next = failure.next(may_repeat);
            return Shown { next, target_works: is_clients, ..Shown::success() };
        }
    };
    // Nothing was done that anybody got.
    let failed_stream = matches!(start, StreamStart::Error { .. });
    let Judgement { verdict, penalty, told, status } = match judgement {
        Some(judgement) => *judgement,
        None => judge(&exchange.worker.recorder, ask, &mut step.picked, response, start, step.started).await,
    };
    let answered = response.status();
    count(exchange, &step.picked, verdict.outcome);
    if exchange.attempts > 1 || verdict.outcome != Outcome::Success {
        let rule = Some(verdict.rule);
        let told = Told { status: Some(answered), rule, ..Told::of(verdict.outcome.kind()) };
        trace::add(exchange, ask, (&*step).into(), told);
    }
    if penalty.is_some() {
        exchange.worker.metrics.rests.add(1);
    }
    let penalty = penalty.filter(|_| verdict.perhaps_the_request);
    let is_doubtful = penalty.is_some();
    let doubt = penalty.map(|penalty| Box::new(Doubt { status, rule: verdict.rule, penalty }));
    let is_request_fault = doubt.is_some_and(|doubt| plan.confirms(ask.route.pool.health(), doubt));
    let has_failed = verdict.outcome == Outcome::UpstreamFailed;
    let next = if verdict.outcome.is_the_keys() && !is_request_fault {
        Next::OtherKey
    } else if has_failed && (verdict.unprocessed || failed_stream || may_repeat && is_passing(answered)) {
        Next::Again { told, same_target: true }
    } else {
        Next::Stop
    };
    Shown { next, is_doubtful, failed_stream, target_works: !has_failed }
}

/// Whether a failure may be gone in a moment.
fn is_passing(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

/// Where there are others, it matters whether a target works.
pub(crate) fn tell_target(ask: &Ask, step: &Step, shown: &Shown) {
    let targets = ask.route.targets.slots();
    if targets.len() > 1 {
        targets[step.target].breaker.note(shown.target_works, Instant::now().into_std());
    }
}

/// Counts an attempt by what came of it.
pub(crate) fn count(exchange: &mut Exchange, picked: &Picked, outcome: Outcome) {
    let metrics = &exchange.worker.metrics;
    metrics.count_attempt(outcome.kind());
    if outcome != Outcome::Success {
        exchange.has_failed = true;
    } else if exchange.has_failed {
        metrics.rescued.add(1);
    }
    if let Some(is_home) = picked.is_home() {
        metrics.sticky[usize::from(!is_home)].add(1);
    }
    if outcome != Outcome::UpstreamFailed {
        picked.finish(!outcome.is_the_keys(), exchange.started_at());
    }
}
