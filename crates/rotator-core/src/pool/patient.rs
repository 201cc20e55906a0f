use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::health::{Ailment, Now, Resting};
use crate::model::KeyId;

/// A key, or what a key does with one model.
pub(super) type Place = (KeyId, Option<Box<str>>);

/// What a key suffers from.
#[derive(Default)]
pub(super) struct Patient {
    pub(super) whole: Option<State>,
    by_model: BTreeMap<Box<str>, State>,
}

#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) told: Resting,
    pub(super) until: Instant,
    pub(super) phase: Phase,
    /// Tells this rest from any other; keys that rest together have the same.
    pub(super) serial: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Resting,
    /// The rest has ended, and nothing has succeeded since.
    Over,
    /// One request is finding out.
    Trial,
}

impl Patient {
    pub(super) fn states(&self) -> impl Iterator<Item = &State> {
        self.whole.iter().chain(self.by_model.values())
    }

    pub(super) fn state(&self, model: Option<&str>) -> Option<&State> {
        match model {
            Some(model) => self.by_model.get(model),
            None => self.whole.as_ref(),
        }
    }

    pub(super) fn put(&mut self, state: State) {
        match state.told.model.clone() {
            Some(model) => {
                self.by_model.insert(model, state);
            }
            None => self.whole = Some(state),
        }
    }

    pub(super) fn take(&mut self, model: Option<&str>) -> Option<State> {
        match model {
            Some(model) => self.by_model.remove(model),
            None => self.whole.take(),
        }
    }

    pub(super) fn is_well(&self) -> bool {
        self.states().next().is_none()
    }

    /// Whether it serves nobody, but perhaps for a trial.
    pub(super) fn is_bound(&self) -> bool {
        let serves = |state: &State| state.phase == Phase::Over && state.told.ailment == Ailment::Cooling;
        self.whole.as_ref().is_some_and(|state| !serves(state))
    }

    pub(super) fn resting_models(&self) -> impl Iterator<Item = &str> {
        let resting = self.by_model.iter().filter(|(_, state)| state.phase == Phase::Resting);
        resting.map(|(model, _)| &**model)
    }
}

impl State {
    /// A rest that begins, the `strikes`-th in a row.
    pub(super) fn resting(
        (key, model): Place,
        ailment: Ailment,
        strikes: u32,
        time: Duration,
        reason: &str,
        now: Now,
    ) -> Self {
        // As exact as it can be written down.
        let exact = |at: Timestamp| Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
        let until = exact(now.wall.saturating_add(time).unwrap_or(now.wall));
        let told =
            Resting { key, model, ailment, reason: reason.into(), since: exact(now.wall), until, strikes };
        Self { told, until: now.instant + time, phase: Phase::Resting, serial: 0 }
    }

    pub(super) fn place(&self) -> Place {
        (self.told.key, self.told.model.clone())
    }

    /// How many in a row another rest would make: while it lasts, others only meet with the same.
    pub(super) fn strikes_after(&self) -> u32 {
        match self.phase {
            Phase::Resting => self.told.strikes,
            Phase::Over | Phase::Trial => self.told.strikes.saturating_add(1),
        }
    }

    /// The worse reason and the longer time of both.
    pub(super) fn joined(mut self, before: &Self) -> Self {
        self.told.since = before.told.since;
        if before.told.ailment > self.told.ailment {
            self.told.ailment = before.told.ailment;
            self.told.reason.clone_from(&before.told.reason);
        }
        if before.until > self.until {
            (self.until, self.told.until) = (before.until, before.told.until);
        }
        self
    }
}
