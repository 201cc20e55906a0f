use std::{net::IpAddr, ops::RangeInclusive};

use http::Method;
use jiff::Timestamp;

use super::PageRequest;
use crate::{
    model::{ConfigId, KeyId},
    record::{RequestOutcome, RequestRecord},
};

/// Which records of the request log to list: those of which everything holds that is set here.
#[derive(Debug, Clone, Default)]
pub struct RequestQuery {
    /// Of this service.
    pub config_id: Option<ConfigId>,
    /// Answered with this key, or last tried with it.
    pub key_id: Option<KeyId>,
    /// Ended in this way.
    pub outcome: Option<RequestOutcome>,
    /// Answered with one of these codes, where 0 is no answer.
    pub status: Option<RangeInclusive<u16>>,
    /// With this method.
    pub method: Option<Method>,
    /// With this text in the path, in either case.
    pub path: Option<String>,
    /// From this address.
    pub client: Option<IpAddr>,
    /// Ended at this time or later.
    pub since: Option<Timestamp>,
    /// Ended before this time.
    pub until: Option<Timestamp>,
    /// Took so many microseconds or more.
    pub min_duration_us: Option<u64>,
    /// Tried so many keys or more.
    pub min_attempts: Option<u8>,
    /// With a trace, or without.
    pub has_trace: Option<bool>,
    /// How many, and after which.
    pub page: PageRequest,
}

/// A record in the request log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Its place: the larger, the later it was appended. A page may go on after any.
    pub row: i64,
    /// The record.
    pub record: RequestRecord,
}

/// A piece of the request log. It does not say how many records there are: counting them would read them all.
#[derive(Debug, Clone, Default)]
pub struct RequestPage {
    /// The records, newest first.
    pub items: Vec<LoggedRequest>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<i64>,
}
