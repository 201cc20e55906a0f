//! Keys that rest together, because they share a quota.
//!
//! A rest is the whole group's: what ends it, ends it for all. Limits end by the clock. Of a quota that was used up, one
//! key finds out whether there is more, for all others: the *envoy*, which requests prefer while it awaits its trial.
//! Should it leave, or come to rest for a reason of its own, another one takes its place.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    super::{
        health::{Ailment, Penalty, Resting},
        patient::{Phase, Place, State},
    },
    Ward,
};
use crate::model::KeyId;

/// A rest that several keys share.
pub(super) struct Bout {
    /// Those that shared it at first.
    keys: Vec<KeyId>,
    model: Option<Box<str>>,
    /// How many still do.
    count: usize,
    envoy: Option<KeyId>,
}

impl Ward {
    /// Lets a key and the others of its group rest, but for those that worse keeps already, and those that were reset
    /// after this moment. `None` when it would change little: many requests may meet with the same limit at once.
    pub(in super::super) fn rest_together(&mut self, state: State, started: Instant) -> Option<Penalty> {
        const LITTLE: Duration = Duration::from_secs(1);
        let is_nothing_new = |known: &State| {
            known.phase == Phase::Resting
                && self.is_shared(known)
                && known.told.ailment >= state.told.ailment
                && state.until < known.until + LITTLE
        };
        let key = state.told.key;
        if self.state(&state.place()).is_some_and(is_nothing_new) {
            return None;
        }
        if self.groups.of(key).len() < 2 {
            return Some(self.rest(state));
        }
        let reason: Box<str> = format!("its quota group rests: {}", state.told.reason).into();
        let mates =
            self.groups.of(key).iter().filter(|mate| **mate != key && !self.is_fenced(**mate, started));
        let of_mate = |mate: &KeyId| {
            let told = Resting { key: *mate, reason: reason.clone(), ..state.told.clone() };
            State { told, ..state }
        };
        let is_worse = |known: &State| known.told.ailment > state.told.ailment;
        let is_kept =
            |known: &State| known.phase == Phase::Resting && (is_worse(known) || known.until >= state.until);
        let (mut states, mut before) = (Vec::new(), Vec::new());
        for new in std::iter::once(state.clone()).chain(mates.map(of_mate)) {
            let known = self.state(&new.place());
            // What keeps a mate says nothing of the quota.
            let is_mate = new.told.key != key;
            if !known.is_some_and(|known| is_kept(known) || is_mate && is_worse(known)) {
                before.extend(known.cloned());
                states.push(new);
            }
        }
        let place = states.first()?.place();
        Some(Penalty { place, serial: self.put(states), before })
    }

    /// Lets keys rest as they did before a restart, or do elsewhere; those of a group that rested together do so again.
    /// Who rests here already does so for the worse reason and the longer time of both; whom an admin has put back since
    /// does not.
    pub(in super::super) fn restore(&mut self, resting: Vec<(Instant, Resting)>) {
        /// By group, or by key where there is none.
        type Shared = (Result<usize, KeyId>, Option<Box<str>>, Ailment, Timestamp);
        let mut together: BTreeMap<Shared, Vec<(Instant, Resting)>> = BTreeMap::new();
        let resting = resting.into_iter().filter(|(_, told)| !self.is_outdated(told));
        for (until, told) in resting {
            let whose = self.groups.place(told.key).ok_or(told.key);
            let shared = (whose, told.model.clone(), told.ailment, told.until);
            together.entry(shared).or_default().push((until, told));
        }
        for resting in together.into_values() {
            let state = |(until, told): (Instant, Resting)| {
                let (_, model) = self.place(told.key, told.model.as_deref());
                let new = State { told: Resting { model, ..told }, until, phase: Phase::Resting, serial: 0 };
                match self.state(&new.place()).filter(|known| known.phase == Phase::Resting) {
                    Some(known) if known.told.ailment >= new.told.ailment && known.until >= new.until => None,
                    Some(known) => Some(new.joined(known)),
                    None => Some(new),
                }
            };
            let states: Vec<State> = resting.into_iter().filter_map(state).collect();
            if !states.is_empty() {
                self.put(states);
            }
        }
    }

    /// Takes a rest back from all that still have it.
    pub(in super::super) fn take_back(&mut self, penalty: Penalty) {
        let Penalty { place, serial, mut before } = penalty;
        let places = self.end(serial, place);
        let ended: HashSet<&Place> = places.iter().collect();
        before.retain(|state| ended.contains(&state.place()));
        for state in &mut before {
            if state.phase == Phase::Trial {
                state.phase = Phase::Over;
            }
        }
        before.sort_by_key(|state| state.serial);
        for together in before.chunk_by(|one, other| one.serial == other.serial) {
            self.put(together.to_vec());
        }
        self.set_alarm();
    }

    /// Forgets the rests of a key that are as told, and with them those of the keys that share them.
    pub(in super::super) fn forget_shared(&mut self, key: KeyId, which: impl Fn(&State) -> bool) {
        let found = self.states_of(key).filter(|state| which(state));
        for (serial, place) in found.map(|state| (state.serial, state.place())).collect::<Vec<_>>() {
            self.end(serial, place);
        }
        self.show(key);
        self.set_alarm();
    }

    /// Whether a rest is that of a whole group.
    pub(in super::super) fn is_shared(&self, state: &State) -> bool {
        self.bouts.contains_key(&state.serial)
    }

    /// Whether a rest ends by the clock, and not by what the envoy finds out.
    pub(super) fn ends_by_itself(&self, state: &State) -> bool {
        self.bouts
            .get(&state.serial)
            .is_none_or(|bout| bout.envoy.is_none_or(|envoy| envoy == state.told.key))
    }

    /// Whether others wait for what this key finds out.
    pub(super) fn is_envoy(&self, state: &State) -> bool {
        self.bouts.get(&state.serial).is_some_and(|bout| bout.envoy == Some(state.told.key))
    }

    /// From now on, these share the rest of this number.
    pub(super) fn share(&mut self, serial: u64, states: &[State]) {
        let [first, _, ..] = states else { return };
        let keys: Vec<KeyId> = states.iter().map(|state| state.told.key).collect();
        let needs_trial = first.told.model.is_none() && first.told.ailment != Ailment::Cooling;
        let envoy = needs_trial.then_some(first.told.key);
        let bout = Bout { count: keys.len(), keys, model: first.told.model.clone(), envoy };
        self.bouts.insert(serial, bout);
    }

    /// A key has this rest no more: where it was the envoy, another one is.
    pub(super) fn leave(&mut self, serial: u64, key: KeyId) {
        let Some(bout) = self.bouts.get_mut(&serial) else { return };
        bout.count -= 1;
        if bout.count == 0 {
            self.bouts.remove(&serial);
            return;
        }
        if bout.envoy != Some(key) {
            return;
        }
        let shares = |key: &KeyId| {
            let whole = self.patients.get(key).and_then(|patient| patient.whole.as_ref());
            whole.filter(|state| state.serial == serial).map(|state| state.until)
        };
        while let Some(last) = bout.keys.last().copied() {
            if let Some(until) = shares(&last) {
                bout.envoy = Some(last);
                self.admit((last, None), until);
                return;
            }
            bout.keys.pop();
        }
    }

    /// Ends a rest of this place, for all that share it; answers theirs.
    fn end(&mut self, serial: u64, place: Place) -> Vec<Place> {
        let mut places: Vec<Place> = match self.bouts.remove(&serial) {
            Some(bout) => bout.keys.into_iter().map(|key| (key, bout.model.clone())).collect(),
            None => vec![place],
        };
        places.retain(|place| self.state(place).is_some_and(|state| state.serial == serial));
        for place in &places {
            self.recover(place);
            self.show(place.0);
        }
        places
    }
}
