//! The texts of many keys as a file: guarded and written down as showing one is.

use std::{borrow::Cow, future::ready, sync::Arc};

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

use super::{Standings, keys_of, reveal::check, select, standings};
use crate::{
    admin::Admin,
    body::{Body, Form},
    error::{ApiError, ErrorBody},
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
/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

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
    let [secret, group, note] =
        [cell(secret, is_plain(secret)), cell(key.quota_group.as_str(), false), cell(&key.note, false)];
    format!("{},{secret},{state},{},{group},{note}\r\n", key.id, key.weight.get())
}

/// A cell as RFC 4180 has it, which no spreadsheet runs unless it is `harmless`.
fn cell(text: &str, harmless: bool) -> Cow<'_, str> {
    let shield = if !harmless && text.starts_with(FORMULA) { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{shield}{}\"", text.replace('"', "\"\"")).into()
    } else if shield.is_empty() {
        text.into()
    } else {
        format!("{shield}{text}").into()
    }
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
    fn cells_are_quoted_where_they_must_be() {
        for (text, expected) in [
            ("", ""),
            ("plain text", "plain text"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("鍵", "鍵"),
        ] {
            assert_eq!(cell(text, false), expected);
        }
    }

    #[test]
    fn no_cell_is_a_formula_but_keys_that_can_call_nothing_stay_as_they_are() {
        for (note, expected) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("=A1,\"x\"", "\"'=A1,\"\"x\"\"\""),
            ("a=b", "a=b"),
        ] {
            assert_eq!(cell(note, false), expected);
        }
        for (key, expected) in [
            ("sk-1", "sk-1"),
            ("-aB3_.x~/y+z==", "-aB3_.x~/y+z=="),
            ("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"),
            ("=HYPERLINK(A1)", "'=HYPERLINK(A1)"),
        ] {
            assert_eq!(cell(key, is_plain(key)), expected);
        }
    }
}
