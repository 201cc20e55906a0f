use std::collections::HashSet;

use super::{AdoptedConfig, OldConfig, Takeover};
use crate::model::{ConfigFields, ConfigId, ConfigSpec, FieldError, Slug};

/// Stands where an old config had no usable address. RFC 2606 reserves the name: nobody answers there.
const NOWHERE: &str = "https://example.invalid";
/// Room for a number at the end of a slug, which may have 100 characters.
const LONGEST_SLUG: usize = 90;

/// The configs that were taken over.
pub(super) struct Adopted {
    pub(super) ids: HashSet<ConfigId>,
    /// Every slug that is in use, or that a config yet to come keeps.
    slugs: HashSet<String>,
    /// The id after every one that was ever given.
    next: ConfigId,
    /// Holds the keys whose config is gone.
    recovered: Option<ConfigId>,
}

impl Adopted {
    /// Takes over every config.
    pub(super) fn of(old: Vec<OldConfig>, next: ConfigId, takeover: &mut Takeover) -> Self {
        let slugs =
            old.iter().map(|config| config.fields.slug.clone()).filter(|slug| slug.parse::<Slug>().is_ok());
        let mut adopted = Self { ids: HashSet::new(), slugs: slugs.collect(), next, recovered: None };
        for config in old {
            adopted.adopt(config, takeover);
        }
        adopted
    }

    fn adopt(&mut self, config: OldConfig, takeover: &mut Takeover) {
        let OldConfig { id, fields: old, created_at, updated_at } = config;
        let mut changes = Vec::new();
        let mut fields = old.clone();
        if let Err(reason) = old.slug.parse::<Slug>() {
            fields.slug = free_slug(&mut self.slugs, &old.slug, id);
            changes.push(format!("its slug is {} now, since {:?} {reason}", fields.slug, old.slug));
        }
        match ConfigSpec::try_from(&fields) {
            Ok(spec) => fields = ConfigFields::from(&spec),
            Err(errors) => {
                fields = mend(id, &fields);
                changes
                    .push(format!("it is switched off until you mend it: {}", FieldError::sentence(&errors)));
            }
        }
        let note = (!changes.is_empty()).then(|| {
            takeover.report.notes.push(format!("config {id} {:?}: {}", old.name, changes.join("; ")));
            let former = serde_json::to_string(&old).unwrap_or_default();
            format!("changed; it was {former}")
        });
        self.ids.insert(id);
        takeover.configs.push(AdoptedConfig { id, fields, created_at, updated_at, note });
        takeover.report.configs += 1;
    }

    /// The config for keys whose own is gone, made when it is first needed.
    pub(super) fn recovered(&mut self, takeover: &mut Takeover) -> ConfigId {
        let id = self.next;
        *self.recovered.get_or_insert_with(|| {
            let slug = free_slug(&mut self.slugs, "recovered-keys", id);
            takeover.configs.push(AdoptedConfig {
                id,
                fields: nowhere("Recovered keys", &slug, "GENERIC"),
                created_at: takeover.at,
                updated_at: takeover.at,
                note: Some("made for the keys of configs that are gone".into()),
            });
            id
        })
    }
}

/// A slug that nobody else has, as near to the old one as can be.
fn free_slug(taken: &mut HashSet<String>, old: &str, id: ConfigId) -> String {
    let allowed = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) { c.to_ascii_lowercase() } else { '-' }
    };
    let near: String = old.trim().chars().map(allowed).take(LONGEST_SLUG).collect();
    let near = near.trim_start_matches(['.', '_', '-']);
    let near = if near.is_empty() { format!("config-{id}") } else { near.to_owned() };
    let numbered = (2_u64..).map(|n| format!("{near}-{n}"));
    let mut candidates = std::iter::once(near.clone()).chain(numbered);
    candidates.find(|slug| slug.parse::<Slug>().is_ok() && taken.insert(slug.clone())).unwrap_or(near)
}

/// As much of an old config as makes sense, switched off.
fn mend(id: ConfigId, old: &ConfigFields) -> ConfigFields {
    let is_llm = old.config_type.eq_ignore_ascii_case("llm") || old.target_base_url.is_some();
    let mut mended = nowhere(&format!("Config {id}"), &old.slug, if is_llm { "LLM" } else { "GENERIC" });
    let columns: [fn(&mut ConfigFields, &ConfigFields); 9] = [
        |to, from| to.name.clone_from(&from.name),
        |to, from| to.config_type.clone_from(&from.config_type),
        |to, from| to.api_key_location.clone_from(&from.api_key_location),
        |to, from| to.api_key_name.clone_from(&from.api_key_name),
        |to, from| to.method.clone_from(&from.method),
        |to, from| to.target_url.clone_from(&from.target_url),
        |to, from| to.target_base_url.clone_from(&from.target_base_url),
        |to, from| to.api_format.clone_from(&from.api_format),
        |to, from| to.output_format.clone_from(&from.output_format),
    ];
    for take in columns {
        let mut more = mended.clone();
        take(&mut more, old);
        if ConfigSpec::try_from(&more).is_ok() {
            mended = more;
        }
    }
    mended
}

/// A config that makes sense and leads nowhere, switched off.
fn nowhere(name: &str, slug: &str, config_type: &str) -> ConfigFields {
    ConfigFields {
        name: name.into(),
        slug: slug.into(),
        config_type: config_type.into(),
        api_key_location: (config_type == "GENERIC").then(|| "header".into()),
        api_key_name: (config_type == "GENERIC").then(|| "Authorization".into()),
        target_url: Some(NOWHERE.into()),
        target_base_url: Some(NOWHERE.into()),
        ..ConfigFields::default()
    }
}
