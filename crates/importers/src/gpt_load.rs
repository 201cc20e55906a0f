//! gpt-load 1: groups, each with upstreams and keys, from its database or an export file.

mod sealed;

use std::{borrow::Borrow, collections::BTreeMap};

use rotator_core::model::{ConfigOptions, TargetFields, Weight};
use serde_json::Value;

pub use sealed::Opener;
use sealed::Text;

use crate::{
    Error, Findings, Record, Tables,
    draft::{Draft, FoundKey},
};

/// The tables that are read.
pub const TABLES: [&str; 3] = ["groups", "api_keys", "credentials"];

const EXPECTED_TABLES: &str = "a database of gpt-load: it has no tables groups and api_keys";
const EXPECTED_EXPORT: &str = "an export of gpt-load: it has no groups with keys";

/// What a database holds.
pub fn from_tables(tables: &Tables, opener: &Opener) -> Result<Findings, Error> {
    let (groups, keys) = match (tables.get("groups"), tables.get("api_keys"), tables.get("credentials")) {
        (Some(groups), Some(keys), _) => (groups, keys),
        (Some(_), None, Some(_)) => return Err(Error::GptLoad2),
        _ => return Err(Error::NotThat { expected: EXPECTED_TABLES }),
    };
    let mut pools: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for key in keys {
        pools.entry(key.get("group_id").map_or("", String::as_str)).or_default().push(key);
    }
    let mut findings = Findings::default();
    for group in groups {
        let pool = group.get("id").and_then(|id| pools.remove(id.as_str())).unwrap_or_default();
        take(&mut findings, group, Pool::open(pool, opener)?);
    }
    Ok(findings)
}

/// What an export file holds: one group, or several.
pub fn from_export(text: &str, opener: &Opener) -> Result<Findings, Error> {
    let root: Value = serde_json::from_str(text).map_err(|error| Error::Syntax {
        language: "JSON",
        line: error.line() as u64,
        column: error.column() as u64,
    })?;
    let mut findings = Findings::default();
    for entry in entries(&root) {
        // The group's fields are in an object of their own, or beside the keys.
        let group = record(entry.get("group").unwrap_or(entry));
        let keys = ["keys", "api_keys"].into_iter().find_map(|name| entry.get(name)?.as_array());
        let keys = keys.into_iter().flatten().map(|key| match key {
            Value::String(text) => Record::from([("key_value".into(), text.clone())]),
            other => record(other),
        });
        let pool = Pool::open(keys, opener)?;
        if group.contains_key("upstreams") {
            take(&mut findings, &group, pool);
        }
    }
    if findings.services.is_empty() && findings.left_behind.is_empty() {
        return Err(Error::NotThat { expected: EXPECTED_EXPORT });
    }
    Ok(findings)
}

/// The groups of an export, wherever they are in it.
fn entries(root: &Value) -> Vec<&Value> {
    let root = root.get("data").unwrap_or(root);
    match root.get("groups").unwrap_or(root) {
        Value::Array(groups) => groups.iter().collect(),
        group => vec![group],
    }
}

/// The fields of an object as columns have them.
fn record(object: &Value) -> Record {
    let fields = object.as_object().into_iter().flatten();
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    fields.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
}

/// The keys of a group.
#[derive(Default)]
struct Pool {
    keys: Vec<FoundKey>,
    /// How many of them may be encrypted.
    doubtful: usize,
}

impl Pool {
    fn open<R: Borrow<Record>>(rows: impl IntoIterator<Item = R>, opener: &Opener) -> Result<Self, Error> {
        let mut pool = Self::default();
        for row in rows {
            let row = row.borrow();
            let stored = row.get("key_value").map_or("", String::as_str);
            let text = match opener.open(stored, row.get("key_hash").map(String::as_str))? {
                Text::Certain(text) => text,
                Text::Doubtful(text) => {
                    pool.doubtful += 1;
                    text
                }
            };
            pool.keys.push(found_key(row, text));
        }
        Ok(pool)
    }
}

fn found_key(key: &Record, key_text: String) -> FoundKey {
    let text = |name: &str| key.get(name).map_or("", String::as_str);
    let status = text("status");
    let is_active = status.is_empty() || status == "active";
    let mut note = text("notes").to_owned();
    if !is_active {
        let was = format!("{status} in gpt-load");
        note = if note.is_empty() { was } else { format!("{note} ({was})") };
    }
    FoundKey { text: key_text, is_active, note }
}

fn take(findings: &mut Findings, group: &Record, pool: Pool) {
    let text = |name: &str| group.get(name).map_or("", String::as_str).trim();
    let name = if text("display_name").is_empty() { text("name") } else { text("display_name") };
    let mut leave = |why: String| findings.left_behind.push((name.to_owned(), why));
    if text("group_type") == "aggregate" {
        return leave("spreads requests over other groups; clients call each service by itself here".into());
    }
    let api_format = match text("channel_type") {
        "openai" => "openai_compatible",
        "openai-response" | "openai_response" | "openai-responses" => "openai_responses",
        "anthropic" => "anthropic_native",
        "gemini" => "gemini_native",
        other => return leave(format!("is of the type {other:?}, which there is none like here")),
    };
    let Some((main, more_targets)) = targets(text("upstreams")) else {
        return leave("has no upstream in use".into());
    };
    let mut draft = Draft::new(name, api_format, &main);
    draft.fields.slug = text("name").into();
    draft.fields.is_active = !matches!(text("enabled"), "0" | "false" | "f");
    draft.fields.options.more_targets = more_targets;
    draft.keys = pool.keys;
    if pool.doubtful > 0 {
        draft.remarks.push(format!(
            "{} of its keys may be encrypted, which nothing beside them tells: they are taken as they are",
            pool.doubtful
        ));
    }
    settings(text("config"), &mut draft);
    headers(text("header_rules"), &mut draft);
    for (column, what) in [
        ("param_overrides", "parameters that it sets in requests are not carried over"),
        ("model_redirect_rules", "models are not renamed: clients ask for them by the API's names"),
        ("proxy_keys", "proxy keys of its own are not carried over: clients show one of GLOBAL_PROXY_KEYS"),
    ] {
        if !matches!(text(column), "" | "{}" | "[]" | "null") {
            draft.remarks.push(what.into());
        }
    }
    findings.take(draft);
}

/// The upstream of the smallest share, which counts 1 here, and the others beside it.
fn targets(upstreams: &str) -> Option<(String, Vec<TargetFields>)> {
    let upstreams: Vec<Value> = serde_json::from_str(upstreams).ok()?;
    let mut used: Vec<(String, u64)> = upstreams
        .iter()
        .filter_map(|upstream| {
            let weight = upstream.get("weight").and_then(Value::as_u64).unwrap_or(1);
            Some((upstream.get("url")?.as_str()?.trim().to_owned(), weight))
        })
        .filter(|(_, weight)| *weight > 0)
        .collect();
    used.sort_by_key(|(_, weight)| *weight);
    let mut used = used.into_iter();
    let (main, share) = used.next()?;
    let more = used.map(|(url, weight)| {
        let weight = ((weight + share / 2) / share).clamp(1, Weight::MAX.into());
        TargetFields { url, weight: u16::try_from(weight).unwrap_or(Weight::MAX), priority: 0 }
    });
    Some((main, more.collect()))
}

/// Those of a group's settings that have a like here. Times are in seconds there.
fn settings(config: &str, draft: &mut Draft) {
    let config: Value = serde_json::from_str(config).unwrap_or_default();
    let number = |name: &str| config.get(name).and_then(Value::as_u64).filter(|n| *n > 0);
    let milliseconds = |name: &str| number(name).map(|seconds| seconds.saturating_mul(1000));
    let options: &mut ConfigOptions = &mut draft.fields.options;
    options.connect_timeout_ms = milliseconds("connect_timeout");
    options.response_timeout_ms = milliseconds("response_header_timeout");
    // Each further try is with another key.
    options.max_attempts =
        number("max_retries").map(|retries| u8::try_from(retries + 1).unwrap_or(10).min(10));
    if config.get("proxy_url").and_then(Value::as_str).is_some_and(|url| !url.is_empty()) {
        draft.remarks.push("the proxy through which it reaches its API is not carried over".into());
    }
}

fn headers(rules: &str, draft: &mut Draft) {
    let rules: Vec<Value> = serde_json::from_str(rules).unwrap_or_default();
    for rule in rules {
        let text = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, value) = (text("key"), text("value"));
        match text("action").as_str() {
            "remove" => draft.fields.options.remove_headers.push(name),
            _ if value.contains("${") => {
                draft.remarks.push(format!("the header {name} has variables in it and is not carried over"));
            }
            _ => {
                draft.fields.options.set_headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
