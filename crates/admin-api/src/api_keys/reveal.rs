//! Showing the text of a key: guarded by the password, and written down beforehand.

use axum::{Json, extract::State};
use rotator_core::{model::KeyId, store::AuditAction};
use serde::Serialize;
use utoipa::ToSchema;

use super::find;
use crate::{
    admin::Admin,
    body::Body,
    error::{ApiError, ErrorBody},
    proof::{Proof, check},
    query::Id,
    state::AdminState,
};

/// A key's text.
#[derive(Serialize, ToSchema)]
pub(crate) struct Revealed {
    key_value: String,
}

/// Show the text of a key
///
/// Needs the password again, and is refused when the audit log cannot be written. Wrong passwords are throttled like
/// sign-ins.
#[utoipa::path(
    post,
    path = "/keys/{id}/reveal",
    operation_id = "revealKey",
    tag = "keys",
    params(("id" = i64, Path)),
    request_body = Proof,
    responses(
        (status = 200, description = "The key", body = Revealed),
        (status = 403, description = "The password is wrong, or the write is refused as cross-site", body = ErrorBody),
        (status = 409, description = "The stored key cannot be opened", body = ErrorBody),
        (status = 429, description = "Too many failures; `Retry-After` says how long to wait", body = ErrorBody),
    )
)]
pub(crate) async fn reveal(
    admin: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
    Body(proof): Body<Proof>,
) -> Result<Json<Revealed>, ApiError> {
    let id = KeyId(id);
    check(&admin, &state, proof.password.as_deref(), AuditAction::KeyRevealRefused(id)).await?;
    let secret = find(&state, id).await?.secret.ok_or(ApiError::KeyUnreadable)?;
    state.store().audit(AuditAction::KeyRevealed(id), &admin.change()).await?;
    Ok(Json(Revealed { key_value: secret.expose().into() }))
}
