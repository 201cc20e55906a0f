use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    KeySlot,
    health::{Ailment, Now, Resting},
    slot::Standing,
    views::Views,
};
use crate::model::KeyId;

/// Who rests, in the pool of the current snapshot.
pub(super) struct Ward {
    patients: HashMap<KeyId, Patient>,
    /// When which rest ends. One that was prolonged, or taken back, is still in it under its former end.
    wakes: BinaryHeap<Reverse<(Instant, Place)>>,
    /// How many rests each model has.
    models: HashMap<Box<str>, usize>,
    /// Keys that have done all they may, until when: nothing ails them.
    at_cap: BTreeMap<KeyId, Instant>,
    cap_wakes: BinaryHeap<Reverse<(Instant, KeyId)>>,
    /// Attempts that began before this moment say nothing about the key any more.
    fences: HashMap<KeyId, Instant>,
    serial: u64,
    /// Whose rests are to be written down.
    changed: BTreeSet<KeyId>,
    slots: Arc<[Arc<KeySlot>]>,
    views: Arc<Views>,
}

/// A key, or what a key does with one model.
pub(super) type Place = (KeyId, Option<Box<str>>);

/// What a key suffers from.
#[derive(Default)]
struct Patient {
    whole: Option<State>,
    by_model: BTreeMap<Box<str>, State>,
}

#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) told: Resting,
    pub(super) until: Instant,
    pub(super) phase: Phase,
    /// Tells this rest from any other.
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

impl Ward {
    pub(super) fn new(epoch: Instant) -> Self {
        Self {
            patients: HashMap::new(),
            wakes: BinaryHeap::new(),
            models: HashMap::new(),
            at_cap: BTreeMap::new(),
            cap_wakes: BinaryHeap::new(),
            fences: HashMap::new(),
            serial: 0,
            changed: BTreeSet::new(),
            slots: Arc::default(),
            views: Arc::new(Views::full(0, epoch)),
        }
    }

    pub(super) fn views(&self) -> &Arc<Views> {
        &self.views
    }

    /// From now on, the pool is these keys. Who rests goes on resting; who left is forgotten.
    pub(super) fn attach(&mut self, slots: &Arc<[Arc<KeySlot>]>, epoch: Instant) {
        let is_there = |key: &KeyId| slots.binary_search_by_key(key, |slot| slot.id).is_ok();
        self.patients.retain(|key, _| is_there(key));
        self.fences.retain(|key, _| is_there(key));
        self.views = Arc::new(Views::full(slots.len(), epoch));
        self.slots = Arc::clone(slots);
        self.models.clear();
        self.wakes.clear();
        let resting = self.states().filter(|state| state.phase == Phase::Resting);
        for (place, until) in resting.map(|state| (state.place(), state.until)).collect::<Vec<_>>() {
            self.admit(place, until);
        }
        self.at_cap.retain(|key, _| is_there(key));
        self.patients.keys().chain(self.at_cap.keys()).for_each(|key| self.show(*key));
        self.set_alarm();
    }

    /// A key has done all it may until then.
    pub(super) fn rest_at_cap(&mut self, key: KeyId, until: Instant) {
        self.at_cap.insert(key, until);
        self.cap_wakes.push(Reverse((until, key)));
        self.show(key);
        self.set_alarm();
    }

    /// The keys that have done all they may.
    pub(super) fn at_cap(&self) -> impl Iterator<Item = KeyId> {
        self.at_cap.keys().copied()
    }

    /// When a key may do more.
    pub(super) fn next_room(&self) -> Option<Instant> {
        self.cap_wakes.peek().map(|Reverse((until, _))| *until)
    }

    /// Every rest, those included that are over and after which nothing has succeeded yet.
    pub(super) fn states(&self) -> impl Iterator<Item = &State> {
        self.patients.values().flat_map(Patient::states)
    }

    /// How many keys suffer from something.
    pub(super) fn count(&self) -> usize {
        self.patients.len() + self.at_cap.len()
    }

    pub(super) fn states_of(&self, key: KeyId) -> impl Iterator<Item = &State> {
        self.patients.get(&key).into_iter().flat_map(Patient::states)
    }

    pub(super) fn state(&self, (key, model): &Place) -> Option<&State> {
        self.patients.get(key)?.state(model.as_deref())
    }

    /// The rest that ends next.
    pub(super) fn next_to_end(&self) -> Option<&State> {
        let Reverse((_, place)) = self.wakes.peek()?;
        self.state(place)
    }

    /// What a rest is about: where no more models can be told apart, all that the key does.
    pub(super) fn place(&self, key: KeyId, model: Option<&str>) -> Place {
        let model =
            model.filter(|model| self.models.contains_key(*model) || self.models.len() < Views::MAX_MODELS);
        (key, model.map(Into::into))
    }

    /// Whether an attempt that began then says nothing about the key any more.
    pub(super) fn is_fenced(&self, key: KeyId, started: Instant) -> bool {
        self.fences.get(&key).is_some_and(|fence| started < *fence)
    }

    pub(super) fn fence(&mut self, key: KeyId, now: Instant) {
        self.fences.insert(key, now);
    }

    /// Lets a key rest; if it does already, for the worse reason and the longer time of both. Answers the rest's number.
    pub(super) fn rest(
        &mut self,
        place: &Place,
        ailment: Ailment,
        time: Duration,
        reason: &str,
        now: Now,
    ) -> u64 {
        let before = self.state(place);
        // As exact as it can be written down.
        let exact = |at: Timestamp| Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
        let told = Resting {
            key: place.0,
            model: place.1.clone(),
            ailment,
            reason: reason.into(),
            since: exact(now.wall),
            until: exact(now.wall.saturating_add(time).unwrap_or(now.wall)),
            strikes: before.map_or(1, State::strikes_after),
        };
        let new = State { told, until: now.instant + time, phase: Phase::Resting, serial: 0 };
        let state = match before.filter(|before| before.phase == Phase::Resting) {
            Some(before) => new.joined(before),
            None => new,
        };
        self.put(place, state)
    }

    /// Puts a state in the place of another; its number is a new one.
    pub(super) fn put(&mut self, place: &Place, state: State) -> u64 {
        self.take(place);
        self.changed.insert(place.0);
        self.serial += 1;
        if state.phase == Phase::Resting {
            self.admit(place.clone(), state.until);
        }
        let patient = self.patients.entry(place.0).or_default();
        patient.put(place.1.clone(), State { serial: self.serial, ..state });
        self.show(place.0);
        self.set_alarm();
        self.serial
    }

    /// Forgets the rests of a key that are as told.
    pub(super) fn forget(&mut self, key: KeyId, which: impl Fn(&State) -> bool) {
        let places: Vec<Place> = self.states_of(key).filter(|state| which(state)).map(State::place).collect();
        for place in &places {
            self.take(place);
        }
        self.show(key);
        self.set_alarm();
    }

    pub(super) fn take_changed(&mut self) -> Vec<KeyId> {
        std::mem::take(&mut self.changed).into_iter().collect()
    }

    pub(super) fn keep_changed(&mut self, keys: &[KeyId]) {
        let slots = Arc::clone(&self.slots);
        let is_here = |key: &&KeyId| slots.binary_search_by_key(*key, |slot| slot.id).is_ok();
        self.changed.extend(keys.iter().filter(is_here));
    }

    /// Moves what the whole key suffers from on.
    pub(super) fn set_phase(&mut self, key: KeyId, from: Phase, to: Phase) {
        let whole = self.patients.get_mut(&key).and_then(|patient| patient.whole.as_mut());
        if let Some(state) = whole.filter(|state| state.phase == from) {
            state.phase = to;
        }
        self.show(key);
    }

    /// Whether every key rests as a whole, or has to show first how it is.
    pub(super) fn nobody_serves(&self) -> bool {
        let is_bound = |key: &KeyId| self.patients.get(key).is_some_and(Patient::is_bound);
        self.patients.len() >= self.slots.len() && self.slots.iter().all(|slot| is_bound(&slot.id))
    }

    /// Ends the rests that are over.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(Reverse((until, _))) = self.wakes.peek()
            && *until <= now
            && let Some(Reverse((until, place))) = self.wakes.pop()
        {
            let is_due = |state: &&State| state.phase == Phase::Resting && state.until == until;
            if let Some(state) = self.state(&place).filter(is_due).cloned() {
                self.discharge(&place);
                let patient = self.patients.entry(place.0).or_default();
                patient.put(place.1.clone(), State { phase: Phase::Over, ..state });
                self.show(place.0);
            }
        }
        while let Some(Reverse((until, key))) = self.cap_wakes.peek().copied()
            && until <= now
        {
            self.cap_wakes.pop();
            if self.at_cap.get(&key) == Some(&until) {
                self.at_cap.remove(&key);
                self.show(key);
            }
        }
        self.set_alarm();
    }

    fn take(&mut self, place: &Place) {
        let Some(patient) = self.patients.get_mut(&place.0) else { return };
        self.changed.insert(place.0);
        let taken = patient.take(place.1.as_deref());
        if patient.is_well() {
            self.patients.remove(&place.0);
        }
        if taken.is_some_and(|state| state.phase == Phase::Resting) {
            self.discharge(place);
        }
    }

    fn admit(&mut self, place: Place, until: Instant) {
        if let Some(model) = &place.1 {
            *self.models.entry(model.clone()).or_default() += 1;
        }
        self.wakes.push(Reverse((until, place)));
    }

    fn discharge(&mut self, place: &Place) {
        let Some(model) = &place.1 else { return };
        let Some(count) = self.models.get_mut(model) else { return };
        *count -= 1;
        if *count == 0 {
            self.models.remove(model);
            self.views.forget(model);
        }
    }

    /// Shows to every pick how a key is.
    fn show(&self, key: KeyId) {
        let Ok(index) = self.slots.binary_search_by_key(&key, |slot| slot.id) else { return };
        let patient = self.patients.get(&key);
        let whole = patient.and_then(|patient| patient.whole.as_ref());
        let (standing, is_available) = match whole.map(|state| (state.phase, state.told.ailment)) {
            None if patient.is_none() => (Standing::Well, true),
            None | Some((Phase::Over, Ailment::Cooling)) => (Standing::Recovering, true),
            Some((Phase::Over, _)) => (Standing::AwaitsTrial, true),
            Some((Phase::Trial, _)) => (Standing::OnTrial, false),
            Some((Phase::Resting, _)) => (Standing::Recovering, false),
        };
        self.slots[index].stand(standing);
        if is_available && standing != Standing::AwaitsTrial {
            // With it there to serve, the others may be tried.
            self.views.open();
        }
        let resting = || patient.into_iter().flat_map(Patient::resting_models);
        resting().for_each(|model| self.views.make(model));
        let is_available = is_available && !self.at_cap.contains_key(&key);
        self.views.set(index, is_available, |model| !resting().any(|resting| resting == model));
    }

    fn set_alarm(&mut self) {
        // A former end at the top would only wake us for nothing.
        while let Some(Reverse((until, place))) = self.wakes.peek()
            && self.state(place).is_none_or(|state| state.phase != Phase::Resting || state.until != *until)
        {
            self.wakes.pop();
        }
        let rest = self.wakes.peek().map(|Reverse((until, _))| *until);
        self.views.wake_at(rest.into_iter().chain(self.next_room()).min());
    }
}

impl Patient {
    fn states(&self) -> impl Iterator<Item = &State> {
        self.whole.iter().chain(self.by_model.values())
    }

    fn state(&self, model: Option<&str>) -> Option<&State> {
        match model {
            Some(model) => self.by_model.get(model),
            None => self.whole.as_ref(),
        }
    }

    fn put(&mut self, model: Option<Box<str>>, state: State) {
        match model {
            Some(model) => {
                self.by_model.insert(model, state);
            }
            None => self.whole = Some(state),
        }
    }

    fn take(&mut self, model: Option<&str>) -> Option<State> {
        match model {
            Some(model) => self.by_model.remove(model),
            None => self.whole.take(),
        }
    }

    fn is_well(&self) -> bool {
        self.states().next().is_none()
    }

    /// Whether it serves nobody, but perhaps for a trial.
    fn is_bound(&self) -> bool {
        let serves = |state: &State| state.phase == Phase::Over && state.told.ailment == Ailment::Cooling;
        self.whole.as_ref().is_some_and(|state| !serves(state))
    }

    fn resting_models(&self) -> impl Iterator<Item = &str> {
        let resting = self.by_model.iter().filter(|(_, state)| state.phase == Phase::Resting);
        resting.map(|(model, _)| &**model)
    }
}

impl State {
    fn place(&self) -> Place {
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
    fn joined(mut self, before: &Self) -> Self {
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
