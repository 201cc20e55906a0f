use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use super::*;
use crate::model::{ConfigFields, ConfigSpec};

fn now() -> Timestamp {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

fn target(config_type: &str, url: &str, api_format: Option<&str>) -> crate::model::Target {
    let fields = ConfigFields {
        name: "n".into(),
        slug: "n".into(),
        config_type: config_type.into(),
        api_key_location: (config_type == "GENERIC").then(|| "header".into()),
        api_key_name: (config_type == "GENERIC").then(|| "x-key".into()),
        target_url: Some(url.into()),
        target_base_url: Some(url.into()),
        api_format: api_format.map(Into::into),
        ..ConfigFields::default()
    };
    ConfigSpec::try_from(&fields).unwrap().target
}

fn llm(url: &str, api_format: &str) -> RuleSet {
    RuleSet::of(&target("LLM", url, Some(api_format)), &[])
}

fn rest() -> RuleSet {
    RuleSet::of(&target("GENERIC", "https://api.weather.example", None), &[])
}

fn says(rules: &RuleSet, status: u16, headers: &[(&'static str, &str)], body: &str) -> (Outcome, String) {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect();
    let limits = Limits::read(&headers, body.as_bytes(), now());
    let answer = Answer { status, headers: &headers, body: body.as_bytes() };
    let verdict = rules.classify(answer, &limits, now());
    (verdict.outcome, verdict.rule.to_owned())
}

fn limited(scope: Scope, told: Option<u64>) -> Outcome {
    Outcome::RateLimited(super::Rest { scope, told: told.map(Duration::from_secs) })
}

fn exhausted(scope: Scope, told: u64) -> Outcome {
    Outcome::QuotaExhausted(super::Rest { scope, told: Some(Duration::from_secs(told)) })
}

#[test]
fn any_api_is_understood_by_its_status() {
    let rules = rest();

    for (status, outcome) in [
        (200, Outcome::Success),
        (302, Outcome::Success),
        (400, Outcome::RequestFault),
        (401, Outcome::KeyRejected),
        (402, exhausted(Scope::Key, 3600)),
        (403, Outcome::KeyRejected),
        (404, Outcome::RequestFault),
        (422, Outcome::RequestFault),
        (429, limited(Scope::Key, None)),
        (500, Outcome::UpstreamFailed),
        (599, Outcome::UpstreamFailed),
    ] {
        assert_eq!(says(&rules, status, &[], "").0, outcome, "{status}");
    }
    assert_eq!(says(&rules, 429, &[("retry-after", "7")], "").0, limited(Scope::Key, Some(7)));
}

#[test]
fn each_provider_is_understood_in_its_own_words() {
    let openai = llm("https://api.openai.com/v1", "openai_compatible");
    let anthropic = llm("https://api.anthropic.com", "anthropic_native");
    let gemini = llm("https://generativelanguage.googleapis.com/v1beta", "gemini_native");
    let openrouter = llm("https://openrouter.ai/api/v1", "openai_compatible");
    let azure = llm("https://me.openai.azure.com/openai/v1", "openai_compatible");
    let dashscope = llm("https://dashscope.aliyuncs.com/compatible-mode/v1", "openai_compatible");
    let deepseek = llm("https://api.deepseek.com", "openai_compatible");
    let model_limit = limited(Scope::QuotaGroupModel, None);
    let no_credit = exhausted(Scope::QuotaGroup, 3600);

    for (rules, status, body, outcome) in [
        (&openai, 429, r#"{"error":{"code":"rate_limit_exceeded"}}"#, model_limit),
        (&openai, 429, r#"{"error":{"code":"insufficient_quota"}}"#, no_credit),
        (&openai, 401, r#"{"error":{"code":"invalid_api_key"}}"#, Outcome::KeyRejected),
        (
            &openai,
            403,
            r#"{"error":{"code":"unsupported_country_region_territory"}}"#,
            Outcome::UpstreamFailed,
        ),
        (&openai, 400, r#"{"error":{"message":"you said insufficient_quota"}}"#, Outcome::RequestFault),
        (&anthropic, 429, r#"{"error":{"type":"rate_limit_error"}}"#, model_limit),
        (&anthropic, 529, r#"{"error":{"type":"overloaded_error"}}"#, Outcome::UpstreamFailed),
        (&anthropic, 400, r#"{"error":{"message":"Your credit balance is too low"}}"#, no_credit),
        (&anthropic, 400, r#"{"error":{"message":"messages: at least one"}}"#, Outcome::RequestFault),
        (&gemini, 400, r#"{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}"#, Outcome::KeyRejected),
        (&gemini, 400, r#"{"error":{"status":"INVALID_ARGUMENT"}}"#, Outcome::RequestFault),
        (
            &gemini,
            429,
            r#"{"quotaId":"GenerateRequestsPerDayPerProjectPerModel"}"#,
            exhausted(Scope::QuotaGroupModel, 86_400),
        ),
        (&gemini, 429, r#"{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel"}"#, model_limit),
        (&openrouter, 402, "", no_credit),
        (&openrouter, 403, r#"{"error":{"metadata":{"reasons":["flagged"]}}}"#, Outcome::RequestFault),
        (
            &openrouter,
            429,
            r#"{"error":{"message":"Rate limit exceeded: free-models-per-day"}}"#,
            exhausted(Scope::QuotaGroup, 57_600),
        ),
        (&azure, 403, r#"{"error":{"message":"Out of call volume quota."}}"#, no_credit),
        (&azure, 400, r#"{"error":{"code":"content_filter"}}"#, Outcome::RequestFault),
        (&dashscope, 400, r#"{"code":"Arrearage"}"#, no_credit),
        (&deepseek, 402, r#"{"error":{"message":"Insufficient Balance"}}"#, no_credit),
    ] {
        assert_eq!(says(rules, status, &[], body).0, outcome, "{status} {body}");
    }
}

#[test]
fn a_service_of_nobody_known_is_read_by_its_format() {
    let vllm = llm("http://10.0.0.1:8000/v1", "openai_compatible");

    assert_eq!(says(&vllm, 429, &[], r#"{"code":"insufficient_quota"}"#).1, "no credit left");
}

#[test]
fn a_day_that_is_used_up_does_not_end_with_a_minute() {
    let gemini = llm("https://generativelanguage.googleapis.com", "gemini_native");
    let body = r#"{"quotaId":"RequestsPerDayPerProject","retryDelay":"20s"}"#;

    assert_eq!(says(&gemini, 429, &[], body).0, exhausted(Scope::QuotaGroupModel, 86_400));
}

#[test]
fn a_services_own_rules_come_first() {
    let own: Vec<Rule> = serde_json::from_str(
        r#"[
            {"name": "error in a 200", "status": ["200"], "body": ["\"status\":\"OVER_QUERY_LIMIT\""],
             "outcome": "rate_limited", "rest": "30s"},
            {"name": "busy", "status": ["503"], "headers": {"X-Reason": "Quota"}, "outcome": "quota_exhausted", "rest": "2h"}
        ]"#,
    )
    .unwrap();
    let rules = RuleSet::of(&target("GENERIC", "https://maps.example", None), &own);

    let limited = limited(Scope::Key, Some(30));
    assert_eq!(
        says(&rules, 200, &[], r#"{"status":"over_query_limit"}"#),
        (limited, "error in a 200".into())
    );
    assert_eq!(says(&rules, 200, &[], r#"{"status":"OK"}"#).0, Outcome::Success);
    assert_eq!(says(&rules, 503, &[("x-reason", "no quota left")], "").0, exhausted(Scope::Key, 7200));
    assert_eq!(says(&rules, 503, &[("x-reason", "tired")], "").0, Outcome::UpstreamFailed);
}

#[test]
fn a_body_is_asked_for_only_where_it_matters() {
    let openai = llm("https://api.openai.com/v1", "openai_compatible");

    for (status, needed) in [(200, false), (429, true), (403, true), (401, true), (400, false), (500, false)]
    {
        assert_eq!(openai.needs_body(status), needed, "{status}");
    }
    assert!(!rest().needs_body(429));
}

#[test]
fn only_what_a_second_key_may_confirm_is_in_doubt() {
    let rules = rest();
    let headers = HeaderMap::new();
    let doubt = |status| {
        let answer = Answer { status, headers: &headers, body: b"" };
        rules.classify(answer, &Limits::default(), now()).perhaps_the_request
    };

    assert!(doubt(403) && !doubt(401) && !doubt(429));
}

#[test]
fn a_rule_that_is_none_is_told_why() {
    for (text, why) in [
        (r#"{"name":"a","status":["4xx"],"outcome":"success"}"#, "500-599"),
        (r#"{"name":"a","status":["400"],"outcome":"maybe"}"#, "rate_limited"),
        (r#"{"name":"a","status":["400"],"outcome":"success","rest":"soon"}"#, "such as 90s"),
        (r#"{"name":"a","status":["400"],"outcome":"success","boddy":["x"]}"#, "boddy"),
        (r#"{"name":"a","status":["400"],"outcome":"success","body":[""]}"#, "1 to 200"),
    ] {
        let error = serde_json::from_str::<Rule>(text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
