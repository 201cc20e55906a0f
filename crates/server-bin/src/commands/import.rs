//! `import`: services and keys of another gateway, into the database of the server.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    fs,
    path::Path,
};

use anyhow::Context as _;
use importers::{Findings, Service, Tables, channels, draft::slugs, gpt_load, litellm, pg_dump};
use rotator_core::{
    model::{ConfigId, ConfigSpec, Slug, Target},
    secret::Secret,
    store::{Change, NewKey, RouteSource, Store},
};
use tokio::runtime::Builder;

use super::{load, print};
use crate::{
    backends::{self, OpenStore},
    cli::{Gateway, Import},
    clock,
    config::{CacheKind, ConfigError, Database, DatabaseKind, Inputs, Place, variables as var},
};

/// How many keys are written at once.
const BATCH: usize = 5_000;
const SQLITE_FILE: &[u8] = b"SQLite format 3\0";
const MYSQL: &str = "mysql://";

/// A service, and what of it there is already.
struct Planned {
    spec: ConfigSpec,
    /// The same service in the database.
    there: Option<ConfigId>,
    /// Keys that it has not.
    new: Vec<NewKey>,
    /// How many it has, or are there twice.
    known: usize,
    unusable: usize,
    remarks: Vec<String>,
}

/// Imports.
pub(super) fn run(inputs: &Inputs, options: &Import) -> anyhow::Result<()> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let findings = read(inputs, options).await?;
        let (config, secrets) = load(inputs)?;
        let database = Database { reset: false, ..config.database };
        let keys = config.access.encryption;
        if options.dry_run {
            let store = OpenStore::open_current(&database, keys).await?;
            let there = match &store {
                Some(store) => store.port().route_sources().await?,
                None => Vec::new(),
            };
            if let Some(store) = store {
                store.close().await;
            }
            let (planned, rest) = plan(findings, there);
            print(&table(&planned, &rest))?;
            return print("Nothing was written. Without --dry-run, this is added.");
        }
        secrets.only(&var::ENCRYPTION_KEY).save()?;
        let (store, _) = OpenStore::open(&database, keys, clock::now()).await?;
        let done = add(&*store.port(), findings, &database).await;
        store.close().await;
        done
    })
}

/// What the source holds.
async fn read(inputs: &Inputs, options: &Import) -> anyhow::Result<Findings> {
    let source = options.source.as_str();
    let findings = match options.from {
        Gateway::GptLoad => {
            let opener = opener(options.from_encryption_key_file.as_deref())?;
            match content(inputs, source, &gpt_load::TABLES).await? {
                Content::Tables(tables) => tables.and_then(|tables| gpt_load::from_tables(&tables, &opener)),
                Content::Text(text) => gpt_load::from_export(&text, &opener),
            }
        }
        Gateway::OneApi | Gateway::NewApi => {
            let product = match options.from {
                Gateway::OneApi => channels::Product::OneApi,
                _ => channels::Product::NewApi,
            };
            match content(inputs, source, &channels::TABLES).await? {
                Content::Tables(tables) => tables.and_then(|tables| channels::from_tables(product, &tables)),
                Content::Text(_) => Err(importers::Error::NotThat {
                    expected: "a SQLite file, a plain pg_dump or mysql://…",
                }),
            }
        }
        Gateway::Litellm => litellm::from_config(&text_of(source)?, |name| variable(inputs, name)),
    };
    findings.map_err(|error| unreadable(source, &error.to_string()).into())
}

/// What a source is.
enum Content {
    Tables(Result<Tables, importers::Error>),
    Text(String),
}

async fn content(inputs: &Inputs, source: &str, tables: &[&str]) -> anyhow::Result<Content> {
    if source.starts_with(MYSQL) {
        let place = Place::parse("the source", source, inputs)?;
        backends::check(&place.database, &CacheKind::Memory)?;
        return Ok(Content::Tables(Ok(backends::read_foreign(&place.database, tables).await?)));
    }
    let bytes = fs::read(source).map_err(|error| unreadable(source, &format!("cannot be read: {error}")))?;
    if bytes.starts_with(SQLITE_FILE) {
        let database = Database { kind: DatabaseKind::Sqlite, path: source.into(), reset: false };
        return Ok(Content::Tables(Ok(backends::read_foreign(&database, tables).await?)));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| unreadable(source, "is not text, and not a SQLite file"))?;
    let is_dump = text.lines().any(|line| line.starts_with("COPY ") || line.starts_with("-- PostgreSQL"));
    Ok(if is_dump { Content::Tables(pg_dump::tables(&text, tables)) } else { Content::Text(text) })
}

fn text_of(source: &str) -> Result<String, ConfigError> {
    fs::read_to_string(source).map_err(|error| unreadable(source, &format!("cannot be read: {error}")))
}

fn opener(file: Option<&Path>) -> anyhow::Result<gpt_load::Opener> {
    let text = file.map(|path| text_of(&path.display().to_string())).transpose()?;
    let key = text.as_deref().map(|text| text.trim_end_matches(['\r', '\n']));
    gpt_load::Opener::new(key).context("the ENCRYPTION_KEY of gpt-load cannot be used")
}

fn variable(inputs: &Inputs, name: &str) -> Option<String> {
    let set = inputs.environment.iter().find(|(known, _)| known == name);
    set.and_then(|(_, value)| value.to_str()).map(str::to_owned)
}

/// Without a password that may be in it.
fn unreadable(source: &str, problem: &str) -> ConfigError {
    let shown = if source.starts_with(MYSQL) { "the MySQL database" } else { source };
    ConfigError::Database(format!("{shown} {problem}"))
}

/// Adds what is not there.
async fn add(store: &dyn Store, findings: Findings, database: &Database) -> anyhow::Result<()> {
    let (planned, rest) = plan(findings, store.route_sources().await?);
    print(&table(&planned, &rest))?;
    let by = Change { at: clock::now(), actor: "import".into(), address: None, request_id: String::new() };
    let (mut services, mut keys, mut known, mut unusable) = (0, 0, 0, 0);
    for service in planned {
        let id = if let Some(id) = service.there {
            id
        } else {
            services += 1;
            store.insert_config(service.spec, &by).await?.id
        };
        known += service.known as u64;
        unusable += service.unusable;
        for batch in service.new.chunks(BATCH) {
            let added = store.add_keys(id, batch.to_vec(), &by).await?;
            keys += added.ids.len();
            known += added.duplicates;
        }
    }
    print(&format!(
        "Added {services} services and {keys} keys to {}. Passed over: {known} keys that were there already or twice, and \
         {unusable} texts that can be no key. A running server serves them within five seconds.",
        database.place()
    ))
}

/// What is to be done, and what cannot be.
fn plan(findings: Findings, there: Vec<RouteSource>) -> (Vec<Planned>, Vec<String>) {
    let mut there: HashMap<Slug, RouteSource> =
        there.into_iter().map(|source| (source.config.spec.slug.clone(), source)).collect();
    let mut taken = HashSet::new();
    let planned =
        findings.services.into_iter().map(|service| planned(service, &mut there, &mut taken)).collect();
    let left =
        findings.left_behind.iter().map(|(name, why)| format!("{} is left behind: it {why}", plain(name)));
    (planned, left.chain(findings.remarks).collect())
}

/// A service is known again by its slug and its address. Where another has the slug, it gets one with a number.
fn planned(service: Service, there: &mut HashMap<Slug, RouteSource>, taken: &mut HashSet<Slug>) -> Planned {
    let Service { mut spec, keys, repeated, unusable, remarks } = service;
    let is_same = |source: &RouteSource| {
        matches!(source.config.spec.target, Target::Llm { .. })
            && source.config.spec.target.url() == spec.target.url()
    };
    let fits = |slug: &Slug| !taken.contains(slug) && there.get(slug).is_none_or(is_same);
    if let Some(slug) = slugs(spec.slug.as_str()).find(fits) {
        spec.slug = slug;
    }
    taken.insert(spec.slug.clone());
    let source = there.remove(&spec.slug);
    let has: Vec<Secret> =
        source.iter().flat_map(|source| &source.keys).filter_map(|key| key.secret.clone()).collect();
    let has: HashSet<&str> = has.iter().map(Secret::expose).collect();
    let count = keys.len();
    let new: Vec<NewKey> = keys.into_iter().filter(|key| !has.contains(key.secret.expose())).collect();
    Planned {
        spec,
        there: source.as_ref().map(|source| source.config.id),
        known: repeated + count - new.len(),
        new,
        unusable,
        remarks,
    }
}

/// What is to be done, for people.
fn table(planned: &[Planned], rest: &[String]) -> String {
    let width = planned.iter().map(|service| service.spec.slug.as_str().len()).max().unwrap_or(0).max(7);
    let mut text = format!("{:width$}  {:>7}  {:>7}  {:>7}  address\n", "service", "new", "there", "off");
    let mut remarks = Vec::new();
    for Planned { spec, there, new, known, unusable, remarks: told } in planned {
        let off = new.iter().filter(|key| !key.is_active).count();
        let state = match (there, spec.is_active) {
            (Some(_), _) => " (there already)",
            (None, false) => " (switched off)",
            (None, true) => "",
        };
        let (slug, url) = (spec.slug.as_str(), spec.target.url().as_str());
        let row = format!("{slug:width$}  {:>7}  {known:>7}  {off:>7}  {url}{state}\n", new.len());
        text.push_str(&row);
        remarks.extend(told.iter().map(|remark| format!("{slug}: {}", plain(remark))));
        if *unusable > 0 {
            remarks.push(format!("{slug}: {unusable} texts can be no key and are left out"));
        }
    }
    for remark in remarks.iter().chain(rest) {
        // Writing to a string does not fail.
        let _ = write!(text, "\n{remark}");
    }
    text.push('\n');
    text
}

/// Text of another program, without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
