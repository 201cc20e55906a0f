//! How long keys rest when the upstream does not say.

use std::time::Duration;

use rotator_core::pool::RestPolicy;

use super::{ConfigError, Values, parse, variables as var, variables::Variable};

pub(super) fn read(values: &Values) -> Result<RestPolicy, ConfigError> {
    let (first_cooldown, max_cooldown) = span(values, &var::KEY_LIMIT_REST, &var::KEY_LIMIT_REST_MAX)?;
    let (first_trial, max_trial) = span(values, &var::KEY_REJECTED_REST, &var::KEY_REJECTED_REST_MAX)?;
    Ok(RestPolicy { first_cooldown, max_cooldown, first_trial, max_trial })
}

/// The first rest and the longest.
fn span(
    values: &Values,
    first: &'static Variable,
    longest: &'static Variable,
) -> Result<(Duration, Duration), ConfigError> {
    let shortest = values.required(first, parse::rest)?;
    let at_least = |text: &str| match parse::rest(text)? {
        time if time < shortest => Err(format!("must not be shorter than {}, {shortest:?}", first.name)),
        time => Ok(time),
    };
    Ok((shortest, values.required(longest, at_least)?))
}
