//! Reads what stands in a request's path and query, and writes what stands around a list.

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::request::Parts,
};
use rotator_core::{
    record::RequestId,
    store::{Page, PageRequest},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{body::read, error::ApiError};

/// A request's query, read like a body: unknown parameters are named. Every field must be an `Option<String>`.
pub(crate) struct Params<T>(pub(crate) T);

/// The same for parameters of two kinds: those that the second one names go to it, and all others to the first.
pub(crate) struct TwoParams<A, B>(pub(crate) A, pub(crate) B);

/// Parameters that stand beside others.
pub(crate) trait Beside: DeserializeOwned {
    /// Their names.
    const NAMES: &[&str];
}

/// The number in a path such as `/keys/{id}`.
pub(crate) struct Id(pub(crate) i64);

/// The id in a path such as `/requests/{id}`: the `x-request-id` of an answer.
pub(crate) struct AnsweredId(pub(crate) RequestId);

/// A piece of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The items.
    items: Vec<T>,
    /// Give it back as `cursor` for the next piece; null at the end.
    #[schema(required)]
    next_cursor: Option<String>,
    /// How many items the whole list has.
    total: u64,
}

/// The most items of one piece.
const MAX_LIMIT: u32 = 200;
/// Longest text to search for, in bytes: that of the longest key.
const MAX_SEARCH: usize = 8192;

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        read(&given(parts)?).map(Self)
    }
}

impl<S: Send + Sync, A: DeserializeOwned, B: Beside> FromRequestParts<S> for TwoParams<A, B> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut first = given(parts)?;
        let second = B::NAMES.iter().filter_map(|name| first.remove_entry(*name)).collect();
        Ok(Self(read(&first)?, read(&second)?))
    }
}

/// The parameters of a query, by their names.
fn given(parts: &Parts) -> Result<Map<String, Value>, ApiError> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
        .map_err(|_| ApiError::Malformed("its query cannot be read".into()))?;
    Ok(pairs.into_iter().map(|(name, text)| (name, text.into())).collect())
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(id) = Path::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::Malformed("the id in its path must be a whole number".into()))?;
        Ok(Self(id))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AnsweredId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text: Option<Path<String>> = Path::from_request_parts(parts, state).await.ok();
        text.and_then(|Path(text)| RequestId::parse(&text)).map(Self).ok_or_else(|| {
            ApiError::Malformed(
                "the id in its path must be an x-request-id: 32 hexadecimal digits in lower case".into(),
            )
        })
    }
}

impl<T> List<T> {
    /// The answer that shows a page's items as `view` does.
    pub(crate) fn of<I>(page: Page<I>, view: impl Fn(I) -> T) -> Self {
        let next_cursor = page.next.map(|next| next.to_string());
        Self { items: page.items.into_iter().map(view).collect(), next_cursor, total: page.total }
    }
}

/// Which piece of a list is asked for.
pub(crate) fn page(limit: Option<&str>, cursor: Option<&str>) -> Result<PageRequest, ApiError> {
    let after = match cursor {
        Some(cursor) => Some(
            cursor
                .parse()
                .map_err(|_| ApiError::field("cursor", "must be a next_cursor, as it was given"))?,
        ),
        None => None,
    };
    Ok(PageRequest { limit: self::limit(limit)?, after })
}

/// How many items are asked for.
pub(crate) fn limit(text: Option<&str>) -> Result<u32, ApiError> {
    let Some(text) = text else { return Ok(PageRequest::default().limit) };
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| ApiError::field("limit", format!("must be 1 to {MAX_LIMIT}")))
}

/// What is searched for in the parameter `name`; nothing when the text is empty.
pub(crate) fn search(name: &str, text: Option<String>) -> Result<Option<String>, ApiError> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) if text.len() > MAX_SEARCH => {
            Err(ApiError::field(name, format!("must not be longer than {MAX_SEARCH} bytes")))
        }
        text => Ok(text),
    }
}
