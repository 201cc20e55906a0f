//! How the keys of one config stand: who rests, why, and until when.
//!
//! It outlives the snapshots. A change takes a lock, which is rare; a pick reads the [`Views`] only.
//!
//! Every rest ends by itself. A key that was limited is picked again at once; one that was rejected, or had used up its
//! quota, is first given a single *trial* request, which brings it back or lets it rest longer.

use std::{
    collections::BTreeSet,
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    Groups, KeySlot, Picked,
    patient::{Phase, Place, State},
    views::Views,
    ward::Ward,
};
use crate::{
    model::KeyId,
    outcome::{Outcome, Rest, Scope},
};

/// The same moment on two clocks: one for time-outs, which only goes forward, and one for people.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// On the clock that only goes forward.
    pub instant: Instant,
    /// By the time of day.
    pub wall: Timestamp,
}

/// Why a key rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ailment {
    /// It met a limit.
    Cooling,
    /// It has used up its quota.
    Exhausted,
    /// The upstream did not accept it.
    Invalid,
}

/// How long keys rest when the upstream does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestPolicy {
    /// After the first limit; twice as long after each further one in a row.
    pub first_cooldown: Duration,
    /// And never longer than this.
    pub max_cooldown: Duration,
    /// After the first rejection; four times as long after each further one in a row.
    pub first_trial: Duration,
    /// And never longer than this: no key is given up.
    pub max_trial: Duration,
}

/// A rest, as it is told and stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resting {
    /// Whose.
    pub key: KeyId,
    /// For requests of this model only.
    pub model: Option<Box<str>>,
    /// Why.
    pub ailment: Ailment,
    /// The rule that said so.
    pub reason: Box<str>,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// How often in a row.
    pub strikes: u32,
}

/// A rest that may be taken back: keep it until the request's next attempt tells whose fault it was.
#[derive(Debug)]
pub struct Penalty {
    /// Of the key, or of one of those that share it.
    pub(super) place: Place,
    pub(super) serial: u64,
    /// What those keys suffered from before.
    pub(super) before: Vec<State>,
}

/// How the keys of one config stand.
pub struct Health {
    policy: RestPolicy,
    epoch: Instant,
    ward: Mutex<Ward>,
}

impl Default for RestPolicy {
    fn default() -> Self {
        Self {
            first_cooldown: Duration::from_secs(5),
            max_cooldown: Duration::from_mins(10),
            first_trial: Duration::from_mins(1),
            max_trial: Duration::from_hours(24),
        }
    }
}

impl Health {
    /// Of a config whose keys are all well.
    pub fn new(policy: RestPolicy, epoch: Instant) -> Self {
        Self { policy, epoch, ward: Mutex::new(Ward::new(epoch)) }
    }

    /// From now on, the pool is these keys, in ascending order of their ids. Who rests goes on resting.
    pub(super) fn attach(&self, slots: &Arc<[Arc<KeySlot>]>, groups: Groups) -> Arc<Views> {
        let mut ward = self.ward();
        ward.attach(slots, groups, self.epoch);
        Arc::clone(ward.views())
    }

    /// Notes what an attempt that began at `started` showed. A rest that it brings upon the key is given back, in case
    /// it was the request's fault after all.
    pub fn note(
        &self,
        picked: &mut Picked,
        outcome: &Outcome,
        reason: &str,
        model: Option<&str>,
        started: Instant,
        now: Now,
    ) -> Option<Penalty> {
        let key = picked.slot().id;
        let was_trial = picked.settle();
        let (ailment, rest) = match outcome {
            Outcome::Success => {
                self.note_success(picked.slot(), model, was_trial);
                return None;
            }
            Outcome::UpstreamFailed | Outcome::RequestFault => {
                if was_trial {
                    self.end_trial(key);
                }
                return None;
            }
            Outcome::KeyRejected => (Ailment::Invalid, Rest { scope: Scope::Key, told: None }),
            Outcome::RateLimited(rest) => (Ailment::Cooling, *rest),
            Outcome::QuotaExhausted(rest) => (Ailment::Exhausted, *rest),
        };
        let mut ward = self.ward();
        if ward.is_fenced(key, started) {
            return None;
        }
        let place = ward.place(key, model.filter(|_| rest.scope.is_of_a_model()));
        if was_trial && place.1.is_some() {
            // The key itself is as well as any.
            ward.forget_shared(key, |state| state.phase == Phase::Trial);
        }
        let strikes = ward.state(&place).map_or(1, State::strikes_after);
        let time = self.policy.time(ailment, rest.told, strikes);
        let state = State::resting(place, ailment, strikes, time, reason, now);
        if rest.scope.is_shared() { ward.rest_together(state, started) } else { Some(ward.rest(state)) }
    }

    /// Notes what a test request with a key showed. It brings back one that was not accepted before; of limits and
    /// quotas it can only tell bad news, since it asks for nothing that counts.
    pub fn note_probe(
        &self,
        slot: &Arc<KeySlot>,
        outcome: &Outcome,
        reason: &str,
        started: Instant,
        now: Now,
    ) {
        if *outcome == Outcome::Success {
            self.ward().forget(slot.id, |state| state.told.ailment == Ailment::Invalid);
        } else {
            self.note(&mut Picked::new(Arc::clone(slot), None), outcome, reason, None, started, now);
        }
    }

    fn note_success(&self, slot: &KeySlot, model: Option<&str>, was_trial: bool) {
        if !was_trial && slot.is_well() {
            return;
        }
        self.ward().forget_shared(slot.id, |state| match state.phase {
            Phase::Resting => false,
            Phase::Trial => was_trial,
            Phase::Over => state.told.model.is_none() || state.told.model.as_deref() == model,
        });
    }

    /// Takes a rest back from every key that it concerns, unless something else has happened to that key since.
    pub fn refund(&self, penalty: Penalty) {
        self.ward().take_back(penalty);
    }

    /// Every rest, those included that are over and after which nothing has succeeded yet.
    pub fn resting(&self) -> Vec<Resting> {
        self.ward().states().map(|state| state.told.clone()).collect()
    }

    /// Some keys that are passed over for a request of this model, at most `limit`, and about how many more there are.
    pub fn passed_over(&self, model: Option<&str>, limit: usize) -> (Vec<(KeyId, &'static str)>, usize) {
        let ward = self.ward();
        let why = |state: &State| match state.phase {
            _ if state.told.model.is_some() && state.told.model.as_deref() != model => None,
            Phase::Resting if ward.is_shared(state) => Some("quota_group"),
            Phase::Resting => Some(state.told.ailment.as_str()),
            Phase::Trial => Some("on_trial"),
            Phase::Over => None,
        };
        let resting = ward.states().filter_map(|state| Some((state.told.key, why(state)?)));
        let at_limit = ward.at_cap().map(|key| (key, "at_limit"));
        let some: Vec<_> = resting.chain(at_limit).take(limit).collect();
        let more = if some.len() < limit { 0 } else { ward.count().saturating_sub(limit) };
        (some, more)
    }

    /// How many keys rest as a whole at the moment, or await their trial, for each reason in [`Ailment::ALL`].
    pub fn count(&self) -> [usize; 3] {
        let ailing = self.ailing();
        Ailment::ALL.map(|ailment| ailing.iter().filter(|(_, other)| *other == ailment).count())
    }

    /// The keys that rest as a whole at the moment, or await their trial, and why.
    pub fn ailing(&self) -> Vec<(KeyId, Ailment)> {
        let ward = self.ward();
        let ailing = ward.states().filter(|state| binds(state));
        ailing.map(|state| (state.told.key, state.told.ailment)).collect()
    }

    /// How many keys neither rest as a whole nor await their trial, of these and those that have done all they may.
    pub(super) fn count_at_cap(&self, mut keys: BTreeSet<KeyId>, now: Instant) -> usize {
        let ward = self.ward();
        keys.extend(ward.at_cap_after(now));
        keys.iter().filter(|key| !ward.states_of(**key).any(binds)).count()
    }

    /// Some keys that were not accepted and may be tried again, at most `limit`.
    pub(super) fn awaiting_trial(&self, limit: usize) -> Vec<KeyId> {
        let awaits = |state: &&State| {
            state.told.ailment == Ailment::Invalid && state.told.model.is_none() && state.phase == Phase::Over
        };
        self.ward().states().filter(awaits).map(|state| state.told.key).take(limit).collect()
    }

    /// What one key suffers from.
    pub fn resting_of(&self, key: KeyId) -> Vec<Resting> {
        self.ward().states_of(key).map(|state| state.told.clone()).collect()
    }

    /// The keys whose rests have changed since the last call, and how those that rest do.
    pub fn take_changes(&self) -> (Vec<KeyId>, Vec<Resting>) {
        let mut ward = self.ward();
        let keys = ward.take_changed();
        let rests =
            keys.iter().flat_map(|key| ward.states_of(*key)).map(|state| state.told.clone()).collect();
        (keys, rests)
    }

    /// Counts these keys as changed, of those that are in the pool: what was taken could not be written down.
    pub fn keep_changes(&self, keys: &[KeyId]) {
        self.ward().keep_changed(keys);
    }

    /// Lets keys rest as they did before a restart; never for longer than they were to in all, whatever time of day it
    /// is thought to be.
    pub fn restore(&self, resting: Vec<Resting>, now: Now) {
        let resting = resting.into_iter().map(|told| (told.end(now), told)).collect();
        self.ward().quietly(|ward| ward.restore(resting));
    }

    /// The rest that ends first, and when, or when the next trial may begin if that is sooner; `None` when nobody rests. A
    /// key that has done all it may counts as cooling.
    pub fn next_to_end(&self) -> Option<(Ailment, Instant)> {
        let ward = self.ward();
        let rest = ward.next_to_end().map(|state| {
            let trial = ward.views().next_trial().unwrap_or(state.until);
            (state.told.ailment, state.until.min(trial))
        });
        let room = ward.next_room().map(|at| (Ailment::Cooling, at));
        rest.into_iter().chain(room).min_by_key(|(_, at)| *at)
    }

    /// A key has done all it may for this long: nobody need look at it.
    pub(super) fn rest_at_cap(&self, slot: &KeySlot, time: Duration, now: Instant) {
        // To the millisecond, and not before it.
        self.ward().rest_at_cap(slot.id, now + time + Duration::from_millis(1));
    }

    /// Ends the rests that are over. `views` are the caller's, which an older snapshot may have left behind.
    pub(super) fn wake(&self, views: &Arc<Views>, now: Instant) {
        let mut ward = self.ward();
        if Arc::ptr_eq(views, ward.views()) {
            ward.wake(now);
        } else {
            views.wake_at(None);
        }
    }

    /// One request finds out how a key is; until it has, no other gets it. Where there is no other key to serve, trials
    /// keep their distance: an upstream that accepts none of many keys is not asked with all of them at once.
    pub(super) fn begin_trial(&self, key: KeyId, now: Instant) {
        const DISTANCE: Duration = Duration::from_secs(1);
        let mut ward = self.ward();
        ward.set_phase(key, Phase::Over, Phase::Trial);
        if ward.nobody_serves() {
            ward.views().close(now + DISTANCE);
        }
    }

    /// A trial came to nothing: the next request may try.
    pub(super) fn end_trial(&self, key: KeyId) {
        self.ward().set_phase(key, Phase::Trial, Phase::Over);
    }

    pub(super) fn ward(&self) -> MutexGuard<'_, Ward> {
        // A change that a panic broke off leaves some keys resting for too long, and harms nothing else.
        self.ward.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From one time of day until another.
fn between(from: Timestamp, until: Timestamp) -> Duration {
    Duration::try_from(until - from).unwrap_or_default()
}

/// Whether a key rests as a whole at the moment, or awaits its trial.
fn binds(state: &State) -> bool {
    let is_over = state.phase == Phase::Over && state.told.ailment == Ailment::Cooling;
    state.told.model.is_none() && !is_over
}

impl Ailment {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Cooling, Self::Exhausted, Self::Invalid];

    /// The name under which it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cooling => "cooling",
            Self::Exhausted => "exhausted",
            Self::Invalid => "invalid",
        }
    }
}

impl FromStr for Ailment {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|ailment| ailment.as_str() == name).ok_or("is no reason for a rest")
    }
}

impl Resting {
    /// When it ends; never later than after all of its time, whatever time of day it is thought to be.
    pub(super) fn end(&self, now: Now) -> Instant {
        self.end_by(now.instant + between(now.wall, self.until), now.instant)
    }

    /// When it ends if that is then; never later than after all of its time.
    pub(super) fn end_by(&self, end: Instant, now: Instant) -> Instant {
        end.min(now + between(self.since, self.until))
    }
}

impl RestPolicy {
    fn time(&self, ailment: Ailment, told: Option<Duration>, strikes: u32) -> Duration {
        /// Nobody asks again sooner, whatever it is told.
        const SHORTEST: Duration = Duration::from_millis(100);
        /// What an upstream says of a limit is believed for this long.
        const MAX_TOLD: Duration = Duration::from_hours(24);
        const MAX_EXHAUSTED: Duration = Duration::from_hours(24 * 31);
        let grown = |first: Duration, factor: u32, longest: Duration| {
            let times = factor.saturating_pow(strikes.saturating_sub(1).min(16));
            // Half of it by chance, so that keys that fell together do not come back together.
            first.saturating_mul(times).min(longest).mul_f64(0.5 + fastrand::f64() / 2.0)
        };
        match (ailment, told) {
            (Ailment::Cooling, Some(told)) => told.clamp(SHORTEST, MAX_TOLD),
            (Ailment::Cooling, None) => grown(self.first_cooldown, 2, self.max_cooldown),
            (Ailment::Exhausted, Some(told)) => told.clamp(SHORTEST, MAX_EXHAUSTED),
            (Ailment::Exhausted | Ailment::Invalid, None) => grown(self.first_trial, 4, self.max_trial),
            (Ailment::Invalid, Some(told)) => told.clamp(SHORTEST, self.max_trial),
        }
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Health({} rests)", self.ward().states().count())
    }
}

#[cfg(test)]
mod tests;
