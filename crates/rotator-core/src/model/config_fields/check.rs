use std::{
    num::{NonZeroU8, NonZeroU32},
    str::FromStr,
    time::Duration,
};

use http::{HeaderName, HeaderValue};

use super::{ConfigFields, ConfigOptions, FieldError, TargetFields};
use crate::{
    credential::{Credential, Place, Template, is_ours_to_set},
    model::{
        ApiFormat, BaseUrl, Caps, ConfigSpec, ConfigType, FurtherTarget, HeaderRules, Limits, Methods,
        ModelAliases, OutputFormat, Slug, Strategy, Target, Weight,
    },
    outcome::Rule,
    prices::{self, PriceRow},
};

/// Longest name, in characters.
const MAX_NAME: usize = 200;
const MAX_ATTEMPTS: u8 = 10;
const MAX_RETRIES: u8 = 5;
/// Most further targets, and their last priority.
const MAX_TARGETS: usize = 20;
const MAX_PRIORITY: u16 = 9;
const MAX_RULES: usize = 50;
const MAX_PRICES: usize = 100;
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

    fn cap(&mut self, field: &'static str, most: Option<u32>) -> Option<NonZeroU32> {
        if most == Some(0) {
            self.fail(field, "must be at least 1; leave it out for no bound");
        }
        most.and_then(NonZeroU32::new)
    }

    fn token_cap(
        &mut self,
        field: &'static str,
        most: Option<u32>,
        target: Option<&Target>,
    ) -> Option<NonZeroU32> {
        if most.is_some() && matches!(target, Some(Target::Generic { .. })) {
            self.fail(
                field,
                "is for LLM services only: other answers do not tell what they used; leave it out",
            );
            return None;
        }
        self.cap(field, most)
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
        let more_targets = more_targets(&fields.options.more_targets, &mut checks);
        let strategy: Option<Strategy> = checks.optional("strategy", text(fields.strategy.as_ref()));
        let limits = limits(&fields.options, &mut checks);
        let options = &fields.options;
        let caps = Caps {
            concurrent: checks.cap("max_concurrent", options.max_concurrent),
            per_minute: checks.cap("max_per_minute", options.max_per_minute),
            tokens_per_minute: checks.token_cap(
                "max_tokens_per_minute",
                options.max_tokens_per_minute,
                target.as_ref(),
            ),
        };
        let key_caps = Caps {
            concurrent: checks.cap("key_max_concurrent", options.key_max_concurrent),
            per_minute: checks.cap("key_max_per_minute", options.key_max_per_minute),
            tokens_per_minute: checks.token_cap(
                "key_max_tokens_per_minute",
                options.key_max_tokens_per_minute,
                target.as_ref(),
            ),
        };
        let headers = header_rules(&fields.options, &mut checks);
        check_rules(&fields.options.rules, &mut checks);
        check_prices(&fields.options.prices, target.as_ref(), &mut checks);
        let sticky_header = text(fields.options.sticky_header.as_ref())
            .and_then(|name| checks.header_name("sticky_header", name));
        match (slug, target, strategy) {
            (Some(slug), Some(target), Some(strategy)) if checks.0.is_empty() => Ok(Self {
                name: name.into(),
                slug,
                is_active: fields.is_active,
                target,
                more_targets,
                strategy,
                limits,
                caps,
                key_caps,
                headers,
                rules: fields.options.rules.clone(),
                prices: fields.options.prices.clone(),
                probe_keys: fields.options.probe_keys,
                hedge: fields.options.hedge,
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
            if text(fields.api_key_location.as_ref()).is_none() {
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
            let model_aliases =
                checks.keep("model_aliases", ModelAliases::new(fields.options.model_aliases.clone()));
            Some(Target::Llm {
                base_url: base_url?,
                api_format: api_format?,
                output_format: output_format?,
                credential,
                body_api_key: fields.options.body_api_key,
                translation_strict: fields.options.translation_strict,
                model_aliases: model_aliases?,
            })
        }
    }
}

fn more_targets(targets: &[TargetFields], checks: &mut Checks) -> Vec<FurtherTarget> {
    if targets.len() > MAX_TARGETS {
        checks.fail("more_targets", format!("must not be more than {MAX_TARGETS}"));
    }
    let mut checked = Vec::new();
    for TargetFields { url, weight, priority } in targets {
        let url: Option<BaseUrl> = checks.parse("more_targets", url);
        let weight = checks.keep(
            "more_targets",
            Weight::new((*weight).into()).ok_or_else(|| format!("must have weights of 1 to {}", Weight::MAX)),
        );
        let priority = u8::try_from(*priority).ok().filter(|_| *priority <= MAX_PRIORITY);
        let priority = checks.keep(
            "more_targets",
            priority.ok_or_else(|| format!("must have priorities of 0 to {MAX_PRIORITY}")),
        );
        if let (Some(url), Some(weight), Some(priority)) = (url, weight, priority) {
            checked.push(FurtherTarget { url, weight, priority });
        }
    }
    checked
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
    let template: Option<Template> =
        checks.parse("api_key_template", text(fields.api_key_template.as_ref()).unwrap_or("{key}"));
    let name = text(fields.api_key_name.as_ref());
    if name.is_none() {
        checks.fail("api_key_name", "is required: the header or the query parameter that carries the key");
    }
    let place = match location.to_ascii_lowercase().as_str() {
        "header" => Place::Header(credential_header(name?, checks)?),
        "query" => Place::Query(name?.into()),
        _ => {
            checks.fail("api_key_location", "must be header or query");
            return None;
        }
    };
    Some(Credential { place, template: template? })
}

fn credential_header(name: &str, checks: &mut Checks) -> Option<HeaderName> {
    let header = checks.header_name("api_key_name", name)?;
    if is_ours_to_set(&header) {
        checks.fail("api_key_name", format!("'{header}' is set by HTTP itself and cannot carry a key"));
    }
    Some(header)
}

fn limits(options: &ConfigOptions, checks: &mut Checks) -> Limits {
    if options.max_attempts.is_some_and(|n| !(1..=MAX_ATTEMPTS).contains(&n)) {
        checks.fail("max_attempts", format!("must be 1 to {MAX_ATTEMPTS}"));
    }
    if options.max_retries.is_some_and(|n| n > MAX_RETRIES) {
        checks.fail("max_retries", format!("must be 0 to {MAX_RETRIES}"));
    }
    if options.max_body_bytes == Some(0) {
        checks.fail("max_body_bytes", "must be at least 1");
    }
    Limits {
        max_attempts: options.max_attempts.and_then(NonZeroU8::new),
        max_retries: options.max_retries,
        total_timeout: checks.timeout("total_timeout_ms", options.total_timeout_ms),
        connect_timeout: checks.timeout("connect_timeout_ms", options.connect_timeout_ms),
        response_timeout: checks.timeout("response_timeout_ms", options.response_timeout_ms),
        idle_timeout: checks.timeout("idle_timeout_ms", options.idle_timeout_ms),
        max_body_bytes: options.max_body_bytes,
        queue_wait: checks.timeout("max_queue_wait_ms", options.max_queue_wait_ms),
    }
}

fn check_rules(rules: &[Rule], checks: &mut Checks) {
    if rules.len() > MAX_RULES {
        checks.fail("rules", format!("must not be more than {MAX_RULES}"));
    }
    for rule in rules {
        if let Err(reason) = rule.check() {
            checks.fail("rules", reason);
        }
    }
}

fn check_prices(rows: &[PriceRow], target: Option<&Target>, checks: &mut Checks) {
    if !rows.is_empty() && matches!(target, Some(Target::Generic { .. })) {
        checks.fail(
            "prices",
            "are for LLM services only: other answers do not tell what they used; leave them out",
        );
    }
    if let Err(reason) = prices::check_rows(rows, MAX_PRICES) {
        checks.fail("prices", reason);
    }
}

fn header_rules(options: &ConfigOptions, checks: &mut Checks) -> HeaderRules {
    let mut rules = HeaderRules::default();
    for (name, value) in &options.set_headers {
        let Some(name) = checks.header_name("set_headers", name) else { continue };
        if is_ours_to_set(&name) {
            checks.fail("set_headers", format!("'{name}' is set by HTTP itself"));
        }
        if rules.set.iter().any(|(other, _)| *other == name) {
            checks.fail("set_headers", format!("'{name}' is there twice"));
        }
        match HeaderValue::from_str(value) {
            Ok(value) => rules.set.push((name, value)),
            Err(_) => checks.fail("set_headers", format!("the value of '{name}' is not allowed in a header")),
        }
    }
    // One order, however the names were capitalised, so that a spec comes back from its form as it was.
    rules.set.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
    for name in &options.remove_headers {
        rules.remove.extend(checks.header_name("remove_headers", name));
    }
    rules
}
