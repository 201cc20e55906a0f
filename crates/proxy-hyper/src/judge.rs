//! What an answer says of the key, and what follows for it.

use std::time::Duration;

use http::{Response, header};
use llm_formats::{StreamStart, stream_start};
use rotator_core::{
    model::Target,
    outcome::{self, Limits, Outcome, Rest, RuleSet, Verdict},
    pool::{Now, Penalty, Picked},
    routes::Route,
};
use tokio::time::Instant;
use tracing::info;

use crate::{
    answer_body::{AnswerBody, PATIENCE},
    attempt::Ask,
    content_coding,
    record::Recorder,
    sample::{self, Seen},
    service::is_event_stream,
    worker::wall_clock,
};

/// The longest text of a compressed error that is looked at.
const MAX_UNPACKED: usize = 64 << 10;
/// How long a stream may take to its first content until it is passed on without.
const STREAM_PATIENCE: Duration = Duration::from_secs(2);
/// Said of a key of whose limit nothing is left, before it meets it.
const USED_UP: &str = "nothing left of its limit";

/// What came of an attempt.
pub(crate) struct Judgement<'a> {
    pub(crate) verdict: Verdict<'a>,
    /// What the key suffers for it.
    pub(crate) penalty: Option<Penalty>,
    /// How long the upstream wants to be left alone.
    pub(crate) told: Option<Duration>,
    /// The status, or what it would have been.
    pub(crate) status: u16,
}

/// What an answer says, by some rules.
pub(crate) struct Reading<'a> {
    pub(crate) verdict: Verdict<'a>,
    pub(crate) limits: Limits,
    /// The status, or what it would have been.
    pub(crate) status: u16,
    /// When it was read.
    pub(crate) now: Now,
    /// The beginning of its text, where the rules look at it.
    pub(crate) body: Vec<u8>,
}

/// Whether an answer is a success that says nothing else and of which nothing follows, as most are.
pub(crate) fn is_plain_success(ask: &Ask, picked: &Picked, response: &Response<AnswerBody>) -> bool {
    ask.route.rules.is_plain_success(response.status().as_u16())
        && !picked.is_recovering()
        && !Limits::are_in(response.headers())
}

/// Reads an answer; a stream begins as told.
pub(crate) async fn read<'a>(
    rules: &'a RuleSet,
    response: &mut Response<AnswerBody>,
    start: StreamStart,
) -> Reading<'a> {
    let (status, body) = match start {
        StreamStart::Error { status, body } => (status, body),
        StreamStart::Unclear | StreamStart::Content => {
            let status = response.status().as_u16();
            (status, if rules.needs_body(status) { beginning(response, PATIENCE).await } else { Vec::new() })
        }
    };
    let now = Now { instant: Instant::now().into_std(), wall: wall_clock() };
    let limits = Limits::read(response.headers(), &body, now.wall);
    let answer = outcome::Answer { status, headers: response.headers(), body: &body };
    Reading { verdict: rules.classify(answer, &limits, now.wall), limits, status, now, body }
}

/// Looks at an answer to an attempt that began at `started`, and sees to it that the key rests if it has to, and that
/// there is a sample of a failure.
pub(crate) async fn judge<'a>(
    recorder: &Recorder,
    ask: &'a Ask,
    picked: &mut Picked,
    response: &mut Response<AnswerBody>,
    start: StreamStart,
    started: Instant,
) -> Judgement<'a> {
    let route: &'a Route = &ask.route;
    let Reading { verdict, limits, status, now, body } = read(&route.rules, response, start).await;
    let health = route.pool.health();
    let mut note = |outcome: &Outcome, reason| {
        let model = if outcome.is_about_a_model() || picked.is_recovering() { ask.model() } else { None };
        health.note(picked, outcome, reason, model, started.into_std(), now)
    };
    let mut penalty = note(&verdict.outcome, verdict.rule);
    if verdict.outcome == Outcome::Success
        && let Some(told) = limits.used_up_for
    {
        let rest = Rest { scope: route.rules.limit_scope(), told: Some(told) };
        penalty = note(&Outcome::RateLimited(rest), USED_UP);
    }
    if penalty.is_some() {
        let (slug, key_id) = (&route.config.spec.slug, picked.slot().id);
        info!(%slug, %key_id, status, outcome = verdict.outcome.kind().as_str(), rule = verdict.rule, "key rests");
    }
    if verdict.outcome != Outcome::Success {
        let seen = Seen { status, verdict, at: now.wall, body };
        sample::take(recorder, route, &picked.slot().credential, seen, response).await;
    }
    Judgement { verdict, penalty, told: limits.wait(), status }
}

/// Whether an answer is a stream whose beginning is worth waiting for: until its first content, it may still turn out
/// to be an error.
pub(crate) fn may_begin_with_an_error(ask: &Ask, response: &Response<AnswerBody>) -> bool {
    let headers = response.headers();
    matches!(ask.route.config.spec.target, Target::Llm { .. })
        && response.status().is_success()
        && is_event_stream(headers)
        && !headers.contains_key(header::CONTENT_ENCODING)
}

/// How an answer begins, if it is a stream; anything else begins with its content.
pub(crate) async fn beginning_of_stream(ask: &Ask, response: &mut Response<AnswerBody>) -> StreamStart {
    if !may_begin_with_an_error(ask, response) {
        return StreamStart::Content;
    }
    let is_clear = |bytes: &[u8]| stream_start(bytes) != StreamStart::Unclear;
    stream_start(&response.body_mut().peek_until(STREAM_PATIENCE, is_clear).await)
}

/// The beginning of an answer's text, as far as it comes in time.
pub(crate) async fn beginning(response: &mut Response<AnswerBody>, patience: Duration) -> Vec<u8> {
    let packed = response.body_mut().peek_until(patience, |_| false).await;
    let coding = response.headers().get(header::CONTENT_ENCODING).and_then(|coding| coding.to_str().ok());
    match coding {
        Some(coding) => content_coding::decode(coding, &packed, MAX_UNPACKED).unwrap_or_default(),
        None => packed,
    }
}
