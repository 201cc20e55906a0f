//! Trying a key out.

use axum::{Json, extract::State};
use rotator_core::model::KeyId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{NO_KEY, find};
use crate::{
    admin::Admin,
    error::{ApiError, ErrorBody},
    query::Id,
    state::AdminState,
};

/// What a test request showed.
#[derive(Serialize, ToSchema)]
pub(crate) struct TestReport {
    /// Whether the upstream took the key.
    ok: bool,
    /// What it answered; null when it could not be reached.
    #[schema(required)]
    status: Option<u16>,
    /// How long it took.
    latency_ms: u64,
    /// A sentence for people.
    message: String,
}

/// Test a key with one request to its service
#[utoipa::path(
    post,
    path = "/keys/{id}/test",
    operation_id = "testKey",
    tag = "keys",
    params(("id" = i64, Path)),
    responses(
        (status = 200, description = "What the request showed", body = TestReport),
        (status = 409, description = "The stored key cannot be opened", body = ErrorBody),
    )
)]
pub(crate) async fn test(
    _: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Json<TestReport>, ApiError> {
    let key = find(&state, KeyId(id)).await?;
    if key.secret.is_none() {
        return Err(ApiError::KeyUnreadable);
    }
    let config = state.store().config(key.config_id).await?.ok_or(NO_KEY)?.config;
    let report = state.probe().probe(&config, &key).await;
    let latency_ms = u64::try_from(report.latency.as_millis()).unwrap_or(u64::MAX);
    Ok(Json(TestReport { ok: report.ok, status: report.status, latency_ms, message: report.message }))
}
