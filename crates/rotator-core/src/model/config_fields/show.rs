use std::{
    collections::BTreeMap,
    num::{NonZeroU8, NonZeroU32},
    time::Duration,
};

use super::{ConfigFields, ConfigOptions, TargetFields};
use crate::{
    credential::{Credential, Place},
    model::{ConfigSpec, FurtherTarget, Target},
};

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

impl From<&FurtherTarget> for TargetFields {
    fn from(target: &FurtherTarget) -> Self {
        Self {
            url: target.url.as_str().into(),
            weight: target.weight.get(),
            priority: target.priority.into(),
        }
    }
}

impl From<&ConfigSpec> for ConfigOptions {
    fn from(spec: &ConfigSpec) -> Self {
        let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        let rules = &spec.headers;
        Self {
            more_targets: spec.more_targets.iter().map(TargetFields::from).collect(),
            max_attempts: spec.limits.max_attempts.map(NonZeroU8::get),
            max_retries: spec.limits.max_retries,
            total_timeout_ms: spec.limits.total_timeout.map(ms),
            connect_timeout_ms: spec.limits.connect_timeout.map(ms),
            response_timeout_ms: spec.limits.response_timeout.map(ms),
            idle_timeout_ms: spec.limits.idle_timeout.map(ms),
            max_body_bytes: spec.limits.max_body_bytes,
            max_concurrent: spec.caps.concurrent.map(NonZeroU32::get),
            max_per_minute: spec.caps.per_minute.map(NonZeroU32::get),
            max_tokens_per_minute: spec.caps.tokens_per_minute.map(NonZeroU32::get),
            key_max_concurrent: spec.key_caps.concurrent.map(NonZeroU32::get),
            key_max_per_minute: spec.key_caps.per_minute.map(NonZeroU32::get),
            key_max_tokens_per_minute: spec.key_caps.tokens_per_minute.map(NonZeroU32::get),
            max_queue_wait_ms: spec.limits.queue_wait.map(ms),
            set_headers: rules
                .set
                .iter()
                .map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
                .collect(),
            remove_headers: rules.remove.iter().map(ToString::to_string).collect(),
            rules: spec.rules.clone(),
            prices: spec.prices.clone(),
            sticky_header: spec.sticky_header.as_ref().map(ToString::to_string),
            probe_keys: spec.probe_keys,
            hedge: spec.hedge,
            allow_encoded_slashes: spec.allow_encoded_slashes,
            accept_invalid_certs: spec.accept_invalid_certs,
            body_api_key: matches!(spec.target, Target::Llm { body_api_key: true, .. }),
            model_aliases: match &spec.target {
                Target::Llm { model_aliases, .. } => model_aliases.names().clone(),
                Target::Generic { .. } => BTreeMap::new(),
            },
            translation_strict: matches!(spec.target, Target::Llm { translation_strict: true, .. }),
        }
    }
}
