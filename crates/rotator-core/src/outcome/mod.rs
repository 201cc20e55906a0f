//! What an upstream's answer says: about the key, about the upstream, or about the request.
//!
//! `rules` is the table that tells them apart, as data; `limits` reads how long to wait, in every spelling.

mod calendar;
mod limits;
mod pattern;
mod rules;
mod status;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use calendar::Calendar;
pub use limits::Limits;
pub use pattern::{Pattern, RestTime};
pub use rules::{Answer, Kind, Rule, RuleSet, Verdict};
pub use status::StatusRange;

/// Whose doing an answer is, and what follows for the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It worked.
    Success,
    /// The key is not, or no longer, valid: it rests until a trial shows otherwise.
    KeyRejected,
    /// Too much in too short a time: it rests.
    RateLimited(Rest),
    /// What the key may use is used up: it rests for longer.
    QuotaExhausted(Rest),
    /// The upstream's own trouble. The key is as good as before.
    UpstreamFailed,
    /// The request's own fault. Another key would fare no better.
    RequestFault,
}

/// What rests, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// What a limit counts.
    pub scope: Scope,
    /// As long as the upstream said; `None` when it did not.
    pub told: Option<Duration>,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything that the key does.
    #[default]
    Key,
    /// What the key does with one model.
    KeyModel,
    /// What all keys of the key's quota group do; without a group, what the key does.
    QuotaGroup,
    /// What all keys of the key's quota group do with one model; without a group, what the key does with it.
    QuotaGroupModel,
}

impl Scope {
    /// Whether it is about one model.
    pub fn is_of_a_model(self) -> bool {
        matches!(self, Self::KeyModel | Self::QuotaGroupModel)
    }

    /// Whether it concerns the other keys of a quota group.
    pub fn is_shared(self) -> bool {
        matches!(self, Self::QuotaGroup | Self::QuotaGroupModel)
    }
}

impl Outcome {
    /// It without its particulars.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Success => Kind::Success,
            Self::KeyRejected => Kind::KeyRejected,
            Self::RateLimited(_) => Kind::RateLimited,
            Self::QuotaExhausted(_) => Kind::QuotaExhausted,
            Self::UpstreamFailed => Kind::UpstreamFailed,
            Self::RequestFault => Kind::RequestFault,
        }
    }

    /// Whether it concerns what the key does with one model.
    pub fn is_about_a_model(&self) -> bool {
        matches!(self, Self::RateLimited(rest) | Self::QuotaExhausted(rest) if rest.scope.is_of_a_model())
    }

    /// Whether another key may fare better with the same request.
    pub fn is_the_keys(&self) -> bool {
        matches!(self, Self::KeyRejected | Self::RateLimited(_) | Self::QuotaExhausted(_))
    }
}
