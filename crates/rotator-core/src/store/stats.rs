use jiff::Timestamp;

use crate::{
    model::{ConfigId, KeyId},
    record::Tally,
};

/// Over which requests statistics are wanted: those that ended in a span of time.
#[derive(Debug, Clone, Copy)]
pub struct StatsQuery {
    /// At this time or later: where a step begins.
    pub since: Timestamp,
    /// Before this time.
    pub until: Timestamp,
    /// How long a step of the series is, in milliseconds: whole minutes, and whole hours where those are made one. Steps
    /// are counted from 1970.
    pub step_ms: i64,
    /// To this service.
    pub config_id: Option<ConfigId>,
}

impl StatsQuery {
    /// How many services, models and keys are told of at most.
    pub const TOPS: u32 = 8;
}

/// What requests came to.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Step by step, without those in which nothing ended: when each begins, and its requests.
    pub series: Vec<(Timestamp, Tally)>,
    /// By service, those with the most requests first.
    pub services: Vec<(ConfigId, Tally)>,
    /// By model, likewise.
    pub models: Vec<(Box<str>, Tally)>,
    /// By key, likewise.
    pub keys: Vec<KeyStats>,
}

/// What came of a key's requests, among the latest of the span: so many as one search of the log looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStats {
    /// Which key answered, or was tried last.
    pub key_id: KeyId,
    /// Its service.
    pub config_id: Option<ConfigId>,
    /// How many requests.
    pub requests: u64,
    /// How many of them did not succeed.
    pub failed: u64,
}
