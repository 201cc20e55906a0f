//! A proxy config as JSON: the form that an admin writes, and what is shown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rotator_core::{
    model::{
        ApiFormat, ConfigFields, ConfigOptions, ConfigSpec, ConfigType, OutputFormat, Strategy, TargetFields,
    },
    store::ConfigSummary,
};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, schema::Type},
};

use crate::{api_keys::Standings, body::Form, error::ApiError};

/// What an admin writes of a proxy config. What is left out or null has its default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProxyConfigForm {
    /// For people: 1 to 200 characters.
    #[schema(required, nullable = false, example = "OpenAI")]
    name: Option<String>,
    /// For URLs; unique.
    #[schema(required, nullable = false, pattern = "^[a-z0-9][a-z0-9._-]{0,99}$", example = "openai")]
    slug: Option<String>,
    /// In either case.
    #[schema(required, schema_with = config_type)]
    config_type: Option<String>,
    /// Whether clients may call it.
    #[schema(default = true)]
    is_active: Option<bool>,
    /// `header` or `query`. A `GENERIC` config needs it, an `LLM` config only where its API departs from its format.
    #[schema(example = "header")]
    api_key_location: Option<String>,
    /// The header or the query parameter that carries the key.
    #[schema(example = "Authorization")]
    api_key_name: Option<String>,
    /// The key in its surroundings; `{key}` alone by default.
    #[schema(example = "Bearer {key}")]
    api_key_template: Option<String>,
    /// The one method that clients may use. `ANY` by default.
    #[schema(example = "ANY")]
    method: Option<String>,
    /// Required for `GENERIC`.
    #[schema(example = "https://api.example.com")]
    target_url: Option<String>,
    /// Required for `LLM`.
    #[schema(example = "https://api.openai.com/v1")]
    target_base_url: Option<String>,
    /// What the API speaks. `openai_compatible` by default.
    #[schema(schema_with = api_format)]
    api_format: Option<String>,
    /// What clients speak. `none` by default: whatever the API speaks, byte for byte.
    #[schema(schema_with = output_format)]
    output_format: Option<String>,
    /// How keys take turns. `round_robin` by default; `conversation_hash` is another name of `sticky`.
    #[schema(schema_with = strategy)]
    strategy: Option<String>,
    /// Other addresses of the same API: regions, mirrors. They take the same keys.
    more_targets: Option<Vec<TargetForm>>,
    /// How many keys one request may try: 1 to 10. The server's own setting by default.
    max_attempts: Option<u8>,
    /// How often one request may be sent again because the upstream failed, where that is safe: 0 to 5, by default 1.
    max_retries: Option<u8>,
    /// From the head of the request to that of its answer, all attempts together, in milliseconds. No bound by default.
    total_timeout_ms: Option<u64>,
    /// In milliseconds. The server's own setting by default.
    connect_timeout_ms: Option<u64>,
    /// In milliseconds. The server's own setting by default.
    response_timeout_ms: Option<u64>,
    /// In milliseconds. The server's own setting by default.
    idle_timeout_ms: Option<u64>,
    /// In bytes. The server's own setting by default.
    max_body_bytes: Option<u64>,
    /// Headers set on every request. Shown in clear: keys belong into the pool.
    set_headers: Option<BTreeMap<String, String>>,
    /// Headers taken from every request.
    remove_headers: Option<Vec<String>>,
    /// The request header that names the conversation under `sticky`.
    sticky_header: Option<String>,
    /// Whether a `%2F` in a path is passed on.
    allow_encoded_slashes: Option<bool>,
    /// Whether the upstream's certificate goes unchecked.
    accept_invalid_certs: Option<bool>,
    /// Whether the proxy key may also stand in a JSON body of up to 64 KiB, as `api_key`; it is cut out.
    body_api_key: Option<bool>,
}

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

/// A [`ProxyConfigForm`] that may be what was shown before, with an edit.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Replacement(pub(crate) ProxyConfigForm);

/// Whether clients may call a config.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Status {
    /// Whether clients may call it.
    #[schema(required, nullable = false)]
    pub(crate) is_active: Option<bool>,
}

/// A proxy config.
#[expect(clippy::struct_excessive_bools, reason = "the shape of the JSON, flat as the old project had it")]
#[derive(Serialize, ToSchema)]
#[schema(as = ProxyConfig)]
pub(crate) struct ProxyConfigView {
    /// Given by the store, never used twice.
    id: i64,
    /// For people.
    name: String,
    /// For URLs; unique.
    slug: String,
    /// Which address it is reached at: `/proxy/{slug}` or `/llm/{slug}`.
    #[schema(schema_with = config_type)]
    config_type: String,
    /// Whether clients may call it.
    is_active: bool,
    /// `header` or `query`; null where the API's format says it.
    #[schema(required)]
    api_key_location: Option<String>,
    /// The header or the query parameter that carries the key.
    #[schema(required)]
    api_key_name: Option<String>,
    /// The key in its surroundings.
    #[schema(required)]
    api_key_template: Option<String>,
    /// `ANY` or one method; null for `LLM`.
    #[schema(required)]
    method: Option<String>,
    /// Of a `GENERIC` config.
    #[schema(required)]
    target_url: Option<String>,
    /// Of an `LLM` config.
    #[schema(required)]
    target_base_url: Option<String>,
    /// What the API of an `LLM` config speaks.
    #[schema(required)]
    api_format: Option<String>,
    /// What the clients of an `LLM` config speak.
    #[schema(required)]
    output_format: Option<String>,
    /// How keys take turns.
    #[schema(schema_with = strategy)]
    strategy: String,
    /// Other addresses of the same API.
    more_targets: Vec<TargetForm>,
    /// Null means the server's own setting, here and below.
    #[schema(required)]
    max_attempts: Option<u8>,
    /// How often one request may be sent again because the upstream failed.
    #[schema(required)]
    max_retries: Option<u8>,
    /// In milliseconds, all attempts together; null means no bound.
    #[schema(required)]
    total_timeout_ms: Option<u64>,
    /// In milliseconds.
    #[schema(required)]
    connect_timeout_ms: Option<u64>,
    /// In milliseconds.
    #[schema(required)]
    response_timeout_ms: Option<u64>,
    /// In milliseconds.
    #[schema(required)]
    idle_timeout_ms: Option<u64>,
    /// In bytes.
    #[schema(required)]
    max_body_bytes: Option<u64>,
    /// Headers set on every request.
    set_headers: BTreeMap<String, String>,
    /// Headers taken from every request.
    remove_headers: Vec<String>,
    /// The request header that names the conversation under `sticky`.
    #[schema(required)]
    sticky_header: Option<String>,
    /// Whether a `%2F` in a path is passed on.
    allow_encoded_slashes: bool,
    /// Whether the upstream's certificate goes unchecked.
    accept_invalid_certs: bool,
    /// Whether the proxy key may also stand in a JSON body of up to 64 KiB, as `api_key`; it is cut out.
    body_api_key: bool,
    /// Its keys by state.
    key_counts: KeyCountsView,
    /// When it was first written.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last written.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// How many keys are in each state.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyCounts)]
pub(crate) struct KeyCountsView {
    active: u64,
    cooling: u64,
    invalid: u64,
    exhausted: u64,
    disabled: u64,
}

impl Form for ProxyConfigForm {}

impl Form for Replacement {
    const READ_ONLY: &[&str] = &["id", "key_counts", "created_at", "updated_at"];
}

impl Form for Status {}

impl ProxyConfigForm {
    /// The checked form.
    pub(crate) fn into_spec(self) -> Result<ConfigSpec, ApiError> {
        let fields = ConfigFields {
            name: self.name.unwrap_or_default(),
            slug: self.slug.unwrap_or_default(),
            config_type: self.config_type.unwrap_or_default(),
            is_active: self.is_active.unwrap_or(true),
            api_key_location: self.api_key_location,
            api_key_name: self.api_key_name,
            api_key_template: self.api_key_template,
            method: self.method,
            target_url: self.target_url,
            target_base_url: self.target_base_url,
            api_format: self.api_format,
            output_format: self.output_format,
            strategy: self.strategy,
            options: ConfigOptions {
                more_targets: self
                    .more_targets
                    .unwrap_or_default()
                    .into_iter()
                    .map(TargetForm::into_fields)
                    .collect(),
                max_attempts: self.max_attempts,
                max_retries: self.max_retries,
                total_timeout_ms: self.total_timeout_ms,
                connect_timeout_ms: self.connect_timeout_ms,
                response_timeout_ms: self.response_timeout_ms,
                idle_timeout_ms: self.idle_timeout_ms,
                max_body_bytes: self.max_body_bytes,
                set_headers: self.set_headers.unwrap_or_default(),
                remove_headers: self.remove_headers.unwrap_or_default(),
                sticky_header: self.sticky_header,
                allow_encoded_slashes: self.allow_encoded_slashes.unwrap_or_default(),
                accept_invalid_certs: self.accept_invalid_certs.unwrap_or_default(),
                body_api_key: self.body_api_key.unwrap_or_default(),
            },
        };
        Ok(ConfigSpec::try_from(&fields)?)
    }
}

impl ProxyConfigView {
    /// A config, and how its keys stand.
    pub(crate) fn of(summary: ConfigSummary, standings: &Standings) -> Self {
        let ConfigSummary { config, keys } = summary;
        let fields = ConfigFields::from(&config.spec);
        let options = fields.options;
        Self {
            id: config.id.0,
            name: fields.name,
            slug: fields.slug,
            config_type: fields.config_type,
            is_active: fields.is_active,
            api_key_location: fields.api_key_location,
            api_key_name: fields.api_key_name,
            api_key_template: fields.api_key_template,
            method: fields.method,
            target_url: fields.target_url,
            target_base_url: fields.target_base_url,
            api_format: fields.api_format,
            output_format: fields.output_format,
            strategy: config.spec.strategy.as_str().into(),
            more_targets: options.more_targets.into_iter().map(TargetForm::of).collect(),
            max_attempts: options.max_attempts,
            max_retries: options.max_retries,
            total_timeout_ms: options.total_timeout_ms,
            connect_timeout_ms: options.connect_timeout_ms,
            response_timeout_ms: options.response_timeout_ms,
            idle_timeout_ms: options.idle_timeout_ms,
            max_body_bytes: options.max_body_bytes,
            set_headers: options.set_headers,
            remove_headers: options.remove_headers,
            sticky_header: options.sticky_header,
            allow_encoded_slashes: options.allow_encoded_slashes,
            accept_invalid_certs: options.accept_invalid_certs,
            body_api_key: options.body_api_key,
            key_counts: KeyCountsView::of(standings.counts(keys)),
            created_at: config.created_at,
            updated_at: config.updated_at,
        }
    }
}

impl TargetForm {
    fn into_fields(self) -> TargetFields {
        TargetFields { url: self.url, weight: self.weight, priority: self.priority }
    }

    fn of(fields: TargetFields) -> Self {
        Self { url: fields.url, weight: fields.weight, priority: fields.priority }
    }
}

fn one() -> u16 {
    1
}

impl KeyCountsView {
    fn of([active, cooling, invalid, exhausted, disabled]: [u64; 5]) -> Self {
        Self { active, cooling, invalid, exhausted, disabled }
    }
}

fn names<const N: usize>(names: [&'static str; N]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

fn config_type() -> Object {
    names([ConfigType::Generic, ConfigType::Llm].map(ConfigType::as_str))
}

fn api_format() -> Object {
    names(
        [ApiFormat::OpenAiCompatible, ApiFormat::AnthropicNative, ApiFormat::GeminiNative]
            .map(ApiFormat::as_str),
    )
}

fn output_format() -> Object {
    use OutputFormat::{Anthropic, Gemini, None, OpenAi, OpenAiResponses};
    names([None, OpenAi, OpenAiResponses, Anthropic, Gemini].map(OutputFormat::as_str))
}

fn strategy() -> Object {
    use Strategy::{LeastConnections, Random, RoundRobin, Sticky, Weighted};
    names([RoundRobin, Weighted, LeastConnections, Random, Sticky].map(Strategy::as_str))
}
