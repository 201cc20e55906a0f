use crate::model::Weight;

pub(super) struct WeightTable;

impl WeightTable {
    pub(super) fn new(_weights: impl Iterator<Item = Weight>) -> Self {
        Self
    }

    pub(super) fn at(&self, _turn: u64) -> usize {
        0
    }
}
