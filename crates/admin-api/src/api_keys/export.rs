//! The texts of many keys as a file: guarded and written down as showing one is.

use std::{future::ready, sync::Arc};

use axum::{
    body::Body as Answer,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use rotator_core::{
    model::{ApiKey, ConfigId, KeyId},
    secret::Secret,
    store::{AuditAction, StoreError},
};
use serde::Deserialize;
use tracing::warn;
use utoipa::ToSchema;

use super::{Standings, keys_of, select, standings};
use crate::{
    admin::Admin,
    body::{Body, Form},
    csv::{cell, harmless_cell},
    error::{ApiError, ErrorBody},
    proof::check,
    query::Id,
    state::AdminState,
};

/// Which keys to show, and proof that it is still the admin who asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyExport {
    /// The admin's password.
    #[schema(required, nullable = false, write_only)]
    password: Option<String>,
    /// In this state only: `active`, `cooling`, `invalid`, `exhausted` or `disabled`. All when left out.
    state: Option<String>,
    /// Of this quota group only; an empty text means keys without a group.
    quota_group: Option<String>,
}

/// How many keys are in memory at once.
const PIECE: usize = 500;
const HEAD: &str = "id,key_value,state,weight,quota_group,note\r\n";

impl Form for KeyExport {}

/// Show the texts of keys, as a file
///
/// As CSV (RFC 4180) with the columns `id`, `key_value`, `state`, `weight`, `quota_group` and `note`. A key that cannot be opened is
/// empty. A cell that a spreadsheet would run as a formula begins with `'`; a key of letters, digits and `-._~+/=` never
/// does.
///
/// Needs the password again, and is refused when the audit log cannot be written: it has the number of keys before the
/// first of them is sent, whether the file arrives or not. Wrong passwords are throttled like sign-ins.
#[utoipa::path(
    post,
    path = "/proxy-configs/{id}/keys/export",
    operation_id = "exportKeys",
    tag = "keys",
    params(("id" = i64, Path)),
    request_body = KeyExport,
    responses(
        (status = 200, description = "The keys", body = String, content_type = "text/csv"),
        (status = 403, description = "The password is wrong, or the write is refused as cross-site", body = ErrorBody),
        (status = 429, description = "Too many failures; `Retry-After` says how long to wait", body = ErrorBody),
    )
)]
pub(crate) async fn export(
    admin: Admin,
    State(state): State<AdminState>,
    Id(config): Id,
    Body(form): Body<KeyExport>,
) -> Result<Response, ApiError> {
    let config = ConfigId(config);
    check(&admin, &state, form.password.as_deref(), AuditAction::KeysExportRefused(config)).await?;
    let ids = select(&state, config, form.state.as_deref(), form.quota_group.as_deref()).await?;
    let slug = state.store().config(config).await?.ok_or(StoreError::NotFound)?.config.spec.slug;
    state.store().audit(AuditAction::KeysExported(config, ids.len()), &admin.change()).await?;

    let pieces: Vec<Vec<KeyId>> = ids.chunks(PIECE).map(<[KeyId]>::to_vec).collect();
    let standings = Arc::new(standings(&state, config));
    let rows = stream::iter(pieces).then(move |ids| rows(state.clone(), config, ids, Arc::clone(&standings)));
    let file = stream::once(ready(Ok(HEAD.to_owned()))).chain(rows);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{slug}-keys.csv\"")),
    ];
    Ok((headers, Answer::from_stream(file)).into_response())
}

/// A failure breaks the file off: it never looks complete.
async fn rows(
    state: AdminState,
    config: ConfigId,
    ids: Vec<KeyId>,
    standings: Arc<Standings>,
) -> Result<String, StoreError> {
    let keys = keys_of(&state, config, &ids).await.inspect_err(|error| {
        warn!(config_id = %config, error = error as &dyn std::error::Error, "an export of keys broke off");
    })?;
    Ok(keys.iter().map(|key| row(key, standings.standing(key).state)).collect())
}

fn row(key: &ApiKey, state: &str) -> String {
    let secret = key.secret.as_ref().map_or("", Secret::expose);
    let secret = if is_plain(secret) { harmless_cell(secret) } else { cell(secret) };
    let [group, note] = [cell(key.quota_group.as_str()), cell(&key.note)];
    format!("{},{secret},{state},{},{group},{note}\r\n", key.id, key.weight.get())
}

/// Whether a key is one as nearly all are: a formula of these characters can call nothing, and the key must come out as
/// it went in.
fn is_plain(key: &str) -> bool {
    key.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+/=".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_can_call_nothing_stays_as_it_is() {
        for (key, expected) in [
            ("sk-1", true),
            ("-aB3_.x~/y+z==", true),
            ("=cmd|'/C calc'!A0", false),
            ("=HYPERLINK(A1)", false),
        ] {
            assert_eq!(is_plain(key), expected);
        }
    }
}
