//! What answers looked like that were no success: for the log, so that rules can be tried on them.

use std::time::Duration;

use http::{HeaderMap, HeaderName, Response};
use jiff::Timestamp;
use rotator_core::{
    credential::{ReadyCredential, ReadyPlace},
    outcome::{RuleSet, Verdict},
    record::ErrorSample,
    routes::Route,
    secret::Secret,
};

use crate::{
    answer_body::AnswerBody,
    judge::beginning,
    record::Recorder,
    scrub::{Scrubber, mask},
};

/// How long to wait for a body that no rule looks at. The client waits as well, so it is what has come with the head.
const PATIENCE: Duration = Duration::from_millis(100);
/// Most headers of a sample, and the longest value, in bytes.
const MAX_HEADERS: usize = 32;
const MAX_VALUE: usize = 256;

/// What is known of an answer already.
pub(crate) struct Seen<'a> {
    pub(crate) status: u16,
    pub(crate) verdict: Verdict<'a>,
    pub(crate) at: Timestamp,
    /// The beginning of its text, if anybody has looked at it.
    pub(crate) body: Vec<u8>,
}

/// Takes a sample of an answer, unless there is one like it since a moment ago.
pub(crate) async fn take(
    recorder: &Recorder,
    route: &Route,
    key: &ReadyCredential,
    seen: Seen<'_>,
    response: &mut Response<AnswerBody>,
) {
    let Seen { status, verdict, at, mut body } = seen;
    let config_id = route.config.id;
    if !recorder.wants_sample(config_id, status, verdict.rule) {
        return;
    }
    if body.is_empty() {
        body = beginning(response, PATIENCE).await;
    }
    recorder.push_sample(ErrorSample {
        config_id,
        seen_at: at,
        status,
        headers: kept(response.headers(), &route.rules, key),
        body: text(body, response.body().is_whole(), key),
        outcome: verdict.outcome.kind(),
        rule: verdict.rule.into(),
    });
}

/// The headers that limits, rules and people read.
fn kept(headers: &HeaderMap, rules: &RuleSet, key: &ReadyCredential) -> Vec<(Box<str>, Box<str>)> {
    let kept = headers.iter().filter(|(name, _)| is_kept(name, rules)).take(MAX_HEADERS);
    kept.map(|(name, value)| {
        let mut value = value.as_bytes().to_vec();
        for secret in spellings(key) {
            value = mask(&value, secret.expose().as_bytes()).unwrap_or(value);
        }
        value.truncate(MAX_VALUE);
        (name.as_str().into(), String::from_utf8_lossy(&value).into())
    })
    .collect()
}

fn is_kept(name: &HeaderName, rules: &RuleSet) -> bool {
    match name.as_str() {
        "authorization" | "cookie" | "proxy-authorization" | "set-cookie" | "www-authenticate" => false,
        "content-type" | "date" | "x-should-retry" => true,
        text => text.starts_with("retry-after") || text.contains("ratelimit") || rules.reads(name),
    }
}

/// The beginning of a text without the key. Where the rest has not come, the key may begin at the end of it.
fn text(body: Vec<u8>, is_whole: bool, key: &ReadyCredential) -> Box<str> {
    let mut text = body;
    for secret in spellings(key) {
        let mut scrubber = Scrubber::new(secret.clone());
        text = scrubber.push(text.into()).into();
        if is_whole {
            text.extend(scrubber.finish());
        }
    }
    text.truncate(ErrorSample::MAX_BODY);
    String::from_utf8_lossy(&text).into()
}

/// The key, and how it was sent where that is another text: what comes back may be either.
fn spellings(key: &ReadyCredential) -> impl Iterator<Item = &Secret> {
    let sent = match &key.place {
        ReadyPlace::Query(_, pair) => Some(pair),
        ReadyPlace::Header(..) => None,
    };
    std::iter::once(&key.secret).chain(sent)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rotator_core::{
        credential::{Credential, Place},
        model::{ConfigFields, ConfigSpec},
    };

    use super::*;

    fn key(text: &str) -> ReadyCredential {
        let credential = Credential { place: Place::Query("k".into()), template: "{key}".parse().unwrap() };
        credential.ready(&Secret::parse(text).unwrap()).unwrap()
    }

    fn rules(json: &str) -> RuleSet {
        let fields = ConfigFields {
            name: "n".into(),
            slug: "s".into(),
            config_type: "LLM".into(),
            is_active: true,
            target_base_url: Some("https://a.example".into()),
            ..ConfigFields::default()
        };
        let spec = ConfigSpec::try_from(&fields).unwrap();
        RuleSet::of(&spec.target, &serde_json::from_str::<Vec<_>>(json).unwrap())
    }

    #[test]
    fn only_headers_that_tell_of_limits_or_that_rules_read_are_kept() {
        let rules = rules(
            r#"[{"name": "own", "status": ["400"], "outcome": "key_rejected",
                "headers": {"X-Why": "no", "set-cookie": "a"}}]"#,
        );
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("retry-after-ms", "5"),
            ("x-ratelimit-reset-tokens", "6m0s"),
            ("x-why", "no, sk-secret-1"),
            ("set-cookie", "a=b"),
            ("authorization", "Bearer a"),
            ("server", "s"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers.append("retry-after", HeaderValue::from_str(&"5".repeat(999)).unwrap());

        let kept = kept(&headers, &rules, &key("sk-secret-1"));

        let kept: Vec<_> = kept.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(
            kept,
            [
                ("retry-after-ms", "5"),
                ("x-ratelimit-reset-tokens", "6m0s"),
                ("x-why", "no, ***********"),
                ("retry-after", "5".repeat(MAX_VALUE).as_str()),
            ]
        );
    }

    #[test]
    fn no_piece_of_the_key_is_in_a_text_wherever_that_is_cut() {
        let said = format!("{}sk-secret-1 is wrong", "x".repeat(ErrorSample::MAX_BODY - 5));

        let key = key("sk-secret-1");
        for cut in 0..said.len() {
            let text = text(said.as_bytes()[..cut].to_vec(), false, &key);
            assert!(text.len() <= ErrorSample::MAX_BODY && !text.contains('s'), "{cut}: {text}");
        }
        assert_eq!(&*text(b"no requests".to_vec(), true, &key), "no requests");
    }

    #[test]
    fn a_key_is_masked_as_it_stands_in_a_query_too() {
        let said = b"GET /?k=a%2Fsecret HTTP/1.1, a/secret".to_vec();

        assert_eq!(&*text(said, true, &key("a/secret")), "GET /?************ HTTP/1.1, ********");
    }
}
