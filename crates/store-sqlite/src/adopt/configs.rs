//! The old project's configs.

use std::collections::HashSet;

use jiff::Timestamp;
use rotator_core::{
    model::{ConfigFields, ConfigId, ConfigSpec, Slug},
    store::Change,
    vault::Vault,
};
use rusqlite::Transaction;

use super::{Adoption, OldRow};
use crate::{
    audit,
    configs::{insert_fields, vouch},
    error::Fault,
    rows,
};

/// Stands where an old config had no usable address. RFC 2606 reserves the name: nobody answers there.
const NOWHERE: &str = "https://example.invalid";
/// Room for a number at the end of a slug, which may have 100 characters.
const LONGEST_SLUG: usize = 90;

/// The configs that were taken over.
pub(super) struct Adopted {
    pub(super) ids: HashSet<ConfigId>,
    /// Every slug that is in use, or that a config yet to come keeps.
    slugs: HashSet<String>,
    /// Holds the keys whose config is gone.
    recovered: Option<ConfigId>,
}

struct OldConfig {
    id: ConfigId,
    fields: ConfigFields,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Takes over every config.
pub(super) fn adopt(
    tx: &Transaction<'_>,
    vault: &Vault,
    by: &Change,
    adoption: &mut Adoption,
) -> Result<Adopted, Fault> {
    let old: Vec<OldConfig> = tx
        .prepare("SELECT * FROM old_proxy_configs ORDER BY id")?
        .query_map((), |row| read(&OldRow(row), by.at))?
        .collect::<rusqlite::Result<_>>()?;
    let slugs =
        old.iter().map(|config| config.fields.slug.clone()).filter(|slug| slug.parse::<Slug>().is_ok());
    let mut adopted = Adopted { ids: HashSet::new(), slugs: slugs.collect(), recovered: None };
    for config in old {
        adopted.adopt(tx, vault, config, by, adoption)?;
    }
    Ok(adopted)
}

fn read(row: &OldRow<'_>, now: Timestamp) -> rusqlite::Result<OldConfig> {
    let config_type = row.text("config_type").unwrap_or_default();
    // The old project filled these columns for LLM configs too, and put the key where the format says regardless.
    let own_place = !config_type.eq_ignore_ascii_case("llm");
    let fields = ConfigFields {
        name: row.text("name").unwrap_or_default(),
        slug: row.text("slug").unwrap_or_default(),
        config_type,
        is_active: row.flag("is_active"),
        api_key_location: row.text("api_key_location").filter(|_| own_place),
        api_key_name: row.text("api_key_name").filter(|_| own_place),
        method: row.text("method"),
        target_url: row.text("target_url"),
        target_base_url: row.text("target_base_url"),
        api_format: row.text("api_format"),
        output_format: row.text("output_format"),
        ..ConfigFields::default()
    };
    let created_at = row.time("created_at").unwrap_or(now);
    let updated_at = row.time("updated_at").unwrap_or(created_at);
    Ok(OldConfig { id: ConfigId(row.number("id")?), fields, created_at, updated_at })
}

impl Adopted {
    fn adopt(
        &mut self,
        tx: &Transaction<'_>,
        vault: &Vault,
        config: OldConfig,
        by: &Change,
        adoption: &mut Adoption,
    ) -> Result<(), Fault> {
        let OldConfig { id, fields: old, created_at, updated_at } = config;
        let mut changes = Vec::new();
        let mut fields = old.clone();
        if let Err(reason) = old.slug.parse::<Slug>() {
            fields.slug = self.free_slug(&old.slug, id);
            changes.push(format!("its slug is {} now, since {:?} {reason}", fields.slug, old.slug));
        }
        match ConfigSpec::try_from(&fields) {
            Ok(spec) => fields = ConfigFields::from(&spec),
            Err(errors) => {
                fields = mend(id, &fields);
                changes.push(format!("it is switched off until you mend it: {}", rows::sentence(&errors)));
            }
        }
        insert(tx, vault, Some(id), &fields, (created_at, updated_at))?;
        if !changes.is_empty() {
            adoption.notes.push(format!("config {id} {:?}: {}", old.name, changes.join("; ")));
            let former = serde_json::to_string(&old).unwrap_or_default();
            audit::note(tx, "config.adopt", Some(id.0), &format!("changed; it was {former}"), by)?;
        }
        self.ids.insert(id);
        adoption.configs += 1;
        Ok(())
    }

    /// The config for keys whose own is gone, made when it is first needed.
    pub(super) fn recovered(
        &mut self,
        tx: &Transaction<'_>,
        vault: &Vault,
        by: &Change,
    ) -> Result<ConfigId, Fault> {
        if let Some(id) = self.recovered {
            return Ok(id);
        }
        let slug = self.free_slug("recovered-keys", ConfigId(0));
        let fields = nowhere("Recovered keys", &slug, "GENERIC");
        let id = insert(tx, vault, None, &fields, (by.at, by.at))?;
        audit::note(tx, "config.adopt", Some(id.0), "made for the keys of configs that are gone", by)?;
        self.recovered = Some(id);
        Ok(id)
    }

    /// A slug that nobody else has, as near to the old one as can be.
    fn free_slug(&mut self, old: &str, id: ConfigId) -> String {
        let allowed = |c: char| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) { c.to_ascii_lowercase() } else { '-' }
        };
        let near: String = old.trim().chars().map(allowed).take(LONGEST_SLUG).collect();
        let near = near.trim_start_matches(['.', '_', '-']);
        let near = if near.is_empty() { format!("config-{id}") } else { near.to_owned() };
        let numbered = (2_u64..).map(|n| format!("{near}-{n}"));
        let mut candidates = std::iter::once(near.clone()).chain(numbered);
        candidates
            .find(|slug| slug.parse::<Slug>().is_ok() && self.slugs.insert(slug.clone()))
            .unwrap_or(near)
    }
}

/// Writes a config, and vouches for where it sends its keys: the old project's data counts as an admin's.
fn insert(
    tx: &Transaction<'_>,
    vault: &Vault,
    id: Option<ConfigId>,
    fields: &ConfigFields,
    (created_at, updated_at): (Timestamp, Timestamp),
) -> Result<ConfigId, Fault> {
    let id = insert_fields(tx, id, fields, created_at, updated_at)?;
    if let Ok(spec) = ConfigSpec::try_from(fields) {
        vouch(tx, vault, id, &spec)?;
    }
    Ok(id)
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
