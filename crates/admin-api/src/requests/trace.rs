//! How a request came to its answer, as JSON: always in the same shape, stored or not.

use rotator_core::{
    outcome::Kind,
    record::{AttemptTrace, PassedOver, RequestOutcome, RequestRecord, Trace},
};
use serde::Serialize;
use utoipa::ToSchema;

/// How a request came to its answer. Where the log has no trace of it, this is what the request itself tells: its last
/// attempt, with null for what is not known.
#[derive(Serialize, ToSchema)]
#[schema(as = RequestTrace)]
pub(super) struct TraceView {
    /// How many keys were in rotation when the request came.
    #[schema(required)]
    keys: Option<u32>,
    /// The first of them that were passed over.
    passed_over: Vec<PassedOverView>,
    /// How many more were.
    passed_over_more: u32,
    /// How long the request waited for a key, in microseconds.
    waited_us: u64,
    /// The attempts, in the order in which they began.
    attempts: Vec<AttemptView>,
}

/// A key that was not picked.
#[derive(Serialize, ToSchema)]
#[schema(as = PassedOver)]
struct PassedOverView {
    /// Which key.
    key_id: i64,
    /// `cooling`, `exhausted`, `invalid`, `quota_group` when its whole quota group rested, `on_trial`, or `at_limit` when
    /// its own limit was reached.
    why: Box<str>,
}

/// One key, one request.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
struct AttemptView {
    /// Which key.
    key_id: i64,
    /// The origin it was sent to, where the config has more than one.
    #[schema(required)]
    target: Option<Box<str>>,
    /// Whether it was sent because the answer to another attempt was late.
    is_hedge: bool,
    /// When it began: microseconds after the request's head.
    #[schema(required)]
    started_us: Option<u64>,
    /// Until the head of the answer, or until it failed, in microseconds.
    #[schema(required)]
    duration_us: Option<u64>,
    /// What the upstream answered.
    #[schema(required)]
    status: Option<u16>,
    /// What that said: `success`, `key_rejected`, `rate_limited`, `quota_exhausted`, `upstream_failed` or
    /// `request_fault`; without an answer `not_sent`, `timed_out`, `lost`, `refused`, or `cancelled` because another
    /// attempt was quicker.
    #[schema(required)]
    outcome: Option<Box<str>>,
    /// The rule that said so.
    #[schema(required)]
    rule: Option<Box<str>>,
}

impl TraceView {
    /// What a record tells without a trace.
    pub(super) fn told_by(record: &RequestRecord) -> Self {
        let key = record.key_id.filter(|_| record.attempts > 0);
        // Otherwise the status is ours.
        let is_upstreams = matches!(record.outcome, RequestOutcome::Completed | RequestOutcome::UpstreamCut);
        let status = Some(record.status).filter(|_| is_upstreams);
        let is_success = status.is_some_and(|status| status < 400);
        let attempt = key.map(|key| AttemptView {
            key_id: key.0,
            target: None,
            is_hedge: false,
            started_us: None,
            duration_us: None,
            status,
            outcome: is_success.then(|| Kind::Success.as_str().into()),
            rule: None,
        });
        Self {
            keys: None,
            passed_over: Vec::new(),
            passed_over_more: 0,
            waited_us: 0,
            attempts: attempt.into_iter().collect(),
        }
    }
}

impl From<Trace> for TraceView {
    fn from(trace: Trace) -> Self {
        let Trace { keys, passed_over, passed_over_more, waited_us, attempts } = trace;
        Self {
            keys: Some(keys),
            passed_over: passed_over.into_iter().map(PassedOverView::from).collect(),
            passed_over_more,
            waited_us,
            attempts: attempts.into_iter().map(AttemptView::from).collect(),
        }
    }
}

impl From<PassedOver> for PassedOverView {
    fn from(PassedOver { key_id, why }: PassedOver) -> Self {
        Self { key_id, why }
    }
}

impl From<AttemptTrace> for AttemptView {
    fn from(attempt: AttemptTrace) -> Self {
        let AttemptTrace { key_id, target, is_hedge, started_us, duration_us, status, outcome, rule } =
            attempt;
        Self {
            key_id,
            target,
            is_hedge,
            started_us: Some(started_us),
            duration_us: Some(duration_us),
            status,
            outcome: Some(outcome),
            rule,
        }
    }
}
