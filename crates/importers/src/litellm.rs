//! `LiteLLM`: one service for each provider and address in the `model_list` of a `config.yaml`. Its clients speak
//! `OpenAI`'s Chat Completions, whatever the API does, and so they go on to.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    Error, Findings,
    draft::{Draft, FoundKey},
    providers::{Provider, provider},
};

const EXPECTED: &str = "a config.yaml of LiteLLM: it has no model_list";
/// Says that a value is in the environment.
const REFERENCE: &str = "os.environ/";

/// What a file holds. `environment` looks up what it refers to.
pub fn from_config(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Findings, Error> {
    // The error itself may show the lines around, and a key in them.
    let root: Value = serde_saphyr::from_str(text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        Error::Syntax { language: "YAML", line, column }
    })?;
    let models =
        root.get("model_list").and_then(Value::as_array).ok_or(Error::NotThat { expected: EXPECTED })?;
    let config = Config { root: &root, environment: &environment };
    let mut findings = Findings::default();
    let mut services: Vec<(Place, Draft)> = Vec::new();
    for model in models {
        config.add(model, &mut services, &mut findings);
    }
    for (_, draft) in services {
        findings.take(draft);
    }
    config.remark(&mut findings);
    Ok(findings)
}

/// What tells services apart.
type Place = (&'static str, String);

struct Config<'a> {
    root: &'a Value,
    environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Config<'_> {
    /// Adds a deployment to the service that it belongs to.
    fn add(&self, model: &Value, services: &mut Vec<(Place, Draft)>, findings: &mut Findings) {
        let name = model.get("model_name").and_then(Value::as_str).unwrap_or("a model without a name");
        let params = model.get("litellm_params").unwrap_or(&Value::Null);
        let mut leave = |why: String| findings.left_behind.push((name.to_owned(), why));
        let Some(full_name) = params.get("model").and_then(Value::as_str) else {
            return leave("names no model in litellm_params".into());
        };
        let (provider, api_name) = match provider(full_name) {
            Ok(found) => found,
            Err(prefix) => return leave(format!("is served by {prefix}, which there is no way to here")),
        };
        let credential = self.credential(params);
        let value = |field: &str| {
            let stated = params.get(field).or_else(|| credential?.get(field));
            stated.map(|value| self.resolve(value))
        };
        let base = match value("api_base").or_else(|| value("base_url")) {
            Some(Err(missing)) => return leave(missing),
            Some(Ok(base)) => base.trim_end_matches('/').to_owned(),
            None => provider.base_url.to_owned(),
        };
        if base.is_empty() {
            return leave("has no api_base".into());
        }
        let key = match value("api_key") {
            Some(Ok(key)) => key,
            Some(Err(missing)) => return leave(missing),
            None => match self.look_up(&format!("{}_API_KEY", provider.name.to_uppercase())) {
                Some(key) => key,
                None => return leave("has no api_key".into()),
            },
        };
        let place = (provider.name, base);
        let at = services.iter().position(|(known, _)| *known == place);
        let at = at.unwrap_or_else(|| {
            let draft = new_draft(provider, &place.1);
            services.push((place, draft));
            services.len() - 1
        });
        let draft = &mut services[at].1;
        rename(draft, name, api_name);
        if !draft.keys.iter().any(|known| known.text == key) {
            draft.keys.push(FoundKey { text: key, is_active: true, note: String::new() });
        }
        for (field, what) in [("rpm", "requests"), ("tpm", "tokens")] {
            if params.get(field).is_some() {
                let what = format!(
                    "its bounds on {what} per minute ({field}) are not carried over; set them on the service"
                );
                push_once(&mut draft.remarks, what);
            }
        }
    }

    /// The named credential of a deployment.
    fn credential(&self, params: &Value) -> Option<&Value> {
        let name = params.get("litellm_credential_name")?;
        let all = self.root.get("credential_list")?.as_array()?;
        all.iter().find(|one| one.get("credential_name") == Some(name))?.get("credential_values")
    }

    /// A value, or what it refers to; else a clause that says what is missing.
    fn resolve(&self, value: &Value) -> Result<String, String> {
        let text = match value {
            Value::String(text) => text.trim(),
            _ => return Err("has a value that is no text where a key or an address should be".into()),
        };
        match text.strip_prefix(REFERENCE) {
            None => Ok(text.to_owned()),
            Some(name) => self.look_up(name).ok_or_else(|| {
                format!("refers to {name}, which is not set; set it in the environment of this command")
            }),
        }
    }

    /// A variable, from the environment or from the file itself.
    fn look_up(&self, name: &str) -> Option<String> {
        let own = || self.root.get("environment_variables")?.get(name)?.as_str().map(str::to_owned);
        (self.environment)(name)
            .or_else(own)
            .filter(|text| !text.trim().is_empty() && !text.starts_with(REFERENCE))
    }

    /// What of the whole file has no like here.
    fn remark(&self, findings: &mut Findings) {
        if self.root.pointer("/general_settings/master_key").is_some() {
            findings.remarks.push(
                "The master_key is not carried over: add it to GLOBAL_PROXY_KEYS if clients are to go on showing it.".into(),
            );
        }
        if self.root.get("include").is_some() {
            findings.remarks.push("Files under `include` are not read: import each by itself.".into());
        }
    }
}

fn new_draft(provider: Provider, base: &str) -> Draft {
    let mut draft = Draft::new(provider.name, provider.format, base);
    if provider.format != "openai_compatible" {
        draft.fields.output_format = Some("openai".into());
    }
    draft
}

/// Has clients go on calling a model as they do, where that can be.
fn rename(draft: &mut Draft, name: &str, api_name: &str) {
    if name == api_name || name.contains('*') || api_name.contains('*') {
        return;
    }
    let aliases: &mut BTreeMap<String, String> = &mut draft.fields.options.model_aliases;
    if draft.fields.output_format.is_none() {
        let remark = format!("{name} is not renamed: clients ask for {api_name}");
        push_once(&mut draft.remarks, remark);
    } else if let Some(known) = aliases.get(name).filter(|known| *known != api_name) {
        let remark = format!("{name} stands for {known}, and not for {api_name} too");
        push_once(&mut draft.remarks, remark);
    } else {
        aliases.insert(name.to_owned(), api_name.to_owned());
    }
}

fn push_once(remarks: &mut Vec<String>, remark: String) {
    if !remarks.contains(&remark) {
        remarks.push(remark);
    }
}

#[cfg(test)]
mod tests {
    use rotator_core::model::ConfigFields;

    use super::*;

    const CONFIG: &str = r#"
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o-2024
      api_key: os.environ/OPENAI_KEY_1
      rpm: 60
  - model_name: gpt-4o
    litellm_params: { model: gpt-4o, api_key: sk-test-2 }
  - model_name: fast
    litellm_params:
      model: anthropic/claude-haiku
      litellm_credential_name: main
  - model_name: local
    litellm_params: { model: hosted_vllm/org/llama, api_base: "http://gpu:8000/v1/", api_key: sk-test-2 }
  - model_name: cloud
    litellm_params: { model: bedrock/claude, aws_region_name: eu }
  - model_name: lost
    litellm_params: { model: groq/llama, api_key: os.environ/NOWHERE }
  - model_name: bare
    litellm_params: { model: deepseek/chat }
  - model_name: nameless
credential_list:
  - credential_name: main
    credential_values: { api_key: sk-test-3 }
environment_variables:
  DEEPSEEK_API_KEY: sk-test-4
general_settings: { master_key: sk-canary }
"#;

    fn found(text: &str) -> Findings {
        from_config(text, |name| (name == "OPENAI_KEY_1").then(|| "sk-test-1".into())).unwrap()
    }

    #[test]
    fn deployments_are_gathered_by_provider_and_address() {
        let findings = found(CONFIG);

        let told: Vec<_> = findings
            .services
            .iter()
            .map(|service| {
                let keys: Vec<_> = service.keys.iter().map(|key| key.secret.expose()).collect();
                (service.spec.slug.as_str(), service.spec.target.url().as_str(), keys)
            })
            .collect();
        assert_eq!(
            told,
            [
                ("openai", "https://api.openai.com", vec!["sk-test-1", "sk-test-2"]),
                ("anthropic", "https://api.anthropic.com", vec!["sk-test-3"]),
                ("hosted_vllm", "http://gpu:8000/v1", vec!["sk-test-2"]),
                ("deepseek", "https://api.deepseek.com", vec!["sk-test-4"]),
            ]
        );
    }

    #[test]
    fn names_of_models_are_kept_where_requests_are_translated_and_told_elsewhere() {
        let findings = found(CONFIG);

        let remarks = &findings.services[0].remarks;
        assert!(remarks.iter().any(|remark| remark.contains("gpt-4o-2024")), "{remarks:?}");
        assert!(remarks.iter().any(|remark| remark.contains("rpm")), "{remarks:?}");
        let fields = ConfigFields::from(&findings.services[1].spec);
        assert_eq!(fields.output_format.as_deref(), Some("openai"));
        assert_eq!(fields.options.model_aliases["fast"], "claude-haiku");
    }

    #[test]
    fn what_cannot_be_carried_is_told_and_why() {
        let findings = found(CONFIG);

        for (name, why) in [("cloud", "bedrock"), ("lost", "NOWHERE"), ("nameless", "litellm_params")] {
            let told = findings.left_behind.iter().find(|(left, _)| left == name).unwrap();
            assert!(told.1.contains(why), "{told:?}");
        }
        assert!(findings.remarks[0].contains("GLOBAL_PROXY_KEYS") && !findings.remarks[0].contains("canary"));
    }

    #[test]
    fn what_is_no_config_is_refused_without_being_shown() {
        let broken = "model_list:\n  - model_name: [sk-canary\n";
        let Err(error) = from_config(broken, |_| None) else { panic!() };
        assert!(matches!(error, Error::Syntax { language: "YAML", .. }), "{error}");
        assert!(!error.to_string().contains("canary"));
        for other in ["", "[1, 2]", "litellm_settings: {}", "model_list: 7"] {
            assert!(from_config(other, |_| None).is_err(), "{other:?}");
        }
    }
}
