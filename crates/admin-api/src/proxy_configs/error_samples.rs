//! What answers looked like that were no success.

use axum::{Json, extract::State};
use rotator_core::{model::ConfigId, record::ErrorSample};
use serde::Serialize;
use utoipa::ToSchema;

use super::{NO_CONFIG, schema::outcome};
use crate::{admin::Admin, error::ApiError, query::Id, state::AdminState};

/// What answers looked like.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorSamples {
    /// Newest first; of those with the same status and rule the newest, and at most 20.
    items: Vec<ErrorSampleView>,
}

/// An answer that was no success, as it was seen. Where the upstream showed its key, there are stars.
#[derive(Serialize, ToSchema)]
#[schema(as = ErrorSample)]
pub(super) struct ErrorSampleView {
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    seen_at: jiff::Timestamp,
    /// Its status; of a stream that began with an error, what it would have been.
    #[schema(example = 429)]
    status: u16,
    /// Those of its headers that rules and limits read.
    headers: Vec<HeaderView>,
    /// The first KiB of its body.
    body: Box<str>,
    /// What it was understood to say.
    #[schema(schema_with = outcome)]
    outcome: &'static str,
    /// The name of the rule that said so.
    rule: Box<str>,
}

/// One header.
#[derive(Serialize, ToSchema)]
#[schema(as = Header)]
struct HeaderView {
    /// In lower case.
    #[schema(value_type = String, example = "retry-after")]
    name: Box<str>,
    /// As it came.
    #[schema(value_type = String, example = "20")]
    value: Box<str>,
}

/// List what failures looked like
///
/// The last answers of the service that were no success, for rules to be tried on.
#[utoipa::path(
    get,
    path = "/proxy-configs/{id}/error-samples",
    operation_id = "listErrorSamples",
    tag = "proxy configs",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The samples", body = ErrorSamples))
)]
pub(crate) async fn error_samples(
    _: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Json<ErrorSamples>, ApiError> {
    let config = ConfigId(id);
    let known = state.store().config(config).await?;
    known.ok_or(NO_CONFIG)?;
    let samples = state.store().error_samples(config).await?;
    Ok(Json(ErrorSamples { items: samples.into_iter().map(ErrorSampleView::from).collect() }))
}

impl From<ErrorSample> for ErrorSampleView {
    fn from(sample: ErrorSample) -> Self {
        let ErrorSample { config_id: _, seen_at, status, headers, body, outcome, rule } = sample;
        let header = |(name, value)| HeaderView { name, value };
        let headers = headers.into_iter().map(header).collect();
        Self { seen_at, status, headers, body, outcome: outcome.as_str(), rule }
    }
}
