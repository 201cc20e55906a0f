//! The services that clients reach through us.

mod error_samples;
mod form;
mod rules;
mod schema;
mod simulate;
mod view;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use rotator_core::{
    model::{ConfigId, KeyCounts},
    store::{ConfigQuery, ConfigSummary},
};
use serde::Deserialize;
use utoipa::IntoParams;

pub(crate) use self::{
    error_samples::{__path_error_samples, error_samples},
    rules::{__path_test_rules, test_rules},
    simulate::{__path_simulate, simulate},
};
use self::{
    form::{ProxyConfigForm, Replacement, Status},
    view::ProxyConfigView,
};
use crate::{
    admin::Admin,
    api_keys::Standings,
    body::Body,
    error::{ApiError, ErrorBody},
    query::{Id, List, Params, page, search},
    state::AdminState,
};

/// Which proxy configs to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Part of a name or slug, in either case.
    q: Option<String>,
    /// Of this type only: `GENERIC` or `LLM`.
    #[serde(rename = "type")]
    config_type: Option<String>,
    /// How many: 50 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// The `next_cursor` of the piece before.
    cursor: Option<String>,
}

const NO_CONFIG: ApiError = ApiError::NotFound("proxy config");

/// List proxy configs
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/proxy-configs",
    operation_id = "listProxyConfigs",
    tag = "proxy configs",
    params(ListParams),
    responses((status = 200, description = "A piece of the list", body = List<ProxyConfigView>))
)]
pub(crate) async fn list(
    _: Admin,
    State(state): State<AdminState>,
    Params(params): Params<ListParams>,
) -> Result<Json<List<ProxyConfigView>>, ApiError> {
    let config_type = params.config_type.map(|text| text.parse()).transpose();
    let query = ConfigQuery {
        search: search("q", params.q)?,
        config_type: config_type.map_err(|reason| ApiError::field("type", reason))?,
        page: page(params.limit.as_deref(), params.cursor.as_deref())?,
    };
    let configs = state.store().configs(&query).await?;
    Ok(Json(List::of(configs, |summary| show_with_keys(&state, summary))))
}

/// Add a proxy config
#[utoipa::path(
    post,
    path = "/proxy-configs",
    operation_id = "createProxyConfig",
    tag = "proxy configs",
    request_body = ProxyConfigForm,
    responses(
        (status = 201, description = "The new config", body = ProxyConfigView, headers(("location", description = "Its path"))),
        (status = 409, description = "The slug is taken", body = ErrorBody),
    )
)]
pub(crate) async fn create(
    admin: Admin,
    State(state): State<AdminState>,
    Body(form): Body<ProxyConfigForm>,
) -> Result<impl IntoResponse, ApiError> {
    let (spec, by, store) = (form.into_spec()?, admin.change(), state.store());
    let config = state
        .change(async move { store.insert_config(spec, &by).await.map(|config| (config.id, config)) })
        .await?;
    let location = [(header::LOCATION, format!("/api/admin/proxy-configs/{}", config.id))];
    let view = show_with_keys(&state, ConfigSummary { config, keys: KeyCounts::default() });
    Ok((StatusCode::CREATED, location, Json(view)))
}

/// Show a proxy config
#[utoipa::path(
    get,
    path = "/proxy-configs/{id}",
    operation_id = "showProxyConfig",
    tag = "proxy configs",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The config", body = ProxyConfigView))
)]
pub(crate) async fn show(
    _: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Json<ProxyConfigView>, ApiError> {
    view(&state, ConfigId(id)).await
}

/// Replace a proxy config
///
/// What is left out gets its default. What was shown may be sent back with an edit: `id`, `key_counts`, `created_at`
/// and `updated_at` are not looked at.
#[utoipa::path(
    put,
    path = "/proxy-configs/{id}",
    operation_id = "replaceProxyConfig",
    tag = "proxy configs",
    params(("id" = i64, Path)),
    request_body = ProxyConfigForm,
    responses(
        (status = 200, description = "The config as it is now", body = ProxyConfigView),
        (status = 409, description = "The slug is taken", body = ErrorBody),
    )
)]
pub(crate) async fn replace(
    admin: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
    Body(Replacement(form)): Body<Replacement>,
) -> Result<Json<ProxyConfigView>, ApiError> {
    let (id, spec, by, store) = (ConfigId(id), form.into_spec()?, admin.change(), state.store());
    state.change(async move { store.replace_config(id, spec, &by).await.map(|_| (id, ())) }).await?;
    view(&state, id).await
}

/// Switch a proxy config on or off
#[utoipa::path(
    put,
    path = "/proxy-configs/{id}/status",
    operation_id = "setProxyConfigStatus",
    tag = "proxy configs",
    params(("id" = i64, Path)),
    request_body = Status,
    responses((status = 200, description = "The config as it is now", body = ProxyConfigView))
)]
pub(crate) async fn set_status(
    admin: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
    Body(status): Body<Status>,
) -> Result<Json<ProxyConfigView>, ApiError> {
    let active =
        status.is_active.ok_or_else(|| ApiError::field("is_active", "is required: true or false"))?;
    let (id, by, store) = (ConfigId(id), admin.change(), state.store());
    state.change(async move { store.set_config_active(id, active, &by).await.map(|()| (id, ())) }).await?;
    view(&state, id).await
}

/// Delete a proxy config
///
/// Its keys and its error samples go with it.
#[utoipa::path(
    delete,
    path = "/proxy-configs/{id}",
    operation_id = "deleteProxyConfig",
    tag = "proxy configs",
    params(("id" = i64, Path)),
    responses((status = 204, description = "The config is gone"))
)]
pub(crate) async fn delete(
    admin: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    let (id, by, store) = (ConfigId(id), admin.change(), state.store());
    state.change(async move { store.delete_config(id, &by).await.map(|()| (id, ())) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn view(state: &AdminState, id: ConfigId) -> Result<Json<ProxyConfigView>, ApiError> {
    let summary = state.store().config(id).await?.ok_or(NO_CONFIG)?;
    Ok(Json(show_with_keys(state, summary)))
}

fn show_with_keys(state: &AdminState, summary: ConfigSummary) -> ProxyConfigView {
    let standings = Standings::of(state.routes(), summary.config.id, state.now());
    ProxyConfigView::of(summary, &standings)
}
