//! What became of each request that clients sent through us.

mod export;
mod params;
mod trace;
mod view;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::{
    export::{__path_export, export},
    view::{Services, UsageView},
};
use self::{
    params::{Filter, Piece},
    view::{RequestDetail, RequestView},
};
use crate::{
    admin::Admin,
    error::{ApiError, ErrorBody},
    query::{AnsweredId, TwoParams},
    state::AdminState,
};

/// A piece of the request log.
#[derive(Serialize, ToSchema)]
pub(crate) struct RequestLog {
    /// Newest first: in the order in which they ended, the last one first.
    items: Vec<RequestView>,
    /// Give it back as `cursor` for the next piece; null at the end.
    #[schema(required)]
    next_cursor: Option<String>,
}

const NO_REQUEST: ApiError = ApiError::NotFound("request in the log");

/// List requests
///
/// Newest first: in the order in which they ended, the last one first. The log may hold millions, and one call looks
/// at some ten thousands and no more: a piece may hold fewer items than `limit`, or none, while `next_cursor` leads on.
/// A request is in the log about a second after it has ended.
#[utoipa::path(
    get,
    path = "/requests",
    operation_id = "listRequests",
    tag = "request log",
    params(Filter, Piece),
    responses((status = 200, description = "A piece of the log", body = RequestLog))
)]
pub(crate) async fn list(
    _: Admin,
    State(state): State<AdminState>,
    TwoParams(filter, piece): TwoParams<Filter, Piece>,
) -> Result<Json<RequestLog>, ApiError> {
    let page = state.store().requests(&filter.into_query(piece.into_page()?)?).await?;
    let services = Services::of(&state, &page.items).await;
    let items = page.items.iter().map(|request| RequestView::of(request, &services)).collect();
    Ok(Json(RequestLog { items, next_cursor: page.next.map(|next| next.to_string()) }))
}

/// Show what became of a request
///
/// By the `x-request-id` that its client was answered. The log is looked through from the newest on: the older the
/// request, the longer it takes to be found.
#[utoipa::path(
    get,
    path = "/requests/{id}",
    operation_id = "showRequest",
    tag = "request log",
    params(("id" = String, Path, description = "Its `x-request-id`", pattern = "^[0-9a-f]{32}$")),
    responses(
        (status = 200, description = "The request, and how it came to its answer", body = RequestDetail),
        (status = 404, description = "It is not in the log: not yet, or no longer", body = ErrorBody),
    )
)]
pub(crate) async fn show(
    _: Admin,
    State(state): State<AdminState>,
    AnsweredId(id): AnsweredId,
) -> Result<Json<RequestDetail>, ApiError> {
    let request = state.store().request(id).await?.ok_or(NO_REQUEST)?;
    let services = Services::of(&state, std::slice::from_ref(&request)).await;
    Ok(Json(RequestDetail::of(request, &services)))
}
