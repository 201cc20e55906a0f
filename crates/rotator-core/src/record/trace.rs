use serde::{Deserialize, Serialize};

/// How a request came to its answer: which keys were passed over and why, which were tried, and what came of it.
///
/// Kept only when there is more to tell than the record itself does: not of a request that its first key answered.
/// Stored as JSON; a field that is left out has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trace {
    /// How many keys were in rotation when the request came.
    pub keys: u32,
    /// The first of them that were passed over at the end: at most [`Trace::MAX_PASSED_OVER`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver>,
    /// How many more were.
    pub passed_over_more: u32,
    /// How long the request waited for a key, in microseconds.
    pub waited_us: u64,
    /// The attempts, in the order in which they began.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<AttemptTrace>,
}

/// A key that was not picked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// Which key.
    pub key_id: i64,
    /// `cooling`, `exhausted`, `invalid`, `quota_group` when its whole quota group rested, `on_trial`, or `at_limit` when
    /// its own limit was reached.
    pub why: Box<str>,
}

/// One key, one request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttemptTrace {
    /// Which key.
    pub key_id: i64,
    /// The address it was sent to, where the config has more than one: its origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Box<str>>,
    /// It was sent because the answer to another attempt was late.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_hedge: bool,
    /// When it began: microseconds after the request's head.
    pub started_us: u64,
    /// Until the head of the answer, or until it failed, in microseconds.
    pub duration_us: u64,
    /// What the upstream answered; `None` when it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The name of the [`Kind`](crate::outcome::Kind) of its outcome; `not_sent`, `timed_out`, `lost`, `refused`, or
    /// `cancelled` because another attempt was quicker, without an answer.
    pub outcome: Box<str>,
    /// The rule that said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Box<str>>,
}

impl Trace {
    /// Of more keys than this, it is only told how many they are.
    pub const MAX_PASSED_OVER: usize = 16;
}
