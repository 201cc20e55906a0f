//! What an admin writes of a proxy config.

use std::collections::BTreeMap;

use rotator_core::{
    model::{ConfigFields, ConfigOptions, ConfigSpec},
    outcome::Rule,
    prices::PriceRow,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::schema::{RuleSchema, TargetForm, api_format, config_type, output_format, strategy};
use crate::{body::Form, error::ApiError, prices::PriceSchema};

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
    /// Requests at a time, at most; more are answered with a 429. No bound by default.
    max_concurrent: Option<u32>,
    /// Requests in any minute, at most. No bound by default.
    max_per_minute: Option<u32>,
    /// Of an LLM service: tokens in any minute, after which no more requests are let in. What a request uses is known when
    /// it has been served, so those that are in by then go on. No bound by default.
    max_tokens_per_minute: Option<u32>,
    /// Of each key: requests at a time, at most. No bound by default.
    key_max_concurrent: Option<u32>,
    /// Of each key: requests in any minute, at most. No bound by default.
    key_max_per_minute: Option<u32>,
    /// Of each key of an LLM service: tokens in any minute, after which it gets no more requests. No bound by default.
    key_max_tokens_per_minute: Option<u32>,
    /// How long a request may wait for a key when all of them rest, in milliseconds. Not at all by default.
    max_queue_wait_ms: Option<u64>,
    /// Headers set on every request. Shown in clear: keys belong into the pool.
    set_headers: Option<BTreeMap<String, String>>,
    /// Headers taken from every request.
    remove_headers: Option<Vec<String>>,
    /// How answers are understood, before what is known of the provider; the first rule that fits decides.
    #[schema(value_type = Option<Vec<RuleSchema>>)]
    rules: Option<Vec<Rule>>,
    /// Of an LLM service: what its tokens cost, before what they cost in all services; at most 100.
    #[schema(value_type = Option<Vec<PriceSchema>>)]
    prices: Option<Vec<PriceRow>>,
    /// The request header that names the conversation under `sticky`.
    sticky_header: Option<String>,
    /// Whether keys that were not accepted are tested now and then, so that they need no client's request to come back.
    probe_keys: Option<bool>,
    /// Whether a request whose answer is later than 95 of 100 is sent once more, with another key, and the first good answer
    /// is taken: for 5 % of the requests at most. The work may then be done twice, a POST's as well.
    hedge: Option<bool>,
    /// Whether a `%2F` in a path is passed on.
    allow_encoded_slashes: Option<bool>,
    /// Whether the upstream's certificate goes unchecked.
    accept_invalid_certs: Option<bool>,
    /// Whether the proxy key may also stand in a JSON body of up to 64 KiB, as `api_key`; it is cut out.
    body_api_key: Option<bool>,
    /// Of a service whose clients speak another format than its API: whether a request is refused instead of translated
    /// without what the API has nothing like.
    translation_strict: Option<bool>,
    /// Of a service whose clients speak another format than its API: the API's name for a model, by the client's name for
    /// it; `*` stands for every other.
    model_aliases: Option<BTreeMap<String, String>>,
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
                max_concurrent: self.max_concurrent,
                max_per_minute: self.max_per_minute,
                max_tokens_per_minute: self.max_tokens_per_minute,
                key_max_concurrent: self.key_max_concurrent,
                key_max_per_minute: self.key_max_per_minute,
                key_max_tokens_per_minute: self.key_max_tokens_per_minute,
                max_queue_wait_ms: self.max_queue_wait_ms,
                set_headers: self.set_headers.unwrap_or_default(),
                remove_headers: self.remove_headers.unwrap_or_default(),
                rules: self.rules.unwrap_or_default(),
                prices: self.prices.unwrap_or_default(),
                sticky_header: self.sticky_header,
                probe_keys: self.probe_keys.unwrap_or_default(),
                hedge: self.hedge.unwrap_or_default(),
                allow_encoded_slashes: self.allow_encoded_slashes.unwrap_or_default(),
                accept_invalid_certs: self.accept_invalid_certs.unwrap_or_default(),
                body_api_key: self.body_api_key.unwrap_or_default(),
                translation_strict: self.translation_strict.unwrap_or_default(),
                model_aliases: self.model_aliases.unwrap_or_default(),
            },
        };
        Ok(ConfigSpec::try_from(&fields)?)
    }
}
