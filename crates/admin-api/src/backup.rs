//! The database as a file.

use std::{
    fs::File,
    io::{self, Read as _},
};

use axum::{
    body::Body as Answer,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use rotator_core::store::AuditAction;
use tokio::task::spawn_blocking;

use crate::{
    admin::Admin,
    body::Body,
    error::{ApiError, ErrorBody},
    proof::{Proof, check},
    state::AdminState,
};

/// How much of the file is in memory at once, in bytes.
const PIECE: usize = 256 * 1024;

/// Copy the database into a file
///
/// A SQLite database as it is at one moment, with everything but the request log. Keys and webhooks stay encrypted in it:
/// it opens with the same `ENCRYPTION_KEY`, or `secrets.env`, which must be kept apart. Where the data are in MySQL,
/// the answer is 409: MySQL has tools of its own.
///
/// Needs the password again, and is refused when the audit log cannot be written. Wrong passwords are throttled like
/// sign-ins.
#[utoipa::path(
    post,
    path = "/backup",
    operation_id = "backup",
    tag = "installation",
    request_body = Proof,
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/vnd.sqlite3"),
        (status = 403, description = "The password is wrong, or the write is refused as cross-site", body = ErrorBody),
        (status = 409, description = "The data are in MySQL", body = ErrorBody),
        (status = 429, description = "Too many failures; `Retry-After` says how long to wait", body = ErrorBody),
    )
)]
pub(crate) async fn backup(
    admin: Admin,
    State(state): State<AdminState>,
    Body(proof): Body<Proof>,
) -> Result<Response, ApiError> {
    check(&admin, &state, proof.password.as_deref(), AuditAction::BackupRefused).await?;
    let file = state.store().backup().await?.ok_or(ApiError::BackedUpElsewhere)?;
    state.store().audit(AuditAction::BackedUp, &admin.change()).await?;
    let length = file.metadata().map_err(ApiError::internal)?.len();
    let day = state.now().strftime("%Y-%m-%d");
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.sqlite3".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"api-key-rotator-{day}.db\"")),
    ];
    let pieces = stream::try_unfold(file, |file| async move {
        spawn_blocking(move || next(file)).await.map_err(io::Error::other)?
    });
    Ok((headers, Answer::from_stream(pieces)).into_response())
}

/// A piece of the file, and what is left of it.
fn next(mut file: File) -> io::Result<Option<(Vec<u8>, File)>> {
    let mut piece = vec![0; PIECE];
    let read = file.read(&mut piece)?;
    piece.truncate(read);
    Ok((read > 0).then_some((piece, file)))
}
