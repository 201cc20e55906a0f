//! Every way a request can fail, and the one place where a failure becomes an answer.

use std::{collections::BTreeMap, error::Error, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use rotator_core::{model::FieldError, store::StoreError};
use serde::Serialize;
use tracing::{error, warn};
use utoipa::ToSchema;

use crate::RequestId;

/// Why a request was not done. `Display` is the sentence that the client reads.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("the request is malformed: {0}")]
    Malformed(String),
    #[error("there is no valid session; sign in at /api/admin/login")]
    Unauthenticated,
    #[error("the user name or the password is wrong")]
    WrongCredentials,
    #[error("the password is wrong")]
    WrongPassword,
    #[error(
        "a write with the session cookie needs the header x-csrf-token, and must come from the panel's own pages"
    )]
    CrossSite,
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("this method is not allowed here; the header Allow lists those that are")]
    MethodNotAllowed,
    #[error("the body did not arrive within {} seconds", .0.as_secs())]
    BodyTimeout(Duration),
    #[error("{0} is already in use")]
    Conflict(&'static str),
    #[error(
        "job {0} does the same to keys of this config; wait for its end, or cancel it at /api/admin/jobs/{0}/cancel"
    )]
    JobRunning(i64),
    #[error("too many jobs are running; wait until one has ended, or cancel one")]
    TooManyJobs,
    #[error("this key cannot be opened: it was changed outside this program; delete it and add it again")]
    KeyUnreadable,
    #[error(
        "the data are in MySQL, which has tools of its own: use `mysqldump --single-transaction`, or copy them into a file \
         with `api-key-rotator migrate --from mysql --to sqlite:backup.db`"
    )]
    BackedUpElsewhere,
    #[error("this service is switched off; switch it on first")]
    SwitchedOff,
    #[error("the body is larger than this path accepts")]
    TooLarge,
    #[error("the header content-type must be application/json")]
    UnsupportedMediaType,
    #[error("some fields are not acceptable")]
    Invalid(BTreeMap<String, String>),
    #[error("too many failed attempts; try again in {} seconds", whole_seconds(*.0))]
    TooManyAttempts(Duration),
    #[error("something went wrong on the server; its log has the details under this request id")]
    Internal(Cause),
    #[error("there is no space left to write; nothing was changed")]
    Full(Cause),
    #[error("the database does not answer; nothing was changed, try again")]
    Unavailable(Cause),
    #[error("the database did not confirm this in time: it may have been done; look before you try again")]
    Unconfirmed(Cause),
}

/// What was behind a failure of ours: for the log, never for the client.
pub(crate) type Cause = Arc<dyn Error + Send + Sync>;

/// The body of every failure.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorBody {
    /// A sentence for people: what is wrong, and how to mend it.
    error: String,
    /// The same for programs.
    #[schema(example = "invalid_fields")]
    code: &'static str,
    /// With `invalid_fields` and `conflict`: what is wrong with which field.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    fields: BTreeMap<String, String>,
    /// Under which the server's log has this request.
    request_id: String,
}

impl ApiError {
    /// A failure of one field.
    pub(crate) fn field(name: &str, reason: impl Into<String>) -> Self {
        Self::Invalid(BTreeMap::from([(name.into(), reason.into())]))
    }

    /// A failure of ours.
    pub(crate) fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(Arc::from(cause.into()))
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Self::WrongCredentials => (StatusCode::UNAUTHORIZED, "wrong_credentials"),
            Self::WrongPassword => (StatusCode::FORBIDDEN, "wrong_password"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "cross_site"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::BodyTimeout(_) => (StatusCode::REQUEST_TIMEOUT, "body_timeout"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::JobRunning(_) => (StatusCode::CONFLICT, "job_running"),
            Self::TooManyJobs => (StatusCode::CONFLICT, "too_many_jobs"),
            Self::KeyUnreadable => (StatusCode::CONFLICT, "key_unreadable"),
            Self::BackedUpElsewhere => (StatusCode::CONFLICT, "backed_up_elsewhere"),
            Self::SwitchedOff => (StatusCode::CONFLICT, "switched_off"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields"),
            Self::TooManyAttempts(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Self::Full(_) => (StatusCode::INSUFFICIENT_STORAGE, "storage_full"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Unconfirmed(_) => (StatusCode::SERVICE_UNAVAILABLE, "unconfirmed"),
        }
    }

    /// Logs what is behind a failure of ours.
    pub(crate) fn log(&self, request_id: &str) {
        match self {
            Self::Internal(cause) => {
                error!(request_id, error = &**cause as &dyn Error, "admin request failed");
            }
            Self::Full(cause) | Self::Unavailable(cause) | Self::Unconfirmed(cause) => {
                warn!(request_id, error = &**cause as &dyn Error, "admin request not served");
            }
            _ => {}
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyAttempts(wait) => Some(whole_seconds(*wait)),
            Self::Unavailable(_) => Some(1),
            _ => None,
        }
    }

    fn into_body(self, request_id: String) -> ErrorBody {
        let (_, code) = self.status_and_code();
        let error = self.to_string();
        let fields = match self {
            Self::Invalid(fields) => fields,
            Self::Conflict(field) => BTreeMap::from([(field.into(), "is already in use".into())]),
            _ => BTreeMap::new(),
        };
        ErrorBody { error, code, fields, request_id }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound("proxy config or key"),
            StoreError::Conflict { field } => Self::Conflict(field),
            StoreError::Inconsistent { .. } => Self::internal(error),
            StoreError::Full(cause) => Self::Full(Arc::from(cause)),
            StoreError::Unavailable(cause) => Self::Unavailable(Arc::from(cause)),
            StoreError::Unconfirmed(cause) => Self::Unconfirmed(Arc::from(cause)),
        }
    }
}

impl From<Vec<FieldError>> for ApiError {
    fn from(errors: Vec<FieldError>) -> Self {
        let mut fields = BTreeMap::<String, String>::new();
        for FieldError { field, reason } in errors {
            fields
                .entry(field.into())
                .and_modify(|known| {
                    known.push_str("; ");
                    known.push_str(&reason);
                })
                .or_insert(reason);
        }
        Self::Invalid(fields)
    }
}

impl IntoResponse for ApiError {
    /// The status alone; [`finish`] writes the body, since only it knows the request.
    fn into_response(self) -> Response {
        let (status, _) = self.status_and_code();
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The outermost layer: writes the body of a failure, and what every answer carries.
pub(crate) async fn finish(request: Request, next: Next) -> Response {
    let request_id = request.extensions().get().map_or_else(String::new, |RequestId(id)| id.clone());
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        error.log(&request_id);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        if let Some(seconds) = error.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let head = response.into_parts().0;
        response = (head.status, head.headers, Json(error.into_body(request_id))).into_response();
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// At least 1, rounded up: a client that waits this long is let in.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}
