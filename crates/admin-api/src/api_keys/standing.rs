//! How keys stand: what the store has of them, and what the data path knows of those that rest.

use std::collections::HashMap;

use jiff::Timestamp;
use rotator_core::{
    model::{ApiKey, ConfigId, KeyCounts, KeyId, KeyState},
    pool::{Ailment, Resting},
    routes::Routes,
    store::{KeyFilter, KeySet},
};

use super::body::quota_group;
use crate::error::ApiError;

/// What the API calls the states of a key.
pub(crate) const STATES: [&str; 5] = ["active", "cooling", "invalid", "exhausted", "disabled"];

/// Who of a config's keys rests.
pub(crate) struct Standings {
    resting: HashMap<KeyId, Resting>,
    now: Timestamp,
}

/// How one key stands.
pub(crate) struct Standing {
    pub(crate) state: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) until: Option<Timestamp>,
}

impl Standings {
    /// Those of a config's keys that rest as a whole at the moment.
    pub(crate) fn of(routes: &Routes, config: ConfigId, now: Timestamp) -> Self {
        // A limit that is over leaves nothing to wait for; another ailment lasts until a request succeeds.
        let rests =
            |rest: &Resting| rest.model.is_none() && (rest.until > now || rest.ailment != Ailment::Cooling);
        let resting = routes.resting(config).into_iter().filter(rests);
        Self { resting: resting.map(|rest| (rest.key, rest)).collect(), now }
    }

    /// How a key of the config stands.
    pub(crate) fn standing(&self, key: &ApiKey) -> Standing {
        if key.secret.is_none() {
            let reason = Some("it cannot be opened: it was changed outside this program".into());
            return Standing { state: key.state().as_str(), reason, until: None };
        }
        match self.resting.get(&key.id).filter(|_| key.is_active) {
            Some(rest) => Standing {
                state: rest.ailment.as_str(),
                reason: Some(rest.reason.to_string()),
                until: Some(rest.until).filter(|until| *until > self.now),
            },
            None => Standing { state: key.state().as_str(), reason: None, until: None },
        }
    }

    /// The keys in a state, of a quota group, or both, as the store can find them.
    pub(crate) fn filter(&self, state: Option<&str>, group: Option<&str>) -> Result<KeyFilter, ApiError> {
        let quota_group = group.map(quota_group).transpose()?;
        let Some(name) = state else { return Ok(KeyFilter { quota_group, ..KeyFilter::default() }) };
        if !STATES.contains(&name) {
            return Err(ApiError::field("state", format!("must be one of {}", STATES.join(", "))));
        }
        let (state, set) = match name.parse::<Ailment>() {
            Ok(ailment) => {
                let ids = self.resting.values().filter(|rest| rest.ailment == ailment).map(|rest| rest.key);
                (KeyState::Active, Some(KeySet::Among(ids.collect())))
            }
            Err(_) if name == KeyState::Disabled.as_str() => (KeyState::Disabled, None),
            Err(_) => (KeyState::Active, Some(KeySet::Except(self.resting.keys().copied().collect()))),
        };
        Ok(KeyFilter { state: Some(state), set, quota_group })
    }

    /// How many keys are in each state, in the order of [`STATES`].
    pub(crate) fn counts(&self, stored: KeyCounts) -> [u64; 5] {
        let count = |ailment| self.resting.values().filter(|rest| rest.ailment == ailment).count() as u64;
        let [cooling, exhausted, invalid] = Ailment::ALL.map(count);
        let active = stored.active.saturating_sub(cooling + exhausted + invalid);
        [active, cooling, invalid, exhausted, stored.disabled]
    }
}
