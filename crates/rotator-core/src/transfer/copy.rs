//! From one store to another, and whether it all arrived.

use std::fmt;

use super::{Export, Part, Piece, Transfer};
use crate::{
    model::{ApiKey, ConfigId, KeyId},
    store::StoreError,
};

/// Copies these parts into a store that is empty, or holds the beginning of the same copy. `told` hears after every
/// piece how many rows of a part are there, and of how many.
pub async fn copy(
    from: &dyn Transfer,
    to: &dyn Transfer,
    parts: &[Part],
    mut told: impl FnMut(Part, u64, u64),
) -> Result<(), StoreError> {
    let source = from.holdings().await?;
    to.begin_transfer(&source.store).await?;
    let target = to.holdings().await?;
    for &part in parts {
        let mut after = target.of(part).last;
        // A part that moves as a whole begins anew.
        let mut there = if after == 0 { 0 } else { target.of(part).rows };
        loop {
            let Export { piece, next } = from.export(part, after).await?;
            there += piece.rows() as u64;
            to.import(piece).await?;
            told(part, there, source.of(part).rows);
            match next {
                Some(next) => after = next,
                None => break,
            }
        }
    }
    Ok(())
}

/// What is not the same in two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// So many rows of a part are in one, and so many in the other.
    Rows(Part, u64, u64),
    /// A config.
    Config(ConfigId),
    /// A key: its text, its state, or what else an admin wrote.
    Key(KeyId),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(part, here, there) => write!(f, "{here} {} became {there}", part.as_str()),
            Self::Config(id) => write!(f, "service {id} is not the same"),
            Self::Key(id) => write!(f, "key {id} is not the same"),
        }
    }
}

/// The first difference between two stores, in what must be whole: every config and every key is compared, with its
/// text; of the rest, how much there is.
pub async fn compare(from: &dyn Transfer, to: &dyn Transfer) -> Result<Option<Difference>, StoreError> {
    let (source, target) = (from.holdings().await?, to.holdings().await?);
    for part in Part::ALL.into_iter().filter(|part| part.must_be_whole()) {
        let (here, there) = (source.of(part).rows, target.of(part).rows);
        if here != there {
            return Ok(Some(Difference::Rows(part, here, there)));
        }
    }
    for part in [Part::Configs, Part::Keys] {
        let mut after = 0;
        loop {
            let (here, there) = (from.export(part, after).await?, to.export(part, after).await?);
            if let Some(difference) = first_difference(&here.piece, &there.piece) {
                return Ok(Some(difference));
            }
            match here.next {
                Some(next) => after = next,
                None => break,
            }
        }
    }
    Ok(None)
}

/// Of two pieces that begin after the same id.
fn first_difference(here: &Piece, there: &Piece) -> Option<Difference> {
    match (here, there) {
        (Piece::Configs(here), Piece::Configs(there)) => {
            let differing = pairs(here, there).find(|(config, other)| *other != Some(config));
            differing.map(|(config, _)| Difference::Config(config.id))
        }
        (Piece::Keys(here), Piece::Keys(there)) => {
            let differing =
                pairs(here, there).find(|(key, other)| !other.is_some_and(|other| is_same(key, other)));
            differing.map(|(key, _)| Difference::Key(key.id))
        }
        _ => None,
    }
}

/// Each row, and the one in its place on the other side.
fn pairs<'a, T>(here: &'a [T], there: &'a [T]) -> impl Iterator<Item = (&'a T, Option<&'a T>)> {
    here.iter().enumerate().map(|(at, row)| (row, there.get(at)))
}

/// In what people write, and not in what it served: that may go on meanwhile.
fn is_same(key: &ApiKey, other: &ApiKey) -> bool {
    let place = |key: &ApiKey| (key.id, key.config_id, key.created_at);
    place(key) == place(other)
        && key.secret.is_some()
        && key.secret == other.secret
        && (key.is_active, key.weight) == (other.is_active, other.weight)
        && (&key.quota_group, &key.note) == (&other.quota_group, &other.note)
}
