//! From what was found to a service that can be stored.

use std::collections::HashSet;

use rotator_core::{
    model::{ConfigFields, ConfigSpec, FieldError, QuotaGroup, Slug, Weight},
    secret::Secret,
    store::NewKey,
};

use crate::{Findings, Service};

/// A service as it was found.
pub struct Draft {
    /// As a form has it. Its slug need not be one yet.
    pub fields: ConfigFields,
    /// Its keys.
    pub keys: Vec<FoundKey>,
    /// What of it is another here, or not carried over: clauses.
    pub remarks: Vec<String>,
}

/// A key as it was found.
pub struct FoundKey {
    /// Its text.
    pub text: String,
    /// Whether it was used.
    pub is_active: bool,
    /// For people.
    pub note: String,
}

/// Longest beginning of a slug that is made from a name, in bytes; a number may follow.
const MAX_SLUG: usize = 90;
/// Longest name, in characters.
const MAX_NAME: usize = 200;

impl Draft {
    /// An LLM service of this name.
    pub fn new(name: &str, api_format: &str, base_url: &str) -> Self {
        let fields = ConfigFields {
            name: name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect(),
            slug: name.into(),
            config_type: "LLM".into(),
            is_active: true,
            target_base_url: Some(base_url.into()),
            api_format: Some(api_format.into()),
            ..ConfigFields::default()
        };
        Self { fields, keys: Vec::new(), remarks: Vec::new() }
    }
}

impl Findings {
    /// Takes a service if it makes sense; else it is left behind.
    pub fn take(&mut self, draft: Draft) {
        let Draft { mut fields, keys, remarks } = draft;
        // A name in another script makes no slug, but the API's host does.
        if !fields.slug.contains(|c: char| c.is_ascii_alphanumeric()) {
            let url = fields.target_base_url.as_deref().unwrap_or_default();
            fields.slug = url.split('/').nth(2).unwrap_or_default().into();
        }
        if let Some(slug) = slugs(&fields.slug).next() {
            fields.slug = slug.as_str().into();
        }
        match ConfigSpec::try_from(&fields) {
            Ok(spec) => {
                let mut service = Service { spec, keys: Vec::new(), repeated: 0, unusable: 0, remarks };
                service.add(keys);
                self.services.push(service);
            }
            Err(errors) => self.left_behind.push((fields.name, FieldError::sentence(&errors))),
        }
    }
}

impl Service {
    fn add(&mut self, found: Vec<FoundKey>) {
        let mut seen = HashSet::new();
        for key in found {
            match Secret::parse(&key.text) {
                Err(_) => self.unusable += 1,
                Ok(_) if !seen.insert(key.text.trim().to_owned()) => self.repeated += 1,
                Ok(secret) => self.keys.push(NewKey {
                    secret,
                    is_active: key.is_active,
                    weight: Weight::ONE,
                    quota_group: QuotaGroup::default(),
                    note: key.note,
                }),
            }
        }
    }
}

/// The slugs that a service of this name may have, the first of which is the best.
pub fn slugs(name: &str) -> impl Iterator<Item = Slug> + use<> {
    let mut base = String::new();
    for c in name.trim().chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' => base.push(c),
            _ if base.is_empty() || base.ends_with('-') => {}
            _ => base.push('-'),
        }
    }
    let base = base.trim_start_matches(['.', '_', '-']).trim_end_matches('-');
    let base: String = if base.is_empty() { "service".into() } else { base.chars().take(MAX_SLUG).collect() };
    let numbered = base.clone();
    std::iter::once(base)
        .chain((2..).map(move |n| format!("{numbered}-{n}")))
        .filter_map(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(name: &str) -> String {
        slugs(name).next().unwrap().to_string()
    }

    fn found(text: &str) -> FoundKey {
        FoundKey { text: text.into(), is_active: true, note: String::new() }
    }

    #[test]
    fn every_name_makes_a_slug() {
        for (name, slug) in [
            ("OpenAI (Main)", "openai-main"),
            ("..a//b  c", "a-b-c"),
            ("智谱", "service"),
            ("", "service"),
            ("proxy", "proxy-2"),
            ("gpt_4.1", "gpt_4.1"),
        ] {
            assert_eq!(first(name), slug);
        }
        assert_eq!(slugs("main").nth(2).unwrap().as_str(), "main-3");
        assert!(first(&"x".repeat(300)).len() <= 100);
    }

    #[test]
    fn a_name_in_another_script_takes_its_slug_from_the_address() {
        let mut findings = Findings::default();
        findings.take(Draft::new("智谱", "openai_compatible", "https://open.bigmodel.cn/api"));

        let spec = &findings.services[0].spec;
        assert_eq!((spec.name.as_str(), spec.slug.as_str()), ("智谱", "open.bigmodel.cn"));
    }

    #[test]
    fn a_key_is_taken_once_and_what_can_be_none_is_counted() {
        let mut findings = Findings::default();
        let mut draft = Draft::new("Main", "openai_compatible", "https://api.openai.com");
        draft.keys = ["sk-test-1", " sk-test-1 ", "", "sk-\u{1}", "sk-test-2"].map(found).into();
        findings.take(draft);

        let service = &findings.services[0];
        assert_eq!((service.keys.len(), service.repeated, service.unusable), (2, 1, 2));
    }

    #[test]
    fn a_service_that_makes_no_sense_is_left_behind() {
        let mut findings = Findings::default();
        findings.take(Draft::new("Main", "openai_compatible", "https://user:canary@api.example.com"));

        let [(name, why)] = &findings.left_behind[..] else { panic!() };
        assert!(findings.services.is_empty() && name == "Main" && why.contains("user name"), "{why}");
        assert!(!why.contains("canary"));
    }
}
