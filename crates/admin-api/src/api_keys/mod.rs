//! The keys of a config's pool.

mod body;
mod export;
mod import;
mod probe;
mod reveal;
mod selection;
mod standing;

use std::time::Instant;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use rotator_core::{
    model::{ApiKey, ConfigId, KeyId},
    pool::Now,
    store::{KeyPatch, KeyQuery, StoreError},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::body::{KeyForm, KeyView, PatchForm};
pub(crate) use self::selection::{keys_of, select};
pub(crate) use self::standing::Standings;
pub(crate) use self::{
    export::{__path_export, export},
    import::{__path_import, import},
    probe::{__path_test, test},
    reveal::{__path_reveal, reveal},
};
use crate::{
    admin::Admin,
    body::Body,
    error::{ApiError, ErrorBody},
    query::{Id, List, Params, page, search},
    state::AdminState,
};

/// Which keys to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// In this state only: `active`, `cooling`, `invalid`, `exhausted` or `disabled`.
    state: Option<String>,
    /// Of this quota group only; an empty text means keys without a group.
    quota_group: Option<String>,
    /// Part of a note in either case, or a whole key.
    q: Option<String>,
    /// How many: 50 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// The `next_cursor` of the piece before.
    cursor: Option<String>,
}

/// Which keys to delete.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteParams {
    /// In this state only: `active`, `cooling`, `invalid`, `exhausted` or `disabled`. All when left out.
    state: Option<String>,
    /// Of this quota group only; an empty text means keys without a group.
    quota_group: Option<String>,
}

/// How many keys went.
#[derive(Serialize, ToSchema)]
pub(crate) struct Deleted {
    deleted_count: u64,
}

const NO_KEY: ApiError = ApiError::NotFound("key");

/// List the keys of a proxy config
///
/// In the order they were added, masked.
#[utoipa::path(
    get,
    path = "/proxy-configs/{id}/keys",
    operation_id = "listKeys",
    tag = "keys",
    params(("id" = i64, Path), ListParams),
    responses((status = 200, description = "A piece of the list", body = List<KeyView>))
)]
pub(crate) async fn list(
    _: Admin,
    State(state): State<AdminState>,
    Id(config): Id,
    Params(params): Params<ListParams>,
) -> Result<Json<List<KeyView>>, ApiError> {
    let config = ConfigId(config);
    let standings = standings(&state, config);
    let filter = standings.filter(params.state.as_deref(), params.quota_group.as_deref())?;
    let page = page(params.limit.as_deref(), params.cursor.as_deref())?;
    let query = KeyQuery { filter, search: search("q", params.q)?, page };
    let keys = state.store().keys(config, &query).await?;
    Ok(Json(List::of(keys, |key| KeyView::of(key, &standings))))
}

/// Add a key
#[utoipa::path(
    post,
    path = "/proxy-configs/{id}/keys",
    operation_id = "createKey",
    tag = "keys",
    params(("id" = i64, Path)),
    request_body = KeyForm,
    responses(
        (status = 201, description = "The new key, masked", body = KeyView, headers(("location", description = "Its path"))),
        (status = 409, description = "The config has this key already", body = ErrorBody),
    )
)]
pub(crate) async fn create(
    admin: Admin,
    State(state): State<AdminState>,
    Id(config): Id,
    Body(form): Body<KeyForm>,
) -> Result<impl IntoResponse, ApiError> {
    let (config, key, by, store) = (ConfigId(config), form.into_new_key()?, admin.change(), state.store());
    let added = state
        .change(async move { store.add_keys(config, vec![key], &by).await.map(|added| (config, added)) })
        .await?;
    let id = *added.ids.first().ok_or(ApiError::Conflict("key_value"))?;
    let location = [(header::LOCATION, format!("/api/admin/keys/{id}"))];
    let key = find(&state, id).await?;
    Ok((StatusCode::CREATED, location, Json(view(&state, key))))
}

/// Delete the keys of a proxy config
#[utoipa::path(
    delete,
    path = "/proxy-configs/{id}/keys",
    operation_id = "deleteKeys",
    tag = "keys",
    params(("id" = i64, Path), DeleteParams),
    responses((status = 200, description = "How many keys went", body = Deleted))
)]
pub(crate) async fn delete_all(
    admin: Admin,
    State(state): State<AdminState>,
    Id(config): Id,
    Params(params): Params<DeleteParams>,
) -> Result<Json<Deleted>, ApiError> {
    let config = ConfigId(config);
    let filter = standings(&state, config).filter(params.state.as_deref(), params.quota_group.as_deref())?;
    let (by, store) = (admin.change(), state.store());
    let deleted_count = state
        .change(async move { store.delete_keys(config, filter, &by).await.map(|n| (config, n)) })
        .await?;
    Ok(Json(Deleted { deleted_count }))
}

/// Show a key, masked
#[utoipa::path(
    get,
    path = "/keys/{id}",
    operation_id = "showKey",
    tag = "keys",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The key, masked", body = KeyView))
)]
pub(crate) async fn show(
    _: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Json<KeyView>, ApiError> {
    Ok(Json(view(&state, find(&state, KeyId(id)).await?)))
}

/// Change a key
#[utoipa::path(
    patch,
    path = "/keys/{id}",
    operation_id = "updateKey",
    tag = "keys",
    params(("id" = i64, Path)),
    request_body = PatchForm,
    responses((status = 200, description = "The key as it is now", body = KeyView))
)]
pub(crate) async fn update(
    admin: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
    Body(form): Body<PatchForm>,
) -> Result<Json<KeyView>, ApiError> {
    patch(&admin, &state, KeyId(id), form.into_patch()?).await
}

/// Delete a key
#[utoipa::path(
    delete,
    path = "/keys/{id}",
    operation_id = "deleteKey",
    tag = "keys",
    params(("id" = i64, Path)),
    responses((status = 204, description = "The key is gone"))
)]
pub(crate) async fn delete(
    admin: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    let config = find(&state, KeyId(id)).await?.config_id;
    let (by, store) = (admin.change(), state.store());
    state.change(async move { store.delete_key(KeyId(id), &by).await.map(|()| (config, ())) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Put a key back into rotation, now
///
/// This key only: the others of its quota group rest on.
#[utoipa::path(
    post,
    path = "/keys/{id}/reset",
    operation_id = "resetKey",
    tag = "keys",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The key as it is now", body = KeyView))
)]
pub(crate) async fn reset(
    admin: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Json<KeyView>, ApiError> {
    let config = find(&state, KeyId(id)).await?.config_id;
    let (key, by, store, routes) = (KeyId(id), admin.change(), state.store(), state.clone());
    let key = state
        .change(async move {
            store.reset_keys(config, &[key], &by).await?;
            let key = store.key(key).await?.ok_or(StoreError::NotFound)?;
            routes.routes().reset_key(key.id, Now { instant: Instant::now(), wall: by.at });
            Ok((config, key))
        })
        .await?;
    Ok(Json(view(&state, key)))
}

async fn find(state: &AdminState, id: KeyId) -> Result<ApiKey, ApiError> {
    state.store().key(id).await?.ok_or(NO_KEY)
}

async fn patch(
    admin: &Admin,
    state: &AdminState,
    id: KeyId,
    patch: KeyPatch,
) -> Result<Json<KeyView>, ApiError> {
    let (by, store) = (admin.change(), state.store());
    let key = state
        .change(async move { store.update_key(id, patch, &by).await.map(|key| (key.config_id, key)) })
        .await?;
    Ok(Json(view(state, key)))
}

fn standings(state: &AdminState, config: ConfigId) -> Standings {
    Standings::of(state.routes(), config, state.now())
}

fn view(state: &AdminState, key: ApiKey) -> KeyView {
    let standings = standings(state, key.config_id);
    KeyView::of(key, &standings)
}
