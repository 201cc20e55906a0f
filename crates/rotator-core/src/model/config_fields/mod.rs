//! A proxy config as a form: `check` makes a [`ConfigSpec`](super::ConfigSpec) of it, `show` makes a form of a spec again.

mod check;
mod show;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{outcome::Rule, prices::PriceRow};

/// A proxy config in its flat form, as a JSON body or a table row has it. [`ConfigSpec`](super::ConfigSpec) is the checked form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFields {
    /// For people.
    pub name: String,
    /// See [`Slug`](super::Slug).
    pub slug: String,
    /// `GENERIC` or `LLM`, in either case.
    pub config_type: String,
    /// Whether clients may call it.
    pub is_active: bool,
    /// `header` or `query`.
    pub api_key_location: Option<String>,
    /// The header or the query parameter that carries the key.
    pub api_key_name: Option<String>,
    /// The key in its surroundings, such as `Bearer {key}`.
    pub api_key_template: Option<String>,
    /// `ANY`, or the one method that clients may use.
    pub method: Option<String>,
    /// Of a `GENERIC` config.
    pub target_url: Option<String>,
    /// Of an `LLM` config.
    pub target_base_url: Option<String>,
    /// See [`ApiFormat`](super::ApiFormat).
    pub api_format: Option<String>,
    /// See [`OutputFormat`](super::OutputFormat).
    pub output_format: Option<String>,
    /// See [`Strategy`](super::Strategy).
    pub strategy: Option<String>,
    /// Everything that has a default.
    pub options: ConfigOptions,
}

/// The fields of a proxy config that have a default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "a form is flat")]
pub struct ConfigOptions {
    /// Other addresses of the same API.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more_targets: Vec<TargetFields>,
    /// How many keys one request may try: 1 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u8>,
    /// How often one request may be sent again because the upstream failed: 0 to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u8>,
    /// In milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_timeout_ms: Option<u64>,
    /// In milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_timeout_ms: Option<u64>,
    /// In milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_timeout_ms: Option<u64>,
    /// In milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_ms: Option<u64>,
    /// In bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u64>,
    /// Requests at a time, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
    /// Requests in any minute, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_per_minute: Option<u32>,
    /// Of an `LLM` config: tokens in any minute, after which no more requests are let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens_per_minute: Option<u32>,
    /// Of each key: requests at a time, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_max_concurrent: Option<u32>,
    /// Of each key: requests in any minute, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_max_per_minute: Option<u32>,
    /// Of each key of an `LLM` config: tokens in any minute, after which it gets no more requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_max_tokens_per_minute: Option<u32>,
    /// How long a request may wait for a key when all of them rest, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_queue_wait_ms: Option<u64>,
    /// Set on every request.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set_headers: BTreeMap<String, String>,
    /// Taken from every request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove_headers: Vec<String>,
    /// See [`ConfigSpec::rules`](super::ConfigSpec::rules).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// See [`ConfigSpec::prices`](super::ConfigSpec::prices).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<PriceRow>,
    /// Names the conversation under `sticky`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky_header: Option<String>,
    /// See [`ConfigSpec::probe_keys`](super::ConfigSpec::probe_keys).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub probe_keys: bool,
    /// See [`ConfigSpec::hedge`](super::ConfigSpec::hedge).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hedge: bool,
    /// See [`ConfigSpec::allow_encoded_slashes`](super::ConfigSpec::allow_encoded_slashes).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_encoded_slashes: bool,
    /// See [`ConfigSpec::accept_invalid_certs`](super::ConfigSpec::accept_invalid_certs).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub accept_invalid_certs: bool,
    /// See [`Target::Llm`](super::Target::Llm).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub body_api_key: bool,
    /// See [`Target::Llm`](super::Target::Llm).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub translation_strict: bool,
    /// See [`ModelAliases`](super::ModelAliases).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub model_aliases: BTreeMap<String, String>,
}

/// See [`FurtherTarget`](super::FurtherTarget).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetFields {
    /// Where it is.
    pub url: String,
    /// 1 to 1000.
    #[serde(default = "one")]
    pub weight: u16,
    /// 0 to 9.
    #[serde(default = "one")]
    pub priority: u16,
}

fn one() -> u16 {
    1
}

/// What is wrong with one field, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name in JSON.
    pub field: &'static str,
    /// A clause that follows the name: "must be …".
    pub reason: String,
}

impl FieldError {
    /// Every error of a form in one clause.
    pub fn sentence(errors: &[Self]) -> String {
        let clauses: Vec<_> =
            errors.iter().map(|error| format!("{} {}", error.field, error.reason)).collect();
        clauses.join("; ")
    }
}

#[cfg(test)]
mod tests;
