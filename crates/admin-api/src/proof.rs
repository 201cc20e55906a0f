//! Asking for the password again, before something is done that a stolen session must not be enough for.

use rotator_core::store::AuditAction;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    admin::Admin,
    body::Form,
    error::ApiError,
    gate::{Attempt, Door},
    state::AdminState,
};

/// Proof that it is still the admin who asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proof {
    /// The admin's password.
    #[schema(required, nullable = false, write_only)]
    pub(crate) password: Option<String>,
}

impl Form for Proof {}

/// Whether it is still the admin who asks. A wrong password is counted, and written down as `refusal`.
pub(crate) async fn check(
    admin: &Admin,
    state: &AdminState,
    password: Option<&str>,
    refusal: AuditAction,
) -> Result<(), ApiError> {
    let (username, password) = (admin.username(), password.unwrap_or_default());
    let attempt = Attempt { door: Door::Reveal, address: admin.caller.address, username, password };
    if !state.gate().check(attempt).await? {
        state.store().audit(refusal, &admin.change()).await?;
        return Err(ApiError::WrongPassword);
    }
    Ok(())
}
