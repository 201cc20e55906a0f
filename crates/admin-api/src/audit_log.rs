//! Who changed what, and when.

use axum::{Json, extract::State};
use rotator_core::store::AuditEntry;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::{
    admin::Admin,
    error::ApiError,
    query::{Params, limit},
    state::AdminState,
};

/// How many entries to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// How many: 50 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// The latest audit entries.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditLog {
    /// Newest first.
    items: Vec<AuditItem>,
}

/// One line of the audit log.
#[derive(Serialize, ToSchema)]
struct AuditItem {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: jiff::Timestamp,
    /// The user's name; empty when nobody we know tried to sign in.
    actor: String,
    /// Where the request came from.
    #[schema(required, value_type = Option<String>)]
    address: Option<std::net::IpAddr>,
    /// What was done.
    #[schema(example = "config.update")]
    action: String,
    /// To which proxy config or key.
    #[schema(required)]
    object_id: Option<i64>,
    /// What else there is to say of it, by name; never a key.
    #[schema(value_type = HashMap<String, Value>, example = json!({ "added": 100, "duplicates": 2 }))]
    detail: Map<String, Value>,
    /// The request that asked for it.
    request_id: String,
}

/// List the latest audit entries
#[utoipa::path(
    get,
    path = "/audit-log",
    operation_id = "listAuditEntries",
    tag = "audit log",
    params(AuditParams),
    responses((status = 200, description = "The entries", body = AuditLog))
)]
pub(crate) async fn list(
    _: Admin,
    State(state): State<AdminState>,
    Params(params): Params<AuditParams>,
) -> Result<Json<AuditLog>, ApiError> {
    let entries = state.store().audit_entries(limit(params.limit.as_deref())?).await?;
    Ok(Json(AuditLog { items: entries.into_iter().map(AuditItem::from).collect() }))
}

impl From<AuditEntry> for AuditItem {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { at, actor, address, action, object_id, detail, request_id } = entry;
        Self { at, actor, address, action, object_id, detail: detail.0, request_id }
    }
}
