//! Signing in and out.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::IntoResponse,
};
use jiff::Timestamp;
use rotator_core::store::AuditAction;
use serde::{Deserialize, Serialize};
use tracing::warn;
use utoipa::ToSchema;

use crate::{
    OverTls,
    admin::{Admin, Caller, SESSION_COOKIE},
    body::{Body, Form},
    error::{ApiError, ErrorBody},
    gate::{Attempt, Door},
    state::AdminState,
};

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// The admin's name.
    #[schema(required, nullable = false)]
    username: Option<String>,
    /// The admin's password.
    #[schema(required, nullable = false, write_only)]
    password: Option<String>,
    /// Whether the token goes into the cookie `akr_session` instead of the answer, where no script can read it. For browsers.
    cookie: Option<bool>,
}

impl Form for Login {}

/// A new session.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoggedIn {
    /// Send it as `Authorization: Bearer <access_token>`. Left out when a cookie was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    access_token: Option<String>,
    /// Always `bearer`.
    token_type: &'static str,
    /// How long the session lasts, in seconds.
    #[schema(example = 3600)]
    expires_in: i64,
    /// With the cookie every write must carry it in the header `x-csrf-token`.
    csrf_token: String,
}

/// The session of a request.
#[derive(Serialize, ToSchema)]
pub(crate) struct CurrentSession {
    /// Who is signed in.
    username: String,
    /// When the session ends by itself.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// With the cookie every write must carry it in the header `x-csrf-token`.
    csrf_token: String,
}

/// Sign in
///
/// After 5 failures in a minute from one address, or 10 in 15 minutes with one user name, nothing is checked until
/// `Retry-After` has passed. Sessions that exist are not affected.
#[utoipa::path(
    post,
    path = "/login",
    operation_id = "login",
    tag = "session",
    security(()),
    request_body = Login,
    responses(
        (status = 200, description = "The session has begun", body = LoggedIn),
        (status = 401, description = "The user name or the password is wrong", body = ErrorBody),
        (status = 429, description = "Too many failures; `Retry-After` says how long to wait", body = ErrorBody),
    )
)]
pub(crate) async fn login(
    State(state): State<AdminState>,
    caller: Caller,
    over_tls: Option<Extension<OverTls>>,
    Body(login): Body<Login>,
) -> Result<impl IntoResponse, ApiError> {
    let (username, password) = (login.username.unwrap_or_default(), login.password.unwrap_or_default());
    let attempt =
        Attempt { door: Door::SignIn, address: caller.address, username: &username, password: &password };
    if !state.gate().check(attempt).await? {
        // Not the name that was shown: people type passwords into that field.
        let known = if username == state.username() { state.username() } else { "" };
        if let Err(error) =
            state.store().audit(AuditAction::SignInFailed, &caller.change(known, state.now())).await
        {
            warn!(error = &error as &dyn std::error::Error, "a failed sign-in is missing in the audit log");
        }
        return Err(ApiError::WrongCredentials);
    }
    let now = state.now();
    let (token, session) = state.tokens().issue(now)?;
    state.store().audit(AuditAction::SignIn, &caller.change(state.username(), now)).await?;
    let expires_in = state.tokens().lifetime_seconds();
    let csrf_token = state.tokens().csrf_token(&session);
    let (set_cookie, access_token) = if login.cookie == Some(true) {
        (Some(session_cookie(&token, expires_in, over_tls.is_some())), None)
    } else {
        (None, Some(token))
    };
    Ok((set_cookie, Json(LoggedIn { access_token, token_type: "bearer", expires_in, csrf_token })))
}

/// Sign out
///
/// The token is refused from now on, by every instance.
#[utoipa::path(
    post,
    path = "/logout",
    operation_id = "logout",
    tag = "session",
    responses((status = 204, description = "The session has ended"))
)]
pub(crate) async fn logout(
    admin: Admin,
    State(state): State<AdminState>,
    over_tls: Option<Extension<OverTls>>,
) -> Result<impl IntoResponse, ApiError> {
    state.store().revoke_session(&admin.session.id, admin.session.expires_at).await?;
    state.store().audit(AuditAction::SignOut, &admin.change()).await?;
    Ok((StatusCode::NO_CONTENT, session_cookie("", 0, over_tls.is_some())))
}

/// The session of this request
#[utoipa::path(
    get,
    path = "/session",
    operation_id = "currentSession",
    tag = "session",
    responses((status = 200, description = "The session", body = CurrentSession))
)]
pub(crate) async fn current(admin: Admin, State(state): State<AdminState>) -> Json<CurrentSession> {
    Json(CurrentSession {
        username: admin.username().into(),
        expires_at: admin.session.expires_at,
        csrf_token: state.tokens().csrf_token(&admin.session),
    })
}

/// Over plain HTTP a browser would drop a `Secure` cookie, so it is one only over TLS.
fn session_cookie(token: &str, max_age: i64, over_tls: bool) -> [(HeaderName, String); 1] {
    let secure = if over_tls { "; Secure" } else { "" };
    let cookie = format!(
        "{SESSION_COOKIE}={token}; Path=/api/admin; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}"
    );
    [(header::SET_COOKIE, cookie)]
}
