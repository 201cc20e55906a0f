use std::{num::NonZeroU32, sync::Arc, time::Instant};

use super::{Health, KeySlot};
use crate::{caps::RateWindow, model::Caps};

/// What each key of a pool may do at most, and what it has done.
pub(super) struct Capped {
    concurrent: u32,
    /// A limit, and a window for each key, in the order of the keys.
    per_minute: Option<(u32, Box<[Arc<RateWindow>]>)>,
}

impl Capped {
    /// `None` for caps that bound nothing.
    pub(super) fn new(
        caps: Caps,
        slots: &[Arc<KeySlot>],
        before: Option<(&Arc<[Arc<KeySlot>]>, &Self)>,
        epoch: Instant,
    ) -> Option<Self> {
        if caps == Caps::default() {
            return None;
        }
        let known = |slot: &Arc<KeySlot>| {
            let (slots, capped) = before?;
            let place = slots.binary_search_by_key(&slot.id, |slot| slot.id).ok()?;
            capped.per_minute.as_ref()?.1.get(place).cloned()
        };
        let window = |slot| known(slot).unwrap_or_else(|| Arc::new(RateWindow::new(epoch)));
        let per_minute = caps.per_minute.map(|limit| (limit.get(), slots.iter().map(window).collect()));
        Some(Self { concurrent: caps.concurrent.map_or(u32::MAX, NonZeroU32::get), per_minute })
    }

    /// Whether a key may do one request more.
    pub(super) fn has_room(&self, place: usize, slot: &KeySlot, now: Instant) -> bool {
        slot.in_flight() < self.concurrent
            && self.window(place).is_none_or(|(limit, window)| window.wait(limit, now).is_zero())
    }

    /// Counts one request of a key that has just been picked for it; `false` if it has no room. A key that has done all
    /// it may rests until it may do more: so nobody looks at it in vain.
    pub(super) fn take(&self, place: usize, slot: &Arc<KeySlot>, now: Instant, health: &Health) -> bool {
        // The request itself is in flight already.
        if slot.in_flight() > self.concurrent {
            return false;
        }
        let Some((limit, window)) = self.window(place) else { return true };
        match window.take(limit, now) {
            Ok(0) => {
                health.rest_at_cap(slot, window.wait(limit, now), now);
                true
            }
            Ok(_) => true,
            Err(wait) => {
                health.rest_at_cap(slot, wait, now);
                false
            }
        }
    }

    /// Whether keys may be picked for so many requests at a time only.
    pub(super) fn bounds_work(&self) -> bool {
        self.concurrent < u32::MAX
    }

    fn window(&self, place: usize) -> Option<(u32, &RateWindow)> {
        let (limit, windows) = self.per_minute.as_ref()?;
        Some((*limit, windows.get(place)?))
    }
}
