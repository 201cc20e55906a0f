//! Which requests are asked for.

use std::{net::IpAddr, ops::RangeInclusive, str::FromStr};

use axum::http::Method;
use rotator_core::{
    model::{ConfigId, KeyId},
    record::RequestOutcome,
    store::{PageRequest, RequestQuery},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    error::ApiError,
    query::{Beside, page, search},
};

/// Which requests: those of which everything holds that is given.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// To this proxy config.
    #[param(value_type = Option<i64>)]
    config_id: Option<String>,
    /// Answered with this key, or last tried with it.
    #[param(value_type = Option<i64>)]
    key_id: Option<String>,
    /// Ended in this way: `completed`, `refused`, `upstream_failed`, `upstream_cut` or `client_gone`.
    outcome: Option<String>,
    /// Answered with this status, such as `429`, or one of this class, such as `5xx`; `0` is no answer.
    #[param(pattern = "^(0|[1-9][0-9]{2}|[1-9]xx)$")]
    status: Option<String>,
    /// With this method.
    method: Option<String>,
    /// With this text in the path, in either case.
    path: Option<String>,
    /// From this address.
    client: Option<String>,
    /// Ended at this time or later.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Ended before this time.
    #[param(format = DateTime)]
    until: Option<String>,
    /// Took so many microseconds or more.
    #[param(value_type = Option<u64>)]
    min_duration_us: Option<String>,
    /// Tried so many keys or more.
    #[param(value_type = Option<u8>)]
    min_attempts: Option<String>,
    /// With a stored trace, or without: there is one when more happened than that the first key answered.
    #[param(value_type = Option<bool>)]
    has_trace: Option<String>,
}

/// Which piece of the list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Piece {
    /// How many: 50 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// The `next_cursor` of the piece before, or the `cursor` of any request.
    cursor: Option<String>,
}

/// What kind of file.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileParams {
    /// `csv`, or `jsonl` for one JSON object in each line.
    #[param(required, pattern = "^(csv|jsonl)$")]
    format: Option<String>,
    /// How many at most: 100 000 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100_000)]
    limit: Option<String>,
    /// The `cursor` of the last request of the file before.
    cursor: Option<String>,
}

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    JsonLines,
}

/// The most requests of one file.
const MOST: u32 = 100_000;

impl Beside for Piece {
    const NAMES: &[&str] = &["limit", "cursor"];
}

impl Piece {
    /// The checked piece.
    pub(super) fn into_page(self) -> Result<PageRequest, ApiError> {
        page(self.limit.as_deref(), self.cursor.as_deref())
    }
}

impl Beside for FileParams {
    const NAMES: &[&str] = &["format", "limit", "cursor"];
}

impl FileParams {
    /// How it is to be written, how many requests at most, and where to begin.
    pub(super) fn read(self) -> Result<(Format, u32, PageRequest), ApiError> {
        let format = match self.format.as_deref() {
            Some("csv") => Format::Csv,
            Some("jsonl") => Format::JsonLines,
            _ => return Err(ApiError::field("format", "must be csv or jsonl")),
        };
        let limit = |text: &str| parse(text).filter(|limit| (1..=MOST).contains(limit));
        let most = given("limit", self.limit, &format!("must be 1 to {MOST}"), limit)?;
        Ok((format, most.unwrap_or(MOST), page(None, self.cursor.as_deref())?))
    }
}

impl Filter {
    /// The checked query.
    pub(super) fn into_query(self, page: PageRequest) -> Result<RequestQuery, ApiError> {
        let id = |name, text| given(name, text, "must be an id: a whole number", parse);
        let time = |name, text| given(name, text, "must be a time such as 2026-01-31T12:00:00Z", parse);
        let outcomes = RequestOutcome::ALL.map(RequestOutcome::as_str).join(", ");
        let statuses = "must be a status such as 429, a class such as 5xx, or 0 for no answer";
        let client = given("client", self.client, "must be an IP address such as 203.0.113.7", parse)?;
        let microseconds = "must be a whole number of microseconds";
        Ok(RequestQuery {
            config_id: id("config_id", self.config_id)?.map(ConfigId),
            key_id: id("key_id", self.key_id)?.map(KeyId),
            outcome: given("outcome", self.outcome, &format!("must be one of {outcomes}"), outcome)?,
            status: given("status", self.status, statuses, status)?,
            method: given("method", self.method, "must be an HTTP method such as POST", method)?,
            path: search("path", self.path)?,
            client: client.map(|client: IpAddr| client.to_canonical()),
            since: time("since", self.since)?,
            until: time("until", self.until)?,
            min_duration_us: given("min_duration_us", self.min_duration_us, microseconds, parse)?,
            min_attempts: given("min_attempts", self.min_attempts, "must be 0 to 255", parse)?,
            has_trace: given("has_trace", self.has_trace, "must be true or false", parse)?,
            page,
        })
    }
}

/// A parameter, as `read` understands it.
fn given<T>(
    name: &str,
    text: Option<String>,
    must_be: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, ApiError> {
    text.map(|text| read(&text).ok_or_else(|| ApiError::field(name, must_be))).transpose()
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn outcome(name: &str) -> Option<RequestOutcome> {
    RequestOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == name)
}

/// In either case: methods are in capitals.
fn method(name: &str) -> Option<Method> {
    Method::from_bytes(name.to_ascii_uppercase().as_bytes()).ok()
}

fn status(text: &str) -> Option<RangeInclusive<u16>> {
    let number = |digits: &str, range: RangeInclusive<u16>| parse(digits).filter(|n| range.contains(n));
    match text.strip_suffix("xx") {
        Some(class) => number(class, 1..=9).map(|class| class * 100..=class * 100 + 99),
        None if text == "0" => Some(0..=0),
        None => number(text, 100..=999).map(|code| code..=code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_code_a_class_or_zero() {
        let cases = [
            ("0", Some(0..=0)),
            ("100", Some(100..=100)),
            ("999", Some(999..=999)),
            ("1xx", Some(100..=199)),
            ("9xx", Some(900..=999)),
        ];

        for (text, expected) in cases {
            assert_eq!(status(text), expected, "{text}");
        }
        for text in
            ["", "xx", "0xx", "10xx", "-1xx", "99", "1000", "-1", "5x", "x5x", "500-599", "5XX", "65536"]
        {
            assert_eq!(status(text), None, "{text}");
        }
    }
}
