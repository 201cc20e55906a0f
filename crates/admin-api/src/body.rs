//! Reads a request's JSON body into a form, and names everything that is wrong with it at once.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::error::ApiError;

/// A request's JSON body. Put it last in a handler's signature, after [`crate::admin::Admin`]: a body is read only
/// once the session is known to be valid.
pub(crate) struct Body<T>(pub(crate) T);

/// What a JSON object is read into. Every field must be optional, and unknown ones denied: that is how [`read`] tells
/// what is wrong with which.
pub(crate) trait Form: DeserializeOwned {
    /// Fields of an answer that may be sent back, and are not looked at.
    const READ_ONLY: &[&str] = &[];
}

/// How long a whole body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How many wrong fields one answer names.
const MAX_REASONS: usize = 20;

impl<S: Send + Sync, T: Form> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::UnsupportedMediaType);
        }
        let body = timeout(BODY_TIMEOUT, Bytes::from_request(request, state))
            .await
            .map_err(|_| ApiError::BodyTimeout(BODY_TIMEOUT))?
            .map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
                _ => ApiError::Malformed("its body broke off".into()),
            })?;
        let Value::Object(mut object) = serde_json::from_slice(&body).map_err(|e| not_json(&e))? else {
            return Err(ApiError::Malformed("its body must be a JSON object".into()));
        };
        object.retain(|name, _| !T::READ_ONLY.contains(&name.as_str()));
        read(&object).map(Self)
    }
}

/// Reads an object into a form. When that fails each field is tried alone, which finds every wrong one.
pub(crate) fn read<T: DeserializeOwned>(object: &Map<String, Value>) -> Result<T, ApiError> {
    T::deserialize(object).map_err(|_| {
        let reasons = object.iter().filter_map(|(name, value)| {
            let error = read_alone::<T>(name, value.clone()).err()?;
            let fits_when_empty = emptied(value).is_some_and(|empty| read_alone::<T>(name, empty).is_ok());
            Some((name.clone(), reason(&error.to_string(), fits_when_empty)))
        });
        ApiError::Invalid(reasons.take(MAX_REASONS).collect())
    })
}

fn read_alone<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, serde_json::Error> {
    T::deserialize(Value::Object(Map::from_iter([(name.to_owned(), value)])))
}

/// A list or an object without its items.
fn emptied(value: &Value) -> Option<Value> {
    match value {
        Value::Array(_) => Some(Value::Array(Vec::new())),
        Value::Object(_) => Some(Value::Object(Map::new())),
        _ => None,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(header::CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// Says where, and not what stood there: it may be a secret.
fn not_json(error: &serde_json::Error) -> ApiError {
    let (line, column) = (error.line(), error.column());
    ApiError::Malformed(format!("its body is not JSON; the first fault is at line {line}, column {column}"))
}

/// What a field must be, from serde's "invalid type: …, expected …", without the value that stands in between. When the
/// field would do if it were empty, it is one of its items that is wrong.
fn reason(error: &str, fits_when_empty: bool) -> String {
    // What is not about a type is said by us, or names a field that is missing.
    let Some((_, expected)) = error.rsplit_once("expected ") else {
        return format!("cannot be read: {error}");
    };
    if error.starts_with("unknown field") {
        return format!("is not a field here; known is {expected}");
    }
    let expected = match expected {
        "u8" | "u64" | "i64" => "a whole number in range",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        other => other,
    };
    let must = if fits_when_empty { "must hold only items that are" } else { "must be" };
    format!("{must} {expected}")
}
