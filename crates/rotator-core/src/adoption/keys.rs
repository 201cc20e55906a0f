use std::collections::hash_map::{Entry, HashMap};

use super::{OldKey, Takeover, configs::Adopted};
use crate::{
    model::{ConfigId, QuotaGroup, Weight},
    secret::Secret,
    store::{Adoption, NewKey},
    vault::{Row, Vault},
};

/// Takes over every key. Of those that a config has twice the first stays, in rotation if any of them was.
pub(super) fn adopt(old: Vec<OldKey>, configs: &mut Adopted, vault: &Vault, takeover: &mut Takeover) {
    let mut places = HashMap::new();
    for old in old {
        let config = match old.config.filter(|id| configs.ids.contains(id)) {
            Some(id) => id,
            None => configs.recovered(takeover),
        };
        let Some(key) = key(&old, config, &mut takeover.report) else { continue };
        match places.entry((config, vault.fingerprint(&key.secret, config))) {
            Entry::Vacant(place) => {
                place.insert(takeover.keys.len());
                takeover.keys.push((Row { config, key: old.id }, key));
            }
            Entry::Occupied(place) => {
                takeover.keys[*place.get()].1.is_active |= key.is_active;
                takeover.report.duplicates += 1;
            }
        }
    }
    takeover.report.keys = takeover.keys.len() as u64;
}

/// The key, kept out of rotation if it cannot be used; `None` when there is nothing to keep.
fn key(old: &OldKey, config: ConfigId, report: &mut Adoption) -> Option<NewKey> {
    let OldKey { id, text, .. } = old;
    let (secret, flaw) = match Secret::parse(text) {
        Ok(secret) => (secret, None),
        // Written as an escape, what no header may carry fits a secret, and a person can still read what it was.
        Err(reason) => match Secret::parse(&text.escape_default().to_string()) {
            Ok(secret) => (secret, Some(format!("{reason}; it is kept switched off, with escapes like \\n"))),
            Err(reason) => {
                report.notes.push(format!("key {id} is left out: it {reason}"));
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
        report.notes.push(format!("key {id} {}", flaws.join("; and it ")));
    }
    Some(NewKey {
        secret,
        is_active: old.is_active && flaws.is_empty(),
        weight: Weight::ONE,
        quota_group: QuotaGroup::default(),
        note: flaws.join("; "),
    })
}
