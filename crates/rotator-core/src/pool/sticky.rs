use crate::model::KeyId;

pub(super) struct Ring;

impl Ring {
    pub(super) fn new(_ids: impl Iterator<Item = KeyId>) -> Self {
        Self
    }

    pub(super) fn at(&self, _affinity: u64) -> usize {
        0
    }
}
