//! Trying rules out on answers, before they decide about keys.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue},
};
use jiff::Timestamp;
use rotator_core::{
    model::ConfigId,
    outcome::{Answer, Limits, Outcome, Rule, RuleSet, Scope},
    record::ErrorSample,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    NO_CONFIG,
    error_samples::ErrorSampleView,
    schema::{RuleSchema, outcome},
};
use crate::{
    admin::Admin,
    body::{Body, Form},
    error::ApiError,
    query::Id,
    state::AdminState,
};

/// Most answers to judge at once.
const MAX_ANSWERS: usize = 100;

/// Rules, and what to try them on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RulesTest {
    /// Rules to try; the config's own by default.
    #[schema(value_type = Option<Vec<RuleSchema>>)]
    rules: Option<Vec<Rule>>,
    /// What an upstream might answer: 1 to 100. Left out, the rules are tried on what it did answer: the samples.
    #[schema(nullable = false)]
    answers: Option<Vec<Imagined>>,
    /// Which samples to try them on, without `answers`.
    #[schema(nullable = false)]
    samples: Option<Samples>,
}

/// Samples of answers.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Samples {
    /// Those of the service's last answers that were no success.
    Stored,
}

/// What an upstream might answer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Sample)]
pub(crate) struct Imagined {
    /// 100 to 599.
    #[schema(example = 429)]
    status: u16,
    /// Its headers.
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    /// The beginning of its body.
    #[serde(default)]
    body: String,
}

/// What the rules say of the answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct RulesReport {
    /// The samples that the rules were tried on, each with what it was understood to say when it came; none when answers
    /// were given.
    samples: Vec<ErrorSampleView>,
    /// In the order of the answers, or of the samples.
    verdicts: Vec<VerdictView>,
}

/// What the rules say of one answer.
#[derive(Serialize, ToSchema)]
#[schema(as = Verdict)]
pub(crate) struct VerdictView {
    /// What it says.
    #[schema(schema_with = outcome)]
    outcome: &'static str,
    /// The name of the rule that decided.
    rule: String,
    /// What the limit counts, where there is one.
    #[schema(required, value_type = Option<String>, example = "key_model")]
    scope: Option<Scope>,
    /// How long the key would rest, in seconds; null where it does not, or for a time that grows.
    #[schema(required)]
    rest_seconds: Option<f64>,
    /// It would be taken for the request's fault if another key met with the same.
    perhaps_the_request: bool,
    /// The request would be sent again, whatever it asks for.
    unprocessed: bool,
}

impl Form for RulesTest {}

/// Try rules out
///
/// Nothing is changed, and nothing is sent: it only tells how answers would be understood. A sample is read as of the
/// time when it came.
#[utoipa::path(
    post,
    path = "/proxy-configs/{id}/rules/test",
    operation_id = "testRules",
    tag = "proxy configs",
    params(("id" = i64, Path)),
    request_body = RulesTest,
    responses((status = 200, description = "What the rules say", body = RulesReport))
)]
pub(crate) async fn test_rules(
    _: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
    Body(test): Body<RulesTest>,
) -> Result<Json<RulesReport>, ApiError> {
    let spec = state.store().config(ConfigId(id)).await?.ok_or(NO_CONFIG)?.config.spec;
    let rules = test.rules.unwrap_or(spec.rules);
    if let Some(reason) = rules.iter().find_map(|rule| rule.check().err()) {
        return Err(ApiError::field("rules", reason));
    }
    let rules = RuleSet::of(&spec.target, &rules);
    let Some(answers) = test.answers else {
        let samples = state.store().error_samples(ConfigId(id)).await?;
        let verdicts = samples.iter().map(|sample| verdict_of(sample, &rules)).collect();
        let samples = samples.into_iter().map(ErrorSampleView::from).collect();
        return Ok(Json(RulesReport { samples, verdicts }));
    };
    if test.samples.is_some() {
        return Err(ApiError::field("samples", "must be left out where answers are given"));
    }
    if answers.is_empty() || answers.len() > MAX_ANSWERS {
        return Err(ApiError::field("answers", format!("must be 1 to {MAX_ANSWERS}")));
    }
    let now = state.now();
    let verdicts = answers.iter().map(|answer| answer.judged(&rules, now)).collect::<Result<_, _>>()?;
    Ok(Json(RulesReport { samples: Vec::new(), verdicts }))
}

fn verdict_of(sample: &ErrorSample, rules: &RuleSet) -> VerdictView {
    let header = |(name, value): &(Box<str>, Box<str>)| {
        Some((HeaderName::try_from(&**name).ok()?, HeaderValue::try_from(&**value).ok()?))
    };
    let headers: HeaderMap = sample.headers.iter().filter_map(header).collect();
    let answer = Answer { status: sample.status, headers: &headers, body: sample.body.as_bytes() };
    VerdictView::of(answer, rules, sample.seen_at)
}

impl Imagined {
    fn judged(&self, rules: &RuleSet, now: Timestamp) -> Result<VerdictView, ApiError> {
        if !(100..=599).contains(&self.status) {
            return Err(ApiError::field("answers", "must hold statuses of 100 to 599"));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                (Ok(name), Ok(value)) => headers.append(name, value),
                _ => return Err(ApiError::field("answers", "must hold headers as HTTP allows them")),
            };
        }
        let answer = Answer { status: self.status, headers: &headers, body: self.body.as_bytes() };
        Ok(VerdictView::of(answer, rules, now))
    }
}

impl VerdictView {
    fn of(answer: Answer<'_>, rules: &RuleSet, now: Timestamp) -> Self {
        let limits = Limits::read(answer.headers, answer.body, now);
        let verdict = rules.classify(answer, &limits, now);
        let rest = match verdict.outcome {
            Outcome::RateLimited(rest) | Outcome::QuotaExhausted(rest) => Some(rest),
            _ => None,
        };
        Self {
            outcome: verdict.outcome.kind().as_str(),
            rule: verdict.rule.into(),
            scope: rest.map(|rest| rest.scope),
            rest_seconds: rest.and_then(|rest| rest.told).map(|told| told.as_secs_f64()),
            perhaps_the_request: verdict.perhaps_the_request,
            unprocessed: verdict.unprocessed,
        }
    }
}
