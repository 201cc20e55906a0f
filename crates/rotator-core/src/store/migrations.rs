//! Numbered steps from an empty database to the current schema: forward only, each applied once and then never changed.

use aws_lc_rs::digest::{SHA256, digest};

/// One step.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its number, counted from 1.
    pub version: i64,
    /// What it does.
    pub sql: &'static str,
}

/// What a run did: the version before and after; before the first run it is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Before.
    pub from: i64,
    /// After.
    pub to: i64,
}

/// Why a database is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    /// A newer version has been at it.
    #[error("the schema has version {found}, and {known} is the latest known here")]
    Newer {
        /// The version in the database.
        found: i64,
        /// The latest that is known here.
        known: i64,
    },
    /// Steps are left to take, where none may be.
    #[error("the schema has version {found}, and {known} is the current one")]
    Older {
        /// The version in the database.
        found: i64,
        /// The current one.
        known: i64,
    },
    /// A step that was taken is not the one that is known here.
    #[error("migration {version} is not the one known here")]
    Changed {
        /// Which.
        version: i64,
    },
}

impl Migration {
    /// By which a step is known again: the SHA-256 of its text.
    pub fn checksum(&self) -> Vec<u8> {
        digest(&SHA256, self.sql.as_bytes()).as_ref().to_vec()
    }
}

/// Whether every step was taken.
pub fn must_be_current(steps: &[Migration], taken: &[(i64, Vec<u8>)]) -> Result<(), NotOurs> {
    let (Progress { from, to }, left) = left_to_take(steps, taken)?;
    if left.is_empty() { Ok(()) } else { Err(NotOurs::Older { found: from, known: to }) }
}

/// The steps that are left to take, of all that there are, after these versions with their checksums were taken.
pub fn left_to_take<'a>(
    steps: &'a [Migration],
    taken: &[(i64, Vec<u8>)],
) -> Result<(Progress, Vec<&'a Migration>), NotOurs> {
    let from = taken.last().map_or(0, |(version, _)| *version);
    let to = steps.last().map_or(0, |step| step.version);
    if from > to {
        return Err(NotOurs::Newer { found: from, known: to });
    }
    let mut left = Vec::new();
    for step in steps {
        match taken.iter().find(|(version, _)| *version == step.version) {
            Some((_, known)) if *known == step.checksum() => {}
            Some(_) => return Err(NotOurs::Changed { version: step.version }),
            None => left.push(step),
        }
    }
    Ok((Progress { from, to }, left))
}
