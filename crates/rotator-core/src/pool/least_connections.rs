use std::sync::Arc;

use super::KeySlot;

/// How many keys are looked at.
const WINDOW: usize = 64;

/// The key with the fewest attempts in flight among the first 64 candidates from `start` on: the true minimum in a
/// pool of up to 64 keys, and close to it in a larger one at a bounded cost. Idle keys are taken in order from
/// `start`, so that a pool at rest rotates.
pub(super) fn choose(slots: &[Arc<KeySlot>], candidates: impl Iterator<Item = usize>) -> Option<usize> {
    let mut best: Option<(u32, usize)> = None;
    for index in candidates.take(WINDOW) {
        let in_flight = slots[index].in_flight();
        if in_flight == 0 {
            return Some(index);
        }
        if best.is_none_or(|(fewest, _)| in_flight < fewest) {
            best = Some((in_flight, index));
        }
    }
    best.map(|(_, index)| index)
}
