use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A running server, as it tells of itself with every beat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its own: another process has another one.
    pub id: String,
    /// The machine's name.
    pub hostname: String,
    /// The program's version.
    pub version: String,
    /// `lightweight` or `enterprise`.
    pub build: String,
    /// When it began, by its own clock.
    pub started_at: Timestamp,
    /// When it told this, by its own clock.
    pub told_at: Timestamp,
    /// The store's revision that its requests are served by; none before it has read any.
    pub revision: Option<u64>,
    /// How long ago that was known to be the store's latest, in seconds.
    pub snapshot_age: u64,
    /// How the database is.
    pub database: Dependency,
    /// How the cache is.
    pub cache: Dependency,
}

/// How something is that an instance depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Whether it answers.
    pub is_up: bool,
    /// Since when.
    pub since: Timestamp,
}

/// An instance that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveInstance {
    /// What it told last.
    pub instance: Instance,
    /// In which term it leads; `None` when it does not.
    pub term: Option<Term>,
}

/// Grows with every change of the leader, so that what a former one does late can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term(pub u64);
