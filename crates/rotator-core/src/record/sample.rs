use jiff::Timestamp;

use crate::{model::ConfigId, outcome::Kind};

/// An answer that was no success, as it was seen: something to try rules on.
///
/// It never holds a key: where the upstream showed one, there are stars in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorSample {
    /// Which service was asked.
    pub config_id: ConfigId,
    /// When it came.
    pub seen_at: Timestamp,
    /// Its status; of a stream that began with an error, what it would have been.
    pub status: u16,
    /// Those of its headers that rules and limits read, in their order: name and value.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// The beginning of its body as text, unpacked: [`ErrorSample::MAX_BODY`] bytes of it.
    pub body: Box<str>,
    /// What it was understood to say.
    pub outcome: Kind,
    /// The rule that said so.
    pub rule: Box<str>,
}

impl ErrorSample {
    /// How many are kept of one service: the newest, of which no two have the same status and rule.
    pub const MAX_PER_CONFIG: u32 = 20;
    /// How much of a body is kept, in bytes.
    pub const MAX_BODY: usize = 1 << 10;
}
