//! What is done to many keys at once: a job goes on by itself, whether anybody waits for it or not.
//!
//! Jobs live in this process's memory. They are gone after a restart, which cancels those that run; what a job has done
//! by then stays done.

mod body;
mod events;
mod progress;
mod registry;
mod run;

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use rotator_core::{
    model::ConfigId,
    store::{KeyFilter, KeySet},
};
use serde::Serialize;
use utoipa::ToSchema;

use self::{
    body::{JobForm, JobView, Wanted},
    registry::{Job, Order},
};
pub(crate) use self::{
    events::{__path_events, events},
    registry::Jobs,
};
use crate::{
    admin::Admin,
    api_keys::select,
    body::Body,
    error::{ApiError, ErrorBody},
    query::Id,
    state::AdminState,
};

/// The jobs that are remembered.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobList {
    /// Newest first.
    items: Vec<JobView>,
}

/// Do something to many keys
///
/// The job goes on when you sign out. `test` sends one request per key to the service, no more than `per_second` and no
/// more than 32 at once; `reset` puts keys back into rotation, and switches on those that are switched off. What a job
/// changed serves when it has ended.
///
/// There is one job per config and action at a time, and 4 in all. The latest 100 are remembered until the server
/// restarts, which cancels those that run.
#[utoipa::path(
    post,
    path = "/proxy-configs/{id}/keys/jobs",
    operation_id = "createJob",
    tag = "jobs",
    params(("id" = i64, Path)),
    request_body = JobForm,
    responses(
        (status = 202, description = "The job has begun", body = JobView, headers(("location", description = "Its path"))),
        (status = 409, description = "A job does this already, and the answer names it; or too many run", body = ErrorBody),
    )
)]
pub(crate) async fn create(
    admin: Admin,
    State(state): State<AdminState>,
    Id(config): Id,
    Body(form): Body<JobForm>,
) -> Result<impl IntoResponse, ApiError> {
    let (config, (action, per_second, wanted)) = (ConfigId(config), form.into_parts()?);
    let (keys, skipped) = match wanted {
        Wanted::Alike { state: name, quota_group } => {
            (select(&state, config, name.as_deref(), quota_group.as_deref()).await?, 0)
        }
        Wanted::These(ids) => {
            let wanted = ids.len();
            let filter = KeyFilter { set: Some(KeySet::Among(ids)), ..KeyFilter::default() };
            let keys = state.store().key_ids(config, filter).await?;
            let missing = wanted.saturating_sub(keys.len());
            (keys, missing)
        }
    };
    let order = Order { config, action, total: keys.len() + skipped, skipped, at: state.now() };
    let job = run::start(&state, &order, keys, per_second, admin.change())?;
    let location = [(header::LOCATION, format!("/api/admin/jobs/{}", job.id))];
    Ok((StatusCode::ACCEPTED, location, Json(JobView::of(&job))))
}

/// List the jobs that are remembered
#[utoipa::path(
    get,
    path = "/jobs",
    operation_id = "listJobs",
    tag = "jobs",
    responses((status = 200, description = "The jobs", body = JobList))
)]
pub(crate) async fn list(_: Admin, State(state): State<AdminState>) -> Json<JobList> {
    Json(JobList { items: state.jobs().newest_first().iter().map(|job| JobView::of(job)).collect() })
}

/// Show a job
#[utoipa::path(
    get,
    path = "/jobs/{id}",
    operation_id = "showJob",
    tag = "jobs",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The job as it is now", body = JobView))
)]
pub(crate) async fn show(
    _: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Json<JobView>, ApiError> {
    Ok(Json(JobView::of(&*find(&state, id)?)))
}

/// Cancel a job
///
/// It begins nothing more, and ends when what is under way has ended. A job that has ended stays as it is.
#[utoipa::path(
    post,
    path = "/jobs/{id}/cancel",
    operation_id = "cancelJob",
    tag = "jobs",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The job as it is now", body = JobView))
)]
pub(crate) async fn cancel(
    _: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Json<JobView>, ApiError> {
    let job = find(&state, id)?;
    job.cancel();
    Ok(Json(JobView::of(&job)))
}

fn find(state: &AdminState, id: i64) -> Result<Arc<Job>, ApiError> {
    state.jobs().find(id).ok_or(ApiError::NotFound("job"))
}
