//! A proxy config as it is shown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rotator_core::{model::ConfigFields, outcome::Rule, prices::PriceRow, store::ConfigSummary};
use serde::Serialize;
use utoipa::ToSchema;

use super::schema::{RuleSchema, TargetForm, config_type, strategy};
use crate::{api_keys::Standings, prices::PriceSchema};

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
    /// How many keys one request may try; null means the server's own setting.
    #[schema(required)]
    max_attempts: Option<u8>,
    /// How often one request may be sent again because the upstream failed; null means once.
    #[schema(required)]
    max_retries: Option<u8>,
    /// In milliseconds, all attempts together; null means no bound.
    #[schema(required)]
    total_timeout_ms: Option<u64>,
    /// In milliseconds; null means the server's own setting.
    #[schema(required)]
    connect_timeout_ms: Option<u64>,
    /// In milliseconds; null means the server's own setting.
    #[schema(required)]
    response_timeout_ms: Option<u64>,
    /// In milliseconds; null means the server's own setting.
    #[schema(required)]
    idle_timeout_ms: Option<u64>,
    /// In bytes; null means the server's own setting.
    #[schema(required)]
    max_body_bytes: Option<u64>,
    /// Requests at a time, at most; null means no bound.
    #[schema(required)]
    max_concurrent: Option<u32>,
    /// Requests in any minute, at most; null means no bound.
    #[schema(required)]
    max_per_minute: Option<u32>,
    /// Tokens in any minute, after which no more requests are let in; null means no bound.
    #[schema(required)]
    max_tokens_per_minute: Option<u32>,
    /// Of each key: requests at a time, at most; null means no bound.
    #[schema(required)]
    key_max_concurrent: Option<u32>,
    /// Of each key: requests in any minute, at most; null means no bound.
    #[schema(required)]
    key_max_per_minute: Option<u32>,
    /// Of each key: tokens in any minute, after which it gets no more requests; null means no bound.
    #[schema(required)]
    key_max_tokens_per_minute: Option<u32>,
    /// How long a request may wait for a key when all of them rest, in milliseconds; null means not at all.
    #[schema(required)]
    max_queue_wait_ms: Option<u64>,
    /// Headers set on every request.
    set_headers: BTreeMap<String, String>,
    /// Headers taken from every request.
    remove_headers: Vec<String>,
    /// How answers are understood, before what is known of the provider.
    #[schema(value_type = Vec<RuleSchema>)]
    rules: Vec<Rule>,
    /// What tokens cost here, before what they cost in all services.
    #[schema(value_type = Vec<PriceSchema>)]
    prices: Vec<PriceRow>,
    /// The request header that names the conversation under `sticky`.
    #[schema(required)]
    sticky_header: Option<String>,
    /// Whether keys that were not accepted are tested now and then.
    probe_keys: bool,
    /// Whether a request whose answer is late is sent once more, with another key.
    hedge: bool,
    /// Whether a `%2F` in a path is passed on.
    allow_encoded_slashes: bool,
    /// Whether the upstream's certificate goes unchecked.
    accept_invalid_certs: bool,
    /// Whether the proxy key may also stand in a JSON body of up to 64 KiB, as `api_key`; it is cut out.
    body_api_key: bool,
    /// Of a service whose clients speak another format than its API: whether a request is refused instead of translated
    /// without what the API has nothing like.
    translation_strict: bool,
    /// Of a service whose clients speak another format than its API: the API's name for a model, by the client's name for
    /// it; `*` stands for every other.
    model_aliases: BTreeMap<String, String>,
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
            max_concurrent: options.max_concurrent,
            max_per_minute: options.max_per_minute,
            max_tokens_per_minute: options.max_tokens_per_minute,
            key_max_concurrent: options.key_max_concurrent,
            key_max_per_minute: options.key_max_per_minute,
            key_max_tokens_per_minute: options.key_max_tokens_per_minute,
            max_queue_wait_ms: options.max_queue_wait_ms,
            set_headers: options.set_headers,
            remove_headers: options.remove_headers,
            rules: options.rules,
            prices: options.prices,
            sticky_header: options.sticky_header,
            probe_keys: options.probe_keys,
            hedge: options.hedge,
            allow_encoded_slashes: options.allow_encoded_slashes,
            accept_invalid_certs: options.accept_invalid_certs,
            body_api_key: options.body_api_key,
            translation_strict: options.translation_strict,
            model_aliases: options.model_aliases,
            key_counts: KeyCountsView::of(standings.counts(keys)),
            created_at: config.created_at,
            updated_at: config.updated_at,
        }
    }
}

impl KeyCountsView {
    fn of([active, cooling, invalid, exhausted, disabled]: [u64; 5]) -> Self {
        Self { active, cooling, invalid, exhausted, disabled }
    }
}
