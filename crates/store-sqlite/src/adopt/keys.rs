//! The old project's keys.

use std::collections::{HashMap, hash_map::Entry};

use rotator_core::{
    model::{ConfigId, KeyId, QuotaGroup, Weight},
    secret::Secret,
    store::{Change, NewKey},
    vault::{Row as SealedRow, Vault},
};
use rusqlite::Transaction;

use super::{Adoption, OldRow, configs::Adopted};
use crate::{error::Fault, keys::Insert};

struct OldKey {
    id: KeyId,
    config: Option<ConfigId>,
    text: String,
    is_active: bool,
}

/// Takes over every key. Of those that a config has twice the first stays, in rotation if any of them was.
pub(super) fn adopt(
    tx: &Transaction<'_>,
    vault: &Vault,
    configs: &mut Adopted,
    by: &Change,
    adoption: &mut Adoption,
) -> Result<(), Fault> {
    let mut rows: Vec<(SealedRow, NewKey)> = Vec::new();
    let mut places = HashMap::new();
    for old in read(tx)? {
        let config = match old.config.filter(|id| configs.ids.contains(id)) {
            Some(id) => id,
            None => configs.recovered(tx, vault, by)?,
        };
        let Some(key) = key(&old, config, adoption) else { continue };
        match places.entry((config, vault.fingerprint(&key.secret, config))) {
            Entry::Vacant(place) => {
                place.insert(rows.len());
                rows.push((SealedRow { config, key: old.id }, key));
            }
            Entry::Occupied(place) => {
                rows[*place.get()].1.is_active |= key.is_active;
                adoption.duplicates += 1;
            }
        }
    }
    let mut insert = Insert::new(tx, vault)?;
    for (row, key) in &rows {
        insert.add(*row, key, by.at)?;
    }
    adoption.keys = rows.len() as u64;
    Ok(())
}

fn read(tx: &Transaction<'_>) -> rusqlite::Result<Vec<OldKey>> {
    let read = |row: &OldRow<'_>| {
        Ok(OldKey {
            id: KeyId(row.number("id")?),
            config: row.number("proxy_config_id").ok().map(ConfigId),
            text: row.text("key_value").unwrap_or_default(),
            is_active: row.flag("is_active"),
        })
    };
    tx.prepare("SELECT * FROM old_api_keys ORDER BY id")?.query_map((), |row| read(&OldRow(row)))?.collect()
}

/// The key, kept out of rotation if it cannot be used; `None` when there is nothing to keep.
fn key(old: &OldKey, config: ConfigId, adoption: &mut Adoption) -> Option<NewKey> {
    let OldKey { id, text, .. } = old;
    let (secret, flaw) = match Secret::parse(text) {
        Ok(secret) => (secret, None),
        // Written as an escape, what no header may carry fits a secret, and a person can still read what it was.
        Err(reason) => match Secret::parse(&text.escape_default().to_string()) {
            Ok(secret) => (secret, Some(format!("{reason}; it is kept switched off, with escapes like \\n"))),
            Err(reason) => {
                adoption.notes.push(format!("key {id} is left out: it {reason}"));
                return None;
            }
        },
    };
    let gone = (old.config != Some(config)).then(|| {
        let former =
            old.config.map_or_else(|| "no config".into(), |id| format!("config {id}, which is gone"));
        format!("belonged to {former}; it is kept switched off in config {config}")
    });
    let flaws: Vec<String> = flaw.into_iter().chain(gone).collect();
    if !flaws.is_empty() {
        adoption.notes.push(format!("key {id} {}", flaws.join("; and it ")));
    }
    Some(NewKey {
        secret,
        is_active: old.is_active && flaws.is_empty(),
        weight: Weight::ONE,
        quota_group: QuotaGroup::default(),
        note: flaws.join("; "),
    })
}
