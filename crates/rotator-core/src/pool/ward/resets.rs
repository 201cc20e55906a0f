//! Which keys admins have put back, and when: what befell a key before that counts no more, whoever tells of it, and
//! however late.

use std::time::Instant;

use jiff::Timestamp;

use super::{
    super::{
        health::{Health, Now, Resting},
        news::News,
    },
    Ward,
};
use crate::model::KeyId;

/// A key was put back.
pub(super) struct Reset {
    /// When an admin did.
    at: Timestamp,
    /// When it was done here, which may be later.
    done: Instant,
}

impl Health {
    /// Puts a key back at once, whatever it suffers from, and no other of its quota group; attempts under way say nothing
    /// about it any more.
    pub fn reset(&self, key: KeyId, now: Now) {
        self.ward().reset(key, now);
    }

    /// Puts back which keys admins did, and when, as the store tells: word of it may not have come here.
    pub fn catch_up(&self, resets: impl IntoIterator<Item = (KeyId, Timestamp)>, now: Instant) {
        let mut ward = self.ward();
        for (key, at) in resets {
            ward.catch_up(key, at, now);
        }
    }
}

impl Ward {
    /// An admin puts a key back here and now.
    pub(in super::super) fn reset(&mut self, key: KeyId, now: Now) {
        self.tell(|| News::Reset { key, at: now.wall });
        self.note_change(key);
        self.learn_reset(key, now.wall, now.instant);
    }

    /// An admin has just put a key back elsewhere.
    pub(in super::super) fn learn_reset(&mut self, key: KeyId, at: Timestamp, now: Instant) {
        self.note_reset(key, at, now);
        self.quietly(|ward| ward.forget(key, |_| true));
    }

    /// An admin put a key back then, as the store tells: nothing changes if that is known already.
    pub(in super::super) fn catch_up(&mut self, key: KeyId, at: Timestamp, now: Instant) {
        if self.resets.get(&key).is_some_and(|known| known.at >= at) {
            return;
        }
        self.note_reset(key, at, now);
        self.quietly(|ward| ward.forget(key, |state| state.told.since <= at));
    }

    fn note_reset(&mut self, key: KeyId, at: Timestamp, done: Instant) {
        // Word of an earlier one may come late.
        let at = self.resets.get(&key).map_or(at, |known| known.at.max(at));
        self.resets.insert(key, Reset { at, done });
    }

    /// Whether an attempt that began then says nothing about the key any more.
    pub(in super::super) fn is_fenced(&self, key: KeyId, started: Instant) -> bool {
        self.resets.get(&key).is_some_and(|reset| started < reset.done)
    }

    /// Whether an admin has put the key back since this rest began.
    pub(super) fn is_outdated(&self, told: &Resting) -> bool {
        self.resets.get(&told.key).is_some_and(|reset| told.since <= reset.at)
    }
}
