use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
    sync::Arc,
    time::Instant,
};

use super::{
    Groups, KeySlot,
    health::{Ailment, Penalty},
    news::{Herald, News},
    patient::{Patient, Phase, Place, State},
    slot::Standing,
    views::Views,
};
use crate::model::KeyId;
use resets::Reset;
use together::Bout;

mod resets;
mod together;

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
    resets: HashMap<KeyId, Reset>,
    groups: Groups,
    /// Rests that several keys share, by their numbers.
    bouts: HashMap<u64, Bout>,
    /// Keys that are to be tried soon: others wait for it.
    envoys: BTreeSet<KeyId>,
    serial: u64,
    /// Whose rests are to be written down.
    changed: BTreeSet<KeyId>,
    /// Tells other instances what befalls keys, where there are any.
    herald: Option<Herald>,
    /// What happens is written down and told already, or elsewhere.
    is_quiet: bool,
    slots: Arc<[Arc<KeySlot>]>,
    views: Arc<Views>,
}

impl Ward {
    pub(super) fn new(epoch: Instant) -> Self {
        Self {
            patients: HashMap::new(),
            wakes: BinaryHeap::new(),
            models: HashMap::new(),
            at_cap: BTreeMap::new(),
            cap_wakes: BinaryHeap::new(),
            resets: HashMap::new(),
            groups: Groups::default(),
            bouts: HashMap::new(),
            envoys: BTreeSet::new(),
            serial: 0,
            changed: BTreeSet::new(),
            herald: None,
            is_quiet: false,
            slots: Arc::default(),
            views: Arc::new(Views::full(0, epoch)),
        }
    }

    pub(super) fn views(&self) -> &Arc<Views> {
        &self.views
    }

    pub(super) fn tell_by(&mut self, herald: Herald) {
        self.herald = Some(herald);
    }

    /// Does something that others know already, and write down.
    pub(super) fn quietly(&mut self, work: impl FnOnce(&mut Self)) {
        let was_quiet = std::mem::replace(&mut self.is_quiet, true);
        work(self);
        self.is_quiet = was_quiet;
    }

    pub(super) fn tell(&self, news: impl FnOnce() -> News) {
        if let Some(herald) = self.herald.as_ref().filter(|_| !self.is_quiet) {
            herald.tell(news());
        }
    }

    fn note_change(&mut self, key: KeyId) {
        if !self.is_quiet {
            self.changed.insert(key);
        }
    }

    /// From now on, the pool is these keys. Who rests goes on resting; who left is forgotten.
    pub(super) fn attach(&mut self, slots: &Arc<[Arc<KeySlot>]>, groups: Groups, epoch: Instant) {
        let is_there = |key: &KeyId| slots.binary_search_by_key(key, |slot| slot.id).is_ok();
        let gone: Vec<Patient> =
            self.patients.extract_if(|key, _| !is_there(key)).map(|(_, patient)| patient).collect();
        for state in gone.iter().flat_map(Patient::states) {
            self.leave(state.serial, state.told.key);
        }
        self.resets.retain(|key, _| is_there(key));
        self.at_cap.retain(|key, _| is_there(key));
        self.views = Arc::new(Views::full(slots.len(), epoch));
        (self.slots, self.groups) = (Arc::clone(slots), groups);
        self.models.clear();
        self.wakes.clear();
        self.envoys.clear();
        let resting =
            self.states().filter(|state| state.phase == Phase::Resting && self.ends_by_itself(state));
        for (place, until) in resting.map(|state| (state.place(), state.until)).collect::<Vec<_>>() {
            self.admit(place, until);
        }
        let ailing: Vec<KeyId> = self.patients.keys().chain(self.at_cap.keys()).copied().collect();
        for key in ailing {
            self.show(key);
        }
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

    /// Those of them that may do no more until later than this.
    pub(super) fn at_cap_after(&self, now: Instant) -> impl Iterator<Item = KeyId> {
        self.at_cap.iter().filter(move |(_, until)| **until > now).map(|(key, _)| *key)
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

    /// Lets a key rest; if it does already, for the worse reason and the longer time of both.
    pub(super) fn rest(&mut self, new: State) -> Penalty {
        let place = new.place();
        let before = self.state(&place).cloned();
        let state = match &before {
            Some(before) if before.phase == Phase::Resting => new.joined(before),
            _ => new,
        };
        Penalty { place, serial: self.put(vec![state]), before: before.into_iter().collect() }
    }

    /// Puts states in the place of others; several are one rest that their keys share. Answers its number, a new one.
    fn put(&mut self, states: Vec<State>) -> u64 {
        self.serial += 1;
        let serial = self.serial;
        self.share(serial, &states);
        for state in states {
            let (place, state) = (state.place(), State { serial, ..state });
            self.take(&place);
            self.note_change(place.0);
            if state.phase == Phase::Resting {
                self.tell(|| News::Rests { told: state.told.clone(), end: state.until });
                if self.ends_by_itself(&state) {
                    self.admit(place.clone(), state.until);
                }
            }
            self.patients.entry(place.0).or_default().put(state);
            self.show(place.0);
        }
        self.set_alarm();
        serial
    }

    /// Forgets the rests of a key that are as told, and those of no other.
    pub(super) fn forget(&mut self, key: KeyId, which: impl Fn(&State) -> bool) {
        let places: Vec<Place> = self.states_of(key).filter(|state| which(state)).map(State::place).collect();
        for place in &places {
            self.recover(place);
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

    /// Ends the rests that are over. Of very many, the next call ends the others: no request waits long for it.
    pub(super) fn wake(&mut self, now: Instant) {
        const MANY: usize = 1000;
        for _ in 0..MANY {
            let is_over = self.wakes.peek().is_some_and(|Reverse((until, _))| *until <= now);
            let Some(Reverse((until, place))) = is_over.then(|| self.wakes.pop()).flatten() else { break };
            let is_due = |state: &&State| state.phase == Phase::Resting && state.until == until;
            if let Some(state) = self.state(&place).filter(is_due).cloned() {
                self.discharge(&place);
                self.patients.entry(place.0).or_default().put(State { phase: Phase::Over, ..state });
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

    /// A rest is over, and not because of another one.
    fn recover(&mut self, place: &Place) {
        if let Some(State { told, .. }) = self.state(place) {
            let (key, model) = place.clone();
            self.tell(|| News::Recovered { key, model, until: told.until });
        }
        self.take(place);
    }

    fn take(&mut self, place: &Place) {
        let Some(patient) = self.patients.get_mut(&place.0) else { return };
        let taken = patient.take(place.1.as_deref());
        if patient.is_well() {
            self.patients.remove(&place.0);
        }
        self.note_change(place.0);
        let Some(state) = taken else { return };
        if state.phase == Phase::Resting {
            self.discharge(place);
        }
        self.leave(state.serial, place.0);
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

    fn index(&self, key: KeyId) -> Option<usize> {
        self.slots.binary_search_by_key(&key, |slot| slot.id).ok()
    }

    /// Shows to every pick how a key is.
    fn show(&mut self, key: KeyId) {
        let Some(index) = self.index(key) else { return };
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
        if standing == Standing::AwaitsTrial && whole.is_some_and(|state| self.is_envoy(state)) {
            self.envoys.insert(key);
        } else {
            self.envoys.remove(&key);
        }
        self.views.prefer(self.envoys.first().and_then(|envoy| self.index(*envoy)));
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
