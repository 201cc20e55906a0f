//! Adding many keys at once.

use std::collections::HashSet;

use axum::{Json, extract::State};
use rotator_core::{
    model::{ConfigId, QuotaGroup, Weight},
    secret::Secret,
    store::NewKey,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::quota_group;
use crate::{
    admin::Admin,
    body::{Body, Form},
    error::ApiError,
    query::Id,
    state::AdminState,
};

/// The most keys of one batch.
const MAX_KEYS: usize = 100_000;

/// Keys to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyBatch {
    /// The keys: 1 to 100 000.
    #[schema(required, nullable = false, min_items = 1, max_items = 100_000, write_only)]
    keys: Option<Vec<String>>,
    /// Whose limits all of them share, such as the name of their account: up to 100 characters.
    quota_group: Option<String>,
    /// Whether to tell what would become of them, and add none.
    #[schema(default = false)]
    dry_run: Option<bool>,
}

/// What became of a batch of keys.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct KeyBatchReport {
    /// How many were added, or would be.
    success_count: u64,
    /// How many can be no key.
    failed_count: usize,
    /// How many the config had already, or occur twice in the batch.
    skipped_count: u64,
    /// How many of those occur twice in the batch.
    repeated_count: u64,
    /// Those that can be no key, masked.
    failed_keys: Vec<String>,
    /// The same, with their places in the batch and the reasons.
    failures: Vec<Failure>,
}

/// A text that can be no key.
#[derive(Serialize, ToSchema)]
struct Failure {
    /// Its place in the batch, counted from 0.
    index: usize,
    /// Why.
    reason: String,
}

impl Form for KeyBatch {}

/// Add many keys
///
/// In one transaction: either every key of `success_count` is there afterwards, or the answer is an error and none is.
/// With `dry_run` the answer is the same, and nothing is added.
#[utoipa::path(
    post,
    path = "/proxy-configs/{id}/keys/batch",
    operation_id = "importKeys",
    tag = "keys",
    params(("id" = i64, Path)),
    request_body = KeyBatch,
    responses((status = 200, description = "What became of them", body = KeyBatchReport))
)]
pub(crate) async fn import(
    admin: Admin,
    State(state): State<AdminState>,
    Id(config): Id,
    Body(batch): Body<KeyBatch>,
) -> Result<Json<KeyBatchReport>, ApiError> {
    let texts = batch.keys.unwrap_or_default();
    if !(1..=MAX_KEYS).contains(&texts.len()) {
        return Err(ApiError::field("keys", format!("must be a list of 1 to {MAX_KEYS} keys")));
    }
    let group = batch.quota_group.as_deref().map(quota_group).transpose()?.unwrap_or_default();
    let (keys, mut report) = sort_out(&texts, &group);
    let (config, by, store, unlike) = (ConfigId(config), admin.change(), state.store(), keys.len() as u64);
    let known = if batch.dry_run == Some(true) {
        let secrets = keys.into_iter().map(|key| key.secret).collect();
        store.count_known_keys(config, secrets).await?
    } else {
        let add =
            async move { store.add_keys(config, keys, &by).await.map(|added| (config, added.duplicates)) };
        state.change(add).await?
    };
    report.success_count = unlike.saturating_sub(known);
    report.skipped_count = known.saturating_add(report.repeated_count);
    Ok(Json(report))
}

fn sort_out(texts: &[String], group: &QuotaGroup) -> (Vec<NewKey>, KeyBatchReport) {
    let mut keys = Vec::with_capacity(texts.len());
    let (mut report, mut seen) = (KeyBatchReport::default(), HashSet::new());
    for (index, text) in texts.iter().enumerate() {
        match Secret::parse(text) {
            Ok(_) if !seen.insert(text.trim()) => report.repeated_count += 1,
            Ok(secret) => {
                let (weight, quota_group) = (Weight::ONE, group.clone());
                keys.push(NewKey { secret, is_active: true, weight, quota_group, note: String::new() });
            }
            Err(reason) => {
                report.failed_count += 1;
                report.failed_keys.push(masked(text));
                report.failures.push(Failure { index, reason });
            }
        }
    }
    (keys, report)
}

/// Enough to find the text in the file it came from: its first 6 characters, unless that is most of it.
fn masked(text: &str) -> String {
    let shown = if text.chars().count() < 16 { 0 } else { 6 };
    let start: String = text.chars().take(shown).map(|c| if c.is_control() { '?' } else { c }).collect();
    format!("{start}***")
}
