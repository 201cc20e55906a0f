//! What becomes of the old project's rows: the same tables in GORM's layout, with the keys in plain text.
//!
//! Ids stay. Nothing is lost: a config that makes no sense today is switched off and mended as far as can be, with
//! its former fields in the audit log; a key that no header may carry, or whose config is gone, is kept out of
//! rotation. The report has a sentence for each. A store reads the rows, asks here, and writes what it is told.

mod configs;
mod keys;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::{
    model::{ConfigFields, ConfigId, KeyId},
    store::{Adoption, NewKey},
    vault::{Row, Vault},
};

/// A row of the old table of configs.
#[derive(Debug, Clone)]
pub struct OldConfig {
    id: ConfigId,
    fields: ConfigFields,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A row of the old table of keys.
pub struct OldKey {
    id: KeyId,
    config: Option<ConfigId>,
    text: String,
    is_active: bool,
}

/// What to write.
pub struct Takeover {
    /// The configs, before their keys.
    pub configs: Vec<AdoptedConfig>,
    /// The keys, and the rows that they are to be sealed for.
    pub keys: Vec<(Row, NewKey)>,
    /// What was done, for people.
    pub report: Adoption,
    at: Timestamp,
}

/// A config to write.
#[derive(Debug, Clone)]
pub struct AdoptedConfig {
    /// Its id.
    pub id: ConfigId,
    /// Its fields. They make sense; the old project's data counts as an admin's, so where it sends its keys is vouched for.
    pub fields: ConfigFields,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// What the audit log is to say of it, under `config.adopt`.
    pub note: Option<String>,
}

impl OldConfig {
    /// Reads a row. `text` answers the text in a column; `None` when the column is not there, null or empty. What the
    /// columns hold is what GORM, an older version of it, or a hand put there.
    pub fn read(id: i64, text: impl Fn(&str) -> Option<String>, now: Timestamp) -> Self {
        let config_type = text("config_type").unwrap_or_default();
        // The old project filled these columns for LLM configs too, and put the key where the format says regardless.
        let own_place = !config_type.eq_ignore_ascii_case("llm");
        let fields = ConfigFields {
            name: text("name").unwrap_or_default(),
            slug: text("slug").unwrap_or_default(),
            config_type,
            is_active: flag(text("is_active").as_deref()),
            api_key_location: text("api_key_location").filter(|_| own_place),
            api_key_name: text("api_key_name").filter(|_| own_place),
            method: text("method"),
            target_url: text("target_url"),
            target_base_url: text("target_base_url"),
            api_format: text("api_format"),
            output_format: text("output_format"),
            ..ConfigFields::default()
        };
        let time = |column| text(column).and_then(|text| time(&text));
        let created_at = time("created_at").unwrap_or(now);
        let updated_at = time("updated_at").unwrap_or(created_at);
        Self { id: ConfigId(id), fields, created_at, updated_at }
    }
}

impl OldKey {
    /// Reads a row; see [`OldConfig::read`].
    pub fn read(id: i64, text: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            id: KeyId(id),
            config: text("proxy_config_id").and_then(|id| id.parse().ok()).map(ConfigId),
            text: text("key_value").unwrap_or_default(),
            is_active: flag(text("is_active").as_deref()),
        }
    }
}

impl Takeover {
    /// What to write of these rows, which are in the order of their ids. `next` is the id after every one that a config
    /// was ever given.
    pub fn plan(
        configs: Vec<OldConfig>,
        keys: Vec<OldKey>,
        next: ConfigId,
        vault: &Vault,
        at: Timestamp,
    ) -> Self {
        let mut takeover = Self { configs: Vec::new(), keys: Vec::new(), report: Adoption::default(), at };
        let mut adopted = configs::Adopted::of(configs, next, &mut takeover);
        keys::adopt(keys, &mut adopted, vault, &mut takeover);
        takeover
    }
}

/// A boolean, however it was written. Null is false, as the old project read it.
fn flag(text: Option<&str>) -> bool {
    text.is_some_and(|text| matches!(text.to_ascii_lowercase().as_str(), "1" | "1.0" | "true" | "t"))
}

/// A time, however it was written; without an offset it is UTC.
fn time(text: &str) -> Option<Timestamp> {
    /// How Go's `time.Time` describes itself.
    const GO_TIME: &str = "%Y-%m-%d %H:%M:%S%.f %z";
    // Go writes `2024-05-01 12:00:00.5+08:00`, or `2024-05-01 12:00:00.5 +0800 CST m=+1.5`.
    let words: Vec<&str> = text.split_whitespace().collect();
    let with_offset = Timestamp::strptime(GO_TIME, words[..words.len().min(3)].join(" "));
    let without_offset = || words[..words.len().min(2)].join(" ").parse::<DateTime>().ok();
    let in_utc = || Some(without_offset()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    text.parse().or(with_offset).ok().or_else(in_utc)
}
