//! `migrate`: everything from one database into another.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rotator_core::{
    store::{Change, StoreError},
    transfer::{Holdings, Part, Piece, Transfer, compare, copy},
    vault::{KeyEncryptionKey, KeyEncryptionKeys},
};
use tokio::runtime::Builder;

use super::print;
use crate::{
    backends::{self, OpenStore},
    cli::Migrate,
    clock,
    config::{Access, CacheKind, ConfigError, Database, DatabaseKind, Inputs, Place, variables as var},
    secrets::{self, Completed},
};

/// How often the progress of a part is told.
const TELLING: Duration = Duration::from_secs(1);

/// What is copied.
struct Source {
    store: OpenStore,
    place: String,
    holdings: Holdings,
    parts: Vec<Part>,
}

/// What it is copied into.
struct Target {
    database: Database,
    keys: KeyEncryptionKeys,
}

/// Copies.
pub(super) fn run(inputs: &Inputs, options: &Migrate) -> anyhow::Result<()> {
    let from = Place::parse("--from", &options.from, inputs)?;
    let to = Place::parse("--to", &options.to, inputs)?;
    for place in [&from, &to] {
        backends::check(&place.database, &CacheKind::Memory)?;
    }
    let keys = source_keys(&from, options.from_encryption_key_file.as_deref())?;
    let secrets = secrets::complete(to.values, &to.database)?.only(&var::ENCRYPTION_KEY);
    let target =
        Target { keys: Access::encryption_of(&secrets.values, &to.database)?, database: to.database };
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let source = Source::open(&from.database, keys, options.skip_request_log).await?;
        let done = async {
            let Some(to) = target.open(&source, options.dry_run, &secrets).await? else {
                return print("Nothing was written. Without --dry-run, this is copied.");
            };
            let copied = source.copy(&*to.transfer(), &target.database.place()).await;
            to.close().await;
            copied
        }
        .await;
        source.store.close().await;
        done
    })
}

/// Every key that may open the source.
fn source_keys(from: &Place, file: Option<&Path>) -> anyhow::Result<KeyEncryptionKeys> {
    let mut keys = Vec::new();
    if let Some(path) = file {
        let problem = |problem: String| ConfigError::File { path: path.into(), problem };
        let text = fs::read_to_string(path).map_err(|error| problem(format!("cannot be read: {error}")))?;
        keys.push(KeyEncryptionKey::parse(&text).map_err(problem)?);
    }
    if from.database.kind == DatabaseKind::Sqlite {
        keys.extend(Access::encryption_candidates(&secrets::kept_in(from.database.folder())?)?);
    }
    keys.extend(Access::encryption_candidates(&from.values)?);
    let mut keys = keys.into_iter();
    let primary = keys.next().ok_or_else(|| unopened(&from.database.place()))?;
    Ok(KeyEncryptionKeys { primary, previous: keys.collect() })
}

fn unopened(place: &str) -> ConfigError {
    ConfigError::Database(format!(
        "the keys in {place} open with no ENCRYPTION_KEY that is set or kept beside it; \
         put the one they were encrypted with into a file, and name it by --from-encryption-key-file"
    ))
}

impl Source {
    /// Opens it as it is, and sees that none of it would be lost.
    async fn open(
        database: &Database,
        keys: KeyEncryptionKeys,
        skip_request_log: bool,
    ) -> anyhow::Result<Self> {
        let place = database.place();
        let store =
            OpenStore::open_current(database, keys).await.map_err(|error| match error.downcast_ref() {
                Some(ConfigError::WrongKey(_)) => unopened(&place).into(),
                _ => error,
            })?;
        let store = store.ok_or_else(|| refusal(format!("there is no database at {place}")))?;
        let holdings = store.transfer().holdings().await?;
        if store.transfer().transfer_under_way().await?.is_some() {
            return Err(refusal(format!(
                "{place} holds only a part of another database; complete that copy first"
            )));
        }
        if holdings.is_empty() {
            return Err(refusal(format!("{place} is empty: there is nothing to copy")));
        }
        must_open(&*store.transfer(), &place).await?;
        let mut parts = Part::ALL.to_vec();
        parts.retain(|part| !(skip_request_log && *part == Part::Requests));
        Ok(Self { store, place, holdings, parts })
    }

    /// What will be copied, as a table.
    fn show(&self, to: &str, begun: Option<&Holdings>) -> anyhow::Result<()> {
        let mut text = format!("From  {}\nTo    {to}\n", self.place);
        for part in Part::ALL {
            let there = begun.map_or(0, |begun| begun.of(part).rows);
            let remark = match there {
                _ if !self.parts.contains(&part) => "  (left behind)".to_owned(),
                0 => String::new(),
                there => format!("  ({there} there already)"),
            };
            let row = format!("\n{:16}{:>10}{remark}", part.as_str(), self.holdings.of(part).rows);
            text.push_str(&row);
        }
        text.push('\n');
        print(&text)
    }

    /// Copies, compares, and says so.
    async fn copy(&self, to: &dyn Transfer, to_place: &str) -> anyhow::Result<()> {
        let from = self.store.transfer();
        let mut progress = Progress::default();
        copy(&*from, to, &self.parts, |part, there, of| progress.tell(part, there, of))
            .await
            .context("the copy was interrupted; the same command goes on where it stopped")?;
        if let Some(difference) = compare(&*from, to).await? {
            anyhow::bail!(
                "{difference}: something changed {} while it was copied; stop its server, empty {to_place} and copy again",
                self.place
            );
        }
        let holdings = to.holdings().await?;
        let by =
            Change { at: clock::now(), actor: "migrate".into(), address: None, request_id: String::new() };
        to.end_transfer(&format!("copied from {}: {}", self.place, inventory(&holdings)), &by).await?;
        for &part in &self.parts {
            let (here, there) = (self.holdings.of(part).rows, holdings.of(part).rows);
            if here != there {
                print(&format!(
                    "Of {here} {}, {there} were copied: the others make no sense any more.",
                    part.as_str()
                ))?;
            }
        }
        print(&format!(
            "Copied to {}: {}. Every service and every key was compared with the source, and is the same. \
             Start the server on the new database; the old one is as it was.",
            to_place,
            inventory(&holdings)
        ))
    }
}

impl Target {
    /// Sees that it may take the source, says what that means, and opens it; makes it if there is nothing yet. `None`
    /// if it is to be left as it is.
    async fn open(
        &self,
        source: &Source,
        dry_run: bool,
        secrets: &Completed,
    ) -> anyhow::Result<Option<OpenStore>> {
        let place = self.database.place();
        let found = OpenStore::open_current(&self.database, self.keys.clone()).await?;
        let begun = match &found {
            Some(store) => Some(check_target(&*store.transfer(), &place, &source.holdings).await?),
            None => None,
        };
        source.show(&place, begun.as_ref())?;
        if dry_run {
            if let Some(store) = found {
                store.close().await;
            }
            return Ok(None);
        }
        if found.is_none() {
            secrets.save()?;
            let (made, _) = OpenStore::open(&self.database, self.keys.clone(), clock::now()).await?;
            return Ok(Some(made));
        }
        Ok(found)
    }
}

/// Whether a store may take another one. Answers what it holds of it already.
async fn check_target(to: &dyn Transfer, place: &str, source: &Holdings) -> anyhow::Result<Holdings> {
    let holdings = to.holdings().await?;
    if holdings.store == source.store {
        return Err(refusal("--from and --to are the same database, or one is a copy of the other".into()));
    }
    match to.transfer_under_way().await? {
        Some(from) if from == source.store => Ok(holdings),
        Some(_) => Err(refusal(format!(
            "{place} holds a part of a third database, from a migration that was cut short; \
             name an empty database"
        ))),
        None if holdings.is_empty() => Ok(holdings),
        None => Err(refusal(format!("{place} holds {}; name an empty database", inventory(&holdings)))),
    }
}

/// Every config of a store makes sense, and every key opens: what does not would be lost.
async fn must_open(store: &dyn Transfer, place: &str) -> anyhow::Result<()> {
    for part in [Part::Configs, Part::Keys] {
        let mut after = Some(0);
        while let Some(id) = after {
            let read = match store.export(part, id).await {
                Err(StoreError::Inconsistent { what }) => {
                    let mend = "save it again in the panel, or delete it, and copy then";
                    return Err(refusal(format!("{place} cannot be copied whole: {what}; {mend}")));
                }
                read => read?,
            };
            if let Piece::Keys(keys) = &read.piece
                && let Some(key) = keys.iter().find(|key| key.secret.is_none())
            {
                return Err(refusal(format!(
                    "{place} cannot be copied whole: key {} of service {} does not open; delete it, and copy then",
                    key.id, key.config_id
                )));
            }
            after = read.next;
        }
    }
    Ok(())
}

/// How much there is, in a line.
fn inventory(holdings: &Holdings) -> String {
    let told = Part::ALL.into_iter().filter(|part| holdings.of(*part).rows > 0);
    told.map(|part| format!("{} {}", holdings.of(part).rows, part.as_str())).collect::<Vec<_>>().join(", ")
}

fn refusal(what: String) -> anyhow::Error {
    ConfigError::Database(what).into()
}

/// What was told of how far the copy is.
#[derive(Default)]
struct Progress {
    last: Option<(Part, Instant)>,
}

impl Progress {
    /// Tells the first and the last piece of a part, and between them one in a while.
    fn tell(&mut self, part: Part, there: u64, of: u64) {
        let is_due = self.last.is_none_or(|(last, at)| last != part || at.elapsed() >= TELLING);
        if of > 0 && (is_due || there >= of) {
            self.last = Some((part, Instant::now()));
            // The copy goes on, whether anybody reads how far it is or not.
            let _ = writeln!(io::stderr(), "{} {there} of {of}", part.as_str());
        }
    }
}
