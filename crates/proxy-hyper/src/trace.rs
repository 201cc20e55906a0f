//! How a request came to its answer, for its record: only when there is more to tell than that its first key answered.

use http::StatusCode;
use rotator_core::{
    model::KeyId,
    outcome::Kind,
    record::{AttemptTrace, PassedOver, Trace},
};
use tokio::time::Instant;

use crate::{
    attempt::Ask,
    exchange::{Exchange, micros},
    plan::Step,
};

/// Which attempt it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tried {
    key_id: KeyId,
    target: usize,
    pub(crate) is_hedge: bool,
    started: Instant,
}

impl From<&Step> for Tried {
    fn from(step: &Step) -> Self {
        let Step { picked, target, is_hedge, started, .. } = step;
        Self { key_id: picked.slot().id, target: *target, is_hedge: *is_hedge, started: *started }
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told<'a> {
    pub(crate) outcome: &'a str,
    pub(crate) status: Option<StatusCode>,
    pub(crate) rule: Option<&'a str>,
}

impl<'a> Told<'a> {
    pub(crate) fn without_answer(outcome: &'a str) -> Self {
        Self { outcome, ..Self::default() }
    }

    pub(crate) fn success(status: StatusCode) -> Self {
        Self { status: Some(status), ..Self::of(Kind::Success) }
    }

    pub(crate) fn of(kind: Kind) -> Self {
        Self { outcome: kind.as_str(), ..Self::default() }
    }
}

/// Adds an attempt that has just ended.
pub(crate) fn add(exchange: &mut Exchange, ask: &Ask, tried: Tried, told: Told<'_>) {
    let Tried { key_id, target, is_hedge, started } = tried;
    let targets = ask.route.targets.slots();
    let target = (targets.len() > 1).then(|| &targets[target].url);
    let attempt = AttemptTrace {
        key_id: key_id.0,
        target: target.map(|url| format!("{}://{}", url.scheme(), url.authority()).into()),
        is_hedge,
        started_us: micros(started.saturating_duration_since(exchange.started())),
        duration_us: micros(started.elapsed()),
        status: told.status.map(|status| status.as_u16()),
        outcome: told.outcome.into(),
        rule: told.rule.map(Into::into),
    };
    let attempts = &mut trace(exchange, ask).attempts;
    let place = attempts.partition_point(|earlier| earlier.started_us <= attempt.started_us);
    attempts.insert(place, attempt);
}

/// Notes that the request has waited for its first key until now.
pub(crate) fn note_wait(exchange: &mut Exchange, ask: &Ask) {
    let waited = micros(exchange.elapsed());
    trace(exchange, ask).waited_us = waited;
}

/// Notes that no key was left.
pub(crate) fn note_nobody(exchange: &mut Exchange, ask: &Ask) {
    trace(exchange, ask);
}

fn trace<'a>(exchange: &'a mut Exchange, ask: &Ask) -> &'a mut Trace {
    exchange.trace.get_or_insert_with(|| {
        let pool = &ask.route.pool;
        let (some, more) = pool.health().passed_over(ask.model(), Trace::MAX_PASSED_OVER);
        let passed_over = |(key, why): (KeyId, &str)| PassedOver { key_id: key.0, why: why.into() };
        Box::new(Trace {
            keys: u32::try_from(pool.slots().len()).unwrap_or(u32::MAX),
            passed_over: some.into_iter().map(passed_over).collect(),
            passed_over_more: u32::try_from(more).unwrap_or(u32::MAX),
            ..Trace::default()
        })
    })
}
