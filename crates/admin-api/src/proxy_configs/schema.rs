//! What forms and views of proxy configs have in common, and the names that the document gives.

use std::collections::BTreeMap;

use rotator_core::{
    model::{ApiFormat, ConfigType, OutputFormat, Strategy, TargetFields},
    outcome::Kind,
};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, schema::Type},
};

/// Another address of an API.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Target)]
pub(crate) struct TargetForm {
    /// Where it is.
    #[schema(example = "https://eu.api.example.com/v1")]
    url: String,
    /// Its share among the addresses of its priority: 1 to 1000, by default 1, as the main address has.
    #[serde(default = "one")]
    #[schema(default = 1)]
    weight: u16,
    /// 0 to 9, by default 1. It is used when all addresses of a lower number fail; the main address has 0.
    #[serde(default = "one")]
    #[schema(default = 1)]
    priority: u16,
}

/// How the document shows a [`Rule`](rotator_core::outcome::Rule).
#[derive(ToSchema)]
#[schema(as = Rule)]
#[expect(dead_code, reason = "its shape is what matters")]
pub(crate) struct RuleSchema {
    /// What people call it.
    #[schema(example = "out of credit")]
    name: String,
    /// Any of these statuses or ranges.
    #[schema(example = json!(["402", "500-504"]))]
    status: Vec<String>,
    /// All of these headers, each with this text somewhere in its value, in either case.
    headers: Option<BTreeMap<String, String>>,
    /// Any of these texts in the first 8 KiB of the body, in either case; none means that the body does not matter.
    body: Option<Vec<String>>,
    /// What the answer says.
    #[schema(schema_with = outcome)]
    outcome: String,
    /// What the limit counts: `key` by default, `key_model`, `quota_group`, or `quota_group_model`. A limit of the quota
    /// group rests all its keys in the config.
    scope: Option<String>,
    /// How long the key rests when the upstream does not say, such as `90s` or `1h`.
    rest: Option<String>,
    /// Until when the key rests when the upstream does not say: `midnight_utc` or `midnight_pacific`.
    until: Option<String>,
    /// It may be the request's fault: it is, if another key meets with the same.
    perhaps_the_request: Option<bool>,
    /// The upstream failed before it did anything: the request may be sent again, whatever it asks for.
    unprocessed: Option<bool>,
}

impl TargetForm {
    pub(crate) fn into_fields(self) -> TargetFields {
        TargetFields { url: self.url, weight: self.weight, priority: self.priority }
    }

    pub(crate) fn of(fields: TargetFields) -> Self {
        Self { url: fields.url, weight: fields.weight, priority: fields.priority }
    }
}

fn one() -> u16 {
    1
}

fn names<const N: usize>(names: [&'static str; N]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

pub(crate) fn config_type() -> Object {
    names([ConfigType::Generic, ConfigType::Llm].map(ConfigType::as_str))
}

pub(crate) fn api_format() -> Object {
    names({
        use ApiFormat::{AnthropicNative, GeminiNative, OpenAiCompatible, OpenAiResponses};
        [OpenAiCompatible, OpenAiResponses, AnthropicNative, GeminiNative].map(ApiFormat::as_str)
    })
}

pub(crate) fn output_format() -> Object {
    use OutputFormat::{Anthropic, Gemini, None, OpenAi, OpenAiResponses};
    names([None, OpenAi, OpenAiResponses, Anthropic, Gemini].map(OutputFormat::as_str))
}

pub(crate) fn strategy() -> Object {
    use Strategy::{LeastConnections, Random, RoundRobin, Sticky, Weighted};
    names([RoundRobin, Weighted, LeastConnections, Random, Sticky].map(Strategy::as_str))
}

pub(crate) fn outcome() -> Object {
    names(Kind::ALL.map(Kind::as_str))
}
