//! The table that tells whose doing an answer is.
//!
//! It is data, in `rules.json`: rules by provider, then rules for all. A config's own rules come before both. The first
//! rule that fits decides.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Limits, Outcome, Rest, Scope, StatusRange,
    calendar::Calendar,
    pattern::{Pattern, RestTime},
};
use crate::model::{ApiFormat, BaseUrl, Target};

/// The table, as every build carries it. A test sees to it that it can be read.
static TABLE: LazyLock<Table> = LazyLock::new(|| read(include_str!("rules.json")).unwrap_or_default());
/// The version of the table's form that this program reads.
const VERSION: u32 = 1;
/// Longest name of a rule, in characters.
const MAX_NAME: usize = 100;
/// Those that HTTP has.
const STATUSES: std::ops::RangeInclusive<u16> = 100..=599;

/// An answer, as far as rules look at it.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// The beginning of its body; empty when nobody has read it.
    pub body: &'a [u8],
}

/// One rule: if all that it names fits, this is what the answer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What people call it.
    pub name: String,
    /// Any of these.
    pub status: Vec<StatusRange>,
    /// All of these headers, each with this text somewhere in its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<Pattern, Pattern>,
    /// Any of these texts in the beginning of the body; none means that the body does not matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<Pattern>,
    /// What the answer says.
    pub outcome: Kind,
    /// What the limit counts.
    #[serde(default)]
    pub scope: Scope,
    /// How long the key rests when the upstream does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<RestTime>,
    /// Until when the key rests when the upstream does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Calendar>,
    /// It may be the request's fault after all: it is, if another key meets with the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub perhaps_the_request: bool,
    /// The upstream failed before it did anything: the request may be sent again, whatever it asks for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unprocessed: bool,
}

/// An [`Outcome`] without its particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`Outcome::Success`].
    Success,
    /// [`Outcome::KeyRejected`].
    KeyRejected,
    /// [`Outcome::RateLimited`].
    RateLimited,
    /// [`Outcome::QuotaExhausted`].
    QuotaExhausted,
    /// [`Outcome::UpstreamFailed`].
    UpstreamFailed,
    /// [`Outcome::RequestFault`].
    RequestFault,
}

impl Kind {
    /// Each of them, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Success,
        Self::KeyRejected,
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::UpstreamFailed,
        Self::RequestFault,
    ];

    /// The name under which it is stored, counted and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::KeyRejected => "key_rejected",
            Self::RateLimited => "rate_limited",
            Self::QuotaExhausted => "quota_exhausted",
            Self::UpstreamFailed => "upstream_failed",
            Self::RequestFault => "request_fault",
        }
    }
}

/// The rules of one config, in the order in which they are tried.
#[derive(Debug, Clone)]
pub struct RuleSet {
    rules: Vec<Rule>,
    /// By status, from 100 on.
    deciders: Box<[Decider]>,
    limit_scope: Scope,
}

/// How an answer of one status is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decider {
    /// By the status alone: this rule.
    Status(usize),
    /// By its headers as well.
    Headers,
    /// By its body as well.
    Body,
}

/// What a rule set says of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Whose doing it is.
    pub outcome: Outcome,
    /// The name of the rule that decided.
    pub rule: &'a str,
    /// It may be the request's fault after all.
    pub perhaps_the_request: bool,
    /// Nothing was done: the request may be sent again.
    pub unprocessed: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    version: u32,
    providers: Vec<Provider>,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the table"))]
    name: String,
    /// Where it says what its limits count.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the table"))]
    limits_at: String,
    /// A host, or with a leading dot the end of one.
    hosts: Vec<String>,
    /// The format whose services speak like this one, wherever they are.
    api_format: Option<String>,
    rules: Vec<Rule>,
}

impl RuleSet {
    /// The rules for a service: its own, its provider's, and those for all.
    pub fn of(target: &Target, own: &[Rule]) -> Self {
        let format = match target {
            Target::Llm { api_format, .. } => Some(*api_format),
            Target::Generic { .. } => None,
        };
        let by_host = TABLE.providers.iter().find(|provider| provider.is_at(target.url()));
        let by_format = || TABLE.providers.iter().find(|provider| provider.speaks(format));
        let provider = by_host.or_else(by_format).map_or(&[][..], |provider| &provider.rules);
        let rules: Vec<Rule> = own.iter().chain(provider).chain(&TABLE.rules).cloned().collect();
        let deciders = STATUSES.map(|status| decider(&rules, status)).collect();
        let is_plain =
            |rule: &&Rule| rule.fits_status(429) && rule.headers.is_empty() && rule.body.is_empty();
        let limit_scope = rules.iter().find(is_plain).map_or(Scope::Key, |rule| rule.scope);
        Self { rules, deciders, limit_scope }
    }

    /// Whether what an answer of this status says depends on its body.
    pub fn needs_body(&self, status: u16) -> bool {
        self.decider(status) == Some(Decider::Body)
    }

    /// Whether a rule looks at this header.
    pub fn reads(&self, header: &HeaderName) -> bool {
        self.rules.iter().flat_map(|rule| rule.headers.keys()).any(|name| name.as_str() == header.as_str())
    }

    /// What the upstream's limits count, by the first rule for a plain 429.
    pub fn limit_scope(&self) -> Scope {
        self.limit_scope
    }

    fn decider(&self, status: u16) -> Option<Decider> {
        let place = status.checked_sub(*STATUSES.start())?;
        self.deciders.get(usize::from(place)).copied()
    }

    /// Whether a status alone tells that an answer is a success, as it does for most.
    pub fn is_plain_success(&self, status: u16) -> bool {
        let Some(Decider::Status(place)) = self.decider(status) else { return false };
        self.rules.get(place).is_some_and(|rule| rule.outcome == Kind::Success)
    }

    /// What an answer says. `now` is for limits that end at a time of day.
    pub fn classify(&self, answer: Answer<'_>, limits: &Limits, now: Timestamp) -> Verdict<'_> {
        let decisive = match self.decider(answer.status) {
            Some(Decider::Status(place)) => self.rules.get(place),
            _ => self.rules.iter().find(|rule| rule.fits(answer)),
        };
        match decisive {
            Some(rule) => Verdict {
                outcome: rule.says(limits, now),
                rule: &rule.name,
                perhaps_the_request: rule.perhaps_the_request,
                unprocessed: rule.unprocessed,
            },
            None => Verdict {
                outcome: Outcome::UpstreamFailed,
                rule: "no rule",
                perhaps_the_request: false,
                unprocessed: false,
            },
        }
    }
}

fn read(table: &str) -> Result<Table, String> {
    match serde_json::from_str(table) {
        Ok(Table { version, .. }) if version != VERSION => Err(format!("this is version {version}")),
        table => table.map_err(|error| error.to_string()),
    }
}

fn decider(rules: &[Rule], status: u16) -> Decider {
    let mut needs_headers = false;
    for (place, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.fits_status(status)) {
        if !rule.body.is_empty() {
            return Decider::Body;
        }
        if rule.headers.is_empty() {
            return if needs_headers { Decider::Headers } else { Decider::Status(place) };
        }
        needs_headers = true;
    }
    Decider::Headers
}

impl Provider {
    fn is_at(&self, url: &BaseUrl) -> bool {
        let host = url.authority().host().to_ascii_lowercase();
        self.hosts.iter().any(|known| host == *known || (known.starts_with('.') && host.ends_with(known)))
    }

    fn speaks(&self, format: Option<ApiFormat>) -> bool {
        format.is_some_and(|format| self.api_format.as_deref() == Some(format.as_str()))
    }
}

impl Rule {
    /// What is wrong with a rule that can be read but never decides, or would harm.
    pub fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if name.trim().is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(format!("must have names of 1 to {MAX_NAME} characters without control characters"));
        }
        if self.status.is_empty() {
            return Err(format!("must name a status each; \"{name}\" names none"));
        }
        if let Some(header) = self.headers.keys().find(|name| HeaderName::try_from(name.as_str()).is_err()) {
            return Err(format!("must name headers; \"{}\" of \"{name}\" is none", header.as_str()));
        }
        let plain_success = self.fits_status(200) && self.headers.is_empty() && self.body.is_empty();
        if plain_success && self.outcome != Kind::Success {
            return Err(format!(
                "must not take every 200 for a failure, as \"{name}\" does; name a body or a header"
            ));
        }
        Ok(())
    }

    fn fits_status(&self, status: u16) -> bool {
        self.status.iter().any(|range| range.contains(status))
    }

    fn fits(&self, answer: Answer<'_>) -> bool {
        let has = |(name, text): (&Pattern, &Pattern)| {
            let Ok(name) = HeaderName::try_from(name.as_str()) else { return false };
            answer.headers.get_all(name).iter().any(|value| text.is_in(value.as_bytes()))
        };
        self.fits_status(answer.status)
            && self.headers.iter().all(has)
            && (self.body.is_empty() || self.body.iter().any(|text| text.is_in(answer.body)))
    }

    fn says(&self, limits: &Limits, now: Timestamp) -> Outcome {
        let told = || {
            let own = self.rest.map(Duration::from).or_else(|| self.until.map(|until| until.after(now)));
            Rest { scope: self.scope, told: limits.wait().or(own) }
        };
        match self.outcome {
            Kind::Success => Outcome::Success,
            Kind::KeyRejected => Outcome::KeyRejected,
            Kind::RateLimited => Outcome::RateLimited(told()),
            // What an upstream says of its next minute is not about a day that is used up.
            Kind::QuotaExhausted => {
                let own = self.until.map(|until| until.after(now));
                Outcome::QuotaExhausted(Rest { told: own.or(told().told), ..told() })
            }
            Kind::UpstreamFailed => Outcome::UpstreamFailed,
            Kind::RequestFault => Outcome::RequestFault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read_and_every_provider_is_found() {
        let table = read(include_str!("rules.json")).unwrap();

        for provider in &table.providers {
            assert!(provider.limits_at.starts_with("https://"), "{}", provider.name);
            let host = &provider.hosts[0];
            let url = format!("https://{}{host}/v1", if host.starts_with('.') { "me" } else { "" });
            let found = table.providers.iter().find(|known| known.is_at(&url.parse().unwrap())).unwrap();
            assert_eq!(found.name, provider.name);
        }
        assert!(read(r#"{"version":2,"providers":[],"rules":[]}"#).is_err_and(|why| why.contains('2')));
    }

    #[test]
    fn a_host_that_only_ends_alike_is_another() {
        let is_at = |known: &str, url: &str| {
            let provider = Provider {
                name: String::new(),
                limits_at: String::new(),
                hosts: vec![known.into()],
                api_format: None,
                rules: Vec::new(),
            };
            provider.is_at(&url.parse().unwrap())
        };

        assert!(is_at("api.openai.com", "https://API.OpenAI.com/v1"));
        assert!(!is_at("api.openai.com", "https://evil-api.openai.com.example"));
        assert!(is_at(".openai.azure.com", "https://me.openai.azure.com"));
        assert!(!is_at(".openai.azure.com", "https://openai.azure.com.evil.example"));
    }
}
