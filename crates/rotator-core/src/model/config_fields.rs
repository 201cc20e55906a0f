use std::{collections::BTreeMap, num::NonZeroU8, str::FromStr, time::Duration};

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::{BaseUrl, ConfigSpec, HeaderRules, Limits, Methods, OutputFormat, Slug, Strategy, Target};
use crate::{
    credential::{Credential, Place, Template, is_ours_to_set},
    model::{ApiFormat, ConfigType},
};

/// A proxy config in its flat form, as a JSON body or a table row has it. [`ConfigSpec`] is the checked form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFields {
    /// For people.
    pub name: String,
    /// See [`Slug`].
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
    /// See [`ApiFormat`].
    pub api_format: Option<String>,
    /// See [`OutputFormat`].
    pub output_format: Option<String>,
    /// See [`Strategy`].
    pub strategy: Option<String>,
    /// Everything that has a default.
    pub options: ConfigOptions,
}

/// The fields of a proxy config that have a default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigOptions {
    /// How many keys one request may try: 1 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u8>,
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
    /// Set on every request.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set_headers: BTreeMap<String, String>,
    /// Taken from every request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove_headers: Vec<String>,
    /// Names the conversation under `sticky`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky_header: Option<String>,
    /// See [`ConfigSpec::allow_encoded_slashes`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_encoded_slashes: bool,
    /// See [`ConfigSpec::accept_invalid_certs`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub accept_invalid_certs: bool,
    /// See [`Target::Llm`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub body_api_key: bool,
}

/// What is wrong with one field, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name in JSON.
    pub field: &'static str,
    /// A clause that follows the name: "must be …".
    pub reason: String,
}

/// Longest name, in characters.
const MAX_NAME: usize = 200;
const MAX_ATTEMPTS: u8 = 10;
/// Longest settable time-out: one day.
const MAX_TIMEOUT_MS: u64 = 24 * 60 * 60 * 1000;

/// Collects every error of a form, so that one answer names them all.
#[derive(Default)]
struct Checks(Vec<FieldError>);

impl Checks {
    fn fail(&mut self, field: &'static str, reason: impl Into<String>) {
        self.0.push(FieldError { field, reason: reason.into() });
    }

    fn keep<T>(&mut self, field: &'static str, result: Result<T, String>) -> Option<T> {
        result.map_err(|reason| self.fail(field, reason)).ok()
    }

    fn parse<T: FromStr<Err = String>>(&mut self, field: &'static str, text: &str) -> Option<T> {
        self.keep(field, text.parse())
    }

    fn optional<T: FromStr<Err = String> + Default>(
        &mut self,
        field: &'static str,
        text: Option<&str>,
    ) -> Option<T> {
        text.map_or_else(|| Some(T::default()), |text| self.parse(field, text))
    }

    fn timeout(&mut self, field: &'static str, ms: Option<u64>) -> Option<Duration> {
        if ms.is_some_and(|ms| ms == 0 || ms > MAX_TIMEOUT_MS) {
            self.fail(field, format!("must be 1 to {MAX_TIMEOUT_MS} milliseconds"));
        }
        ms.map(Duration::from_millis)
    }

    fn header_name(&mut self, field: &'static str, name: &str) -> Option<HeaderName> {
        let parsed =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("'{name}' is not a header name"));
        self.keep(field, parsed)
    }
}

impl TryFrom<&ConfigFields> for ConfigSpec {
    type Error = Vec<FieldError>;

    fn try_from(fields: &ConfigFields) -> Result<Self, Vec<FieldError>> {
        let mut checks = Checks::default();
        let name = fields.name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            checks.fail("name", format!("must be 1 to {MAX_NAME} characters without control characters"));
        }
        let slug: Option<Slug> = checks.parse("slug", &fields.slug);
        let target = target(fields, &mut checks);
        let strategy: Option<Strategy> = checks.optional("strategy", text(fields.strategy.as_ref()));
        let limits = limits(&fields.options, &mut checks);
        let headers = header_rules(&fields.options, &mut checks);
        let sticky_header = text(fields.options.sticky_header.as_ref())
            .and_then(|name| checks.header_name("sticky_header", name));
        match (slug, target, strategy) {
            (Some(slug), Some(target), Some(strategy)) if checks.0.is_empty() => Ok(Self {
                name: name.into(),
                slug,
                is_active: fields.is_active,
                target,
                strategy,
                limits,
                headers,
                sticky_header,
                allow_encoded_slashes: fields.options.allow_encoded_slashes,
                accept_invalid_certs: fields.options.accept_invalid_certs,
            }),
            _ => Err(checks.0),
        }
    }
}

fn text(field: Option<&String>) -> Option<&str> {
    field.map(|s| s.trim()).filter(|s| !s.is_empty())
}

fn target(fields: &ConfigFields, checks: &mut Checks) -> Option<Target> {
    let credential = credential(fields, checks);
    match checks.parse("config_type", &fields.config_type)? {
        ConfigType::Generic => {
            if credential.is_none() && checks.0.is_empty() {
                checks
                    .fail("api_key_location", "must be header or query: it says where the API wants its key");
            }
            let url = required_url("target_url", fields.target_url.as_ref(), checks);
            let methods: Option<Methods> =
                text(fields.method.as_ref()).map_or(Some(Methods::Any), |m| checks.parse("method", m));
            Some(Target::Generic { url: url?, credential: credential?, methods: methods? })
        }
        ConfigType::Llm => {
            let base_url = required_url("target_base_url", fields.target_base_url.as_ref(), checks);
            let api_format: Option<ApiFormat> =
                checks.parse("api_format", text(fields.api_format.as_ref()).unwrap_or("openai_compatible"));
            let output_format: Option<OutputFormat> =
                checks.parse("output_format", text(fields.output_format.as_ref()).unwrap_or("none"));
            Some(Target::Llm {
                base_url: base_url?,
                api_format: api_format?,
                output_format: output_format?,
                credential,
                body_api_key: fields.options.body_api_key,
            })
        }
    }
}

fn required_url(field: &'static str, value: Option<&String>, checks: &mut Checks) -> Option<BaseUrl> {
    let Some(url) = text(value) else {
        checks.fail(field, "is required, like https://api.example.com");
        return None;
    };
    checks.parse(field, url)
}

fn credential(fields: &ConfigFields, checks: &mut Checks) -> Option<Credential> {
    let location = text(fields.api_key_location.as_ref())?;
    let Some(name) = text(fields.api_key_name.as_ref()) else {
        checks.fail("api_key_name", "is required: the header or the query parameter that carries the key");
        return None;
    };
    let place = match location.to_ascii_lowercase().as_str() {
        "header" => {
            let header = checks.header_name("api_key_name", name)?;
            if is_ours_to_set(&header) {
                checks
                    .fail("api_key_name", format!("'{header}' is set by HTTP itself and cannot carry a key"));
            }
            Place::Header(header)
        }
        "query" => Place::Query(name.into()),
        _ => {
            checks.fail("api_key_location", "must be header or query");
            return None;
        }
    };
    let template = text(fields.api_key_template.as_ref()).unwrap_or("{key}");
    Some(Credential { place, template: checks.parse::<Template>("api_key_template", template)? })
}

fn limits(options: &ConfigOptions, checks: &mut Checks) -> Limits {
    if options.max_attempts.is_some_and(|n| !(1..=MAX_ATTEMPTS).contains(&n)) {
        checks.fail("max_attempts", format!("must be 1 to {MAX_ATTEMPTS}"));
    }
    if options.max_body_bytes == Some(0) {
        checks.fail("max_body_bytes", "must be at least 1");
    }
    Limits {
        max_attempts: options.max_attempts.and_then(NonZeroU8::new),
        connect_timeout: checks.timeout("connect_timeout_ms", options.connect_timeout_ms),
        response_timeout: checks.timeout("response_timeout_ms", options.response_timeout_ms),
        idle_timeout: checks.timeout("idle_timeout_ms", options.idle_timeout_ms),
        max_body_bytes: options.max_body_bytes,
    }
}

fn header_rules(options: &ConfigOptions, checks: &mut Checks) -> HeaderRules {
    let mut rules = HeaderRules::default();
    for (name, value) in &options.set_headers {
        let Some(name) = checks.header_name("set_headers", name) else { continue };
        if is_ours_to_set(&name) {
            checks.fail("set_headers", format!("'{name}' is set by HTTP itself"));
        }
        match HeaderValue::from_str(value) {
            Ok(value) => rules.set.push((name, value)),
            Err(_) => checks.fail("set_headers", format!("the value of '{name}' is not allowed in a header")),
        }
    }
    for name in &options.remove_headers {
        rules.remove.extend(checks.header_name("remove_headers", name));
    }
    rules
}

impl From<&ConfigSpec> for ConfigFields {
    fn from(spec: &ConfigSpec) -> Self {
        let mut fields = Self {
            name: spec.name.clone(),
            slug: spec.slug.as_str().into(),
            config_type: spec.target.config_type().as_str().into(),
            is_active: spec.is_active,
            strategy: Some(spec.strategy.as_str().into()),
            options: ConfigOptions::from(spec),
            ..Self::default()
        };
        let credential = match &spec.target {
            Target::Generic { url, credential, methods } => {
                fields.target_url = Some(url.as_str().into());
                fields.method = Some(methods.as_str().into());
                Some(credential)
            }
            Target::Llm { base_url, api_format, output_format, credential, .. } => {
                fields.target_base_url = Some(base_url.as_str().into());
                fields.api_format = Some(api_format.as_str().into());
                fields.output_format = Some(output_format.as_str().into());
                credential.as_ref()
            }
        };
        if let Some(Credential { place, template }) = credential {
            let (location, name) = match place {
                Place::Header(name) => ("header", name.as_str()),
                Place::Query(name) => ("query", name.as_ref()),
            };
            fields.api_key_location = Some(location.into());
            fields.api_key_name = Some(name.into());
            fields.api_key_template = Some(template.to_string());
        }
        fields
    }
}

impl From<&ConfigSpec> for ConfigOptions {
    fn from(spec: &ConfigSpec) -> Self {
        let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        let rules = &spec.headers;
        Self {
            max_attempts: spec.limits.max_attempts.map(NonZeroU8::get),
            connect_timeout_ms: spec.limits.connect_timeout.map(ms),
            response_timeout_ms: spec.limits.response_timeout.map(ms),
            idle_timeout_ms: spec.limits.idle_timeout.map(ms),
            max_body_bytes: spec.limits.max_body_bytes,
            set_headers: rules
                .set
                .iter()
                .map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
                .collect(),
            remove_headers: rules.remove.iter().map(ToString::to_string).collect(),
            sticky_header: spec.sticky_header.as_ref().map(ToString::to_string),
            allow_encoded_slashes: spec.allow_encoded_slashes,
            accept_invalid_certs: spec.accept_invalid_certs,
            body_api_key: matches!(spec.target, Target::Llm { body_api_key: true, .. }),
        }
    }
}
