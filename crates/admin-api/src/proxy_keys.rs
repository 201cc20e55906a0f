//! Keys that clients show to us.

use std::{
    collections::{BTreeSet, HashSet},
    num::NonZeroU32,
};

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use jiff::Timestamp;
use rotator_core::{
    access::random_key,
    model::{Caps, ConfigId, ProxyKey, ProxyKeyId, ProxyKeySpec},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    admin::Admin,
    body::{Body, Form},
    error::ApiError,
    query::Id,
    state::{AdminState, Renewed},
};

/// Longest name, in characters.
const MAX_NAME: usize = 100;
/// Most keys that admins may make. A new connection is compared with all of them.
const MAX_KEYS: usize = 1_000;
const NO_KEY: ApiError = ApiError::NotFound("proxy key");

/// What a proxy key lets its holder do. What is left out or null gets its default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewProxyKey)]
pub(crate) struct ProxyKeyForm {
    /// For people, such as who has it: up to 100 characters.
    #[schema(required, nullable = false)]
    name: Option<String>,
    /// Whether it lets anybody in.
    #[schema(default = true)]
    is_active: Option<bool>,
    /// The ids of the services that it opens; all of them, also later ones, by default.
    services: Option<Vec<i64>>,
    /// From when on it lets nobody in; never by default.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Most requests at a time; as many as anybody likes by default.
    #[schema(minimum = 1)]
    max_concurrent: Option<u32>,
    /// Most requests in any minute.
    #[schema(minimum = 1)]
    max_per_minute: Option<u32>,
    /// Most tokens in any minute: when they are used up, it lets nobody in until there is room.
    #[schema(minimum = 1)]
    max_tokens_per_minute: Option<u32>,
}

/// A proxy key, masked.
#[derive(Serialize, ToSchema)]
#[schema(as = ProxyKey)]
pub(crate) struct ProxyKeyView {
    /// What records of requests have as `proxy_key`. The operator's are counted from 1; those of admins are never used twice.
    id: i64,
    /// The first 6 and the last 3 characters.
    #[schema(example = "pk-AbC***xyz")]
    key_value: String,
    /// Who set it: `operator`, in the configuration of the server, or `admin`, here. The operator's cannot be changed here.
    source: Source,
    /// For people.
    name: String,
    /// Whether it lets anybody in.
    is_active: bool,
    /// The ids of the services that it opens; null for all.
    #[schema(required)]
    services: Option<Vec<i64>>,
    /// From when on it lets nobody in.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Most requests at a time.
    #[schema(required)]
    max_concurrent: Option<u32>,
    /// Most requests in any minute.
    #[schema(required)]
    max_per_minute: Option<u32>,
    /// Most tokens in any minute.
    #[schema(required)]
    max_tokens_per_minute: Option<u32>,
    /// When a request last showed it, a few seconds late; not known of the operator's.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// When it was made; not known of the operator's.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Source {
    Operator,
    Admin,
}

/// A new proxy key.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeProxyKey {
    /// The key itself. Nobody can show it again.
    key: String,
    /// The same as it is shown from now on.
    proxy_key: ProxyKeyView,
}

/// Every proxy key.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProxyKeys {
    /// The operator's, then those of admins in the order in which they were made.
    items: Vec<ProxyKeyView>,
}

impl Form for ProxyKeyForm {
    const READ_ONLY: &[&str] = &["id", "key_value", "source", "last_used_at", "created_at"];
}

impl ProxyKeyForm {
    /// The checked form. Services that the key has `already` need not be there any more: whoever switches it off sends back
    /// what was shown.
    async fn into_spec(
        self,
        state: &AdminState,
        already: &BTreeSet<ConfigId>,
    ) -> Result<ProxyKeySpec, ApiError> {
        let Self { name, is_active, services, expires_at, .. } = self;
        let name = name.unwrap_or_default().trim().to_owned();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            let reason = format!("must be 1 to {MAX_NAME} characters without control characters");
            return Err(ApiError::field("name", reason));
        }
        let caps = Caps {
            concurrent: cap("max_concurrent", self.max_concurrent)?,
            per_minute: cap("max_per_minute", self.max_per_minute)?,
            tokens_per_minute: cap("max_tokens_per_minute", self.max_tokens_per_minute)?,
        };
        let services: Option<BTreeSet<ConfigId>> =
            services.map(|ids| ids.into_iter().map(ConfigId).collect());
        if services.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(ApiError::field("services", "must name a service, or be null for all"));
        }
        let new: Vec<_> =
            services.iter().flatten().copied().filter(|service| !already.contains(service)).collect();
        if !new.is_empty() {
            let there: HashSet<_> = state.store().config_ids().await?.into_iter().collect();
            if let Some(service) = new.iter().find(|service| !there.contains(service)) {
                return Err(ApiError::field("services", format!("there is no proxy config {service}")));
            }
        }
        Ok(ProxyKeySpec { name, is_active: is_active.unwrap_or(true), services, expires_at, caps })
    }
}

fn cap(field: &str, most: Option<u32>) -> Result<Option<NonZeroU32>, ApiError> {
    let positive = |most| NonZeroU32::new(most).ok_or_else(|| ApiError::field(field, "must be 1 or more"));
    most.map(positive).transpose()
}

impl ProxyKeyView {
    fn of(key: ProxyKey) -> Self {
        let ProxyKeySpec { name, is_active, services, expires_at, caps } = key.spec;
        Self {
            id: key.id.0,
            key_value: key.masked,
            source: Source::Admin,
            name,
            is_active,
            services: services.map(|ids| ids.into_iter().map(|id| id.0).collect()),
            expires_at,
            max_concurrent: caps.concurrent.map(NonZeroU32::get),
            max_per_minute: caps.per_minute.map(NonZeroU32::get),
            max_tokens_per_minute: caps.tokens_per_minute.map(NonZeroU32::get),
            last_used_at: key.last_used_at,
            created_at: Some(key.created_at),
        }
    }

    fn of_operator(number: i64, masked: &str) -> Self {
        Self {
            id: number,
            key_value: masked.into(),
            source: Source::Operator,
            name: "GLOBAL_PROXY_KEYS".into(),
            is_active: true,
            services: None,
            expires_at: None,
            max_concurrent: None,
            max_per_minute: None,
            max_tokens_per_minute: None,
            last_used_at: None,
            created_at: None,
        }
    }
}

/// List proxy keys
#[utoipa::path(
    get,
    path = "/proxy-keys",
    operation_id = "listProxyKeys",
    tag = "proxy keys",
    responses((status = 200, description = "All of them", body = ProxyKeys))
)]
pub(crate) async fn list(_: Admin, State(state): State<AdminState>) -> Result<Json<ProxyKeys>, ApiError> {
    let operators = (1..).zip(&state.settings().operator_proxy_keys);
    let mut items: Vec<_> =
        operators.map(|(number, masked)| ProxyKeyView::of_operator(number, masked)).collect();
    items.extend(state.store().proxy_keys().await?.into_iter().map(ProxyKeyView::of));
    Ok(Json(ProxyKeys { items }))
}

/// Make a proxy key
///
/// It lets its holder in at once. The answer shows it, and nothing else ever will.
#[utoipa::path(
    post,
    path = "/proxy-keys",
    operation_id = "createProxyKey",
    tag = "proxy keys",
    request_body = ProxyKeyForm,
    responses((status = 201, description = "The new key", body = MadeProxyKey))
)]
pub(crate) async fn create(
    admin: Admin,
    State(state): State<AdminState>,
    Body(form): Body<ProxyKeyForm>,
) -> Result<impl IntoResponse, ApiError> {
    let (spec, by, store) = (form.into_spec(&state, &BTreeSet::new()).await?, admin.change(), state.store());
    if spec.expires_at.is_some_and(|end| end <= by.at) {
        return Err(ApiError::field("expires_at", "must be in the future"));
    }
    if store.proxy_keys().await?.len() >= MAX_KEYS {
        return Err(ApiError::field("name", format!("there are {MAX_KEYS} proxy keys; delete one first")));
    }
    let secret = random_key().ok_or_else(|| ApiError::internal("the system gives no random bytes"))?;
    let key = secret.expose().to_owned();
    let made = state
        .change_all(Renewed::ProxyKeys, async move { store.insert_proxy_key(&secret, spec, &by).await })
        .await?;
    Ok((StatusCode::CREATED, Json(MadeProxyKey { key, proxy_key: ProxyKeyView::of(made) })))
}

/// Replace what a proxy key lets its holder do
///
/// What was shown may be sent back with an edit.
#[utoipa::path(
    put,
    path = "/proxy-keys/{id}",
    operation_id = "replaceProxyKey",
    tag = "proxy keys",
    params(("id" = i64, Path)),
    request_body = ProxyKeyForm,
    responses((status = 200, description = "The key as it is now", body = ProxyKeyView))
)]
pub(crate) async fn replace(
    admin: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
    Body(form): Body<ProxyKeyForm>,
) -> Result<Json<ProxyKeyView>, ApiError> {
    let id = made_by_admin(id)?;
    let already = state.store().proxy_keys().await?.into_iter().find(|key| key.id == id);
    let already = already.and_then(|key| key.spec.services).unwrap_or_default();
    let (spec, by, store) = (form.into_spec(&state, &already).await?, admin.change(), state.store());
    let write = async move { store.replace_proxy_key(id, spec, &by).await };
    let key = state.change_all(Renewed::ProxyKeys, write).await.map_err(no_key)?;
    Ok(Json(ProxyKeyView::of(key)))
}

/// Delete a proxy key
///
/// Whoever has it is let in no more, on every instance.
#[utoipa::path(
    delete,
    path = "/proxy-keys/{id}",
    operation_id = "deleteProxyKey",
    tag = "proxy keys",
    params(("id" = i64, Path)),
    responses((status = 204, description = "The key is gone"))
)]
pub(crate) async fn delete(
    admin: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    let id = made_by_admin(id)?;
    let (by, store) = (admin.change(), state.store());
    let write = async move { store.delete_proxy_key(id, &by).await };
    state.change_all(Renewed::ProxyKeys, write).await.map_err(no_key)?;
    Ok(StatusCode::NO_CONTENT)
}

fn made_by_admin(id: i64) -> Result<ProxyKeyId, ApiError> {
    let id = ProxyKeyId(id);
    id.number().map(|_| id).ok_or(NO_KEY)
}

fn no_key(error: ApiError) -> ApiError {
    if matches!(error, ApiError::NotFound(_)) { NO_KEY } else { error }
}
