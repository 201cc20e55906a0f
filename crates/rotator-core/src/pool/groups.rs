use std::collections::HashMap;

use crate::model::KeyId;

/// Which keys of a pool share their quota.
#[derive(Debug, Default)]
pub struct Groups {
    /// The place of a key's group.
    places: HashMap<KeyId, usize>,
    keys: Vec<Vec<KeyId>>,
}

impl Groups {
    /// Every key of a key's group, itself included; none when it has no group.
    pub(super) fn of(&self, key: KeyId) -> &[KeyId] {
        self.place(key).and_then(|place| self.keys.get(place)).map_or(&[], Vec::as_slice)
    }

    /// A number that two keys have in common exactly if they share a group.
    pub(super) fn place(&self, key: KeyId) -> Option<usize> {
        self.places.get(&key).copied()
    }
}

/// Of keys, each with the name of its group.
impl<'a> FromIterator<(KeyId, &'a str)> for Groups {
    fn from_iter<I: IntoIterator<Item = (KeyId, &'a str)>>(named: I) -> Self {
        let (mut groups, mut by_name) = (Self::default(), HashMap::new());
        for (key, name) in named {
            let place = *by_name.entry(name).or_insert(groups.keys.len());
            if place == groups.keys.len() {
                groups.keys.push(Vec::new());
            }
            groups.keys[place].push(key);
            groups.places.insert(key, place);
        }
        groups
    }
}
