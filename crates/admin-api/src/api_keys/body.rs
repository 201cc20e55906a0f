//! A key as JSON: the forms that an admin writes, and what is shown, which is never the key.

use jiff::Timestamp;
use rotator_core::{
    model::{ApiKey, QuotaGroup, Weight},
    secret::Secret,
    store::{KeyPatch, NewKey},
};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, schema::Type},
};

use super::standing::{STATES, Standing, Standings};
use crate::{body::Form, error::ApiError};

/// Longest note, in characters.
const MAX_NOTE: usize = 500;

/// A key to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
pub(crate) struct KeyForm {
    /// The key; printable ASCII, up to 8 KiB.
    #[schema(required, nullable = false, write_only)]
    key_value: Option<String>,
    /// Whether it is used at once.
    #[schema(default = true)]
    is_active: Option<bool>,
    /// Its share under `weighted`.
    #[schema(minimum = 1, maximum = 1000, default = 1)]
    weight: Option<i64>,
    /// Whose limits it shares, such as the name of its account: up to 100 characters. When a limit of the account is
    /// met, all its keys in the config rest.
    quota_group: Option<String>,
    /// For people: up to 500 characters.
    note: Option<String>,
}

/// What to change of a key. What is left out or null stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyPatch)]
pub(crate) struct PatchForm {
    /// Whether it is used.
    is_active: Option<bool>,
    /// Its share under `weighted`.
    #[schema(minimum = 1, maximum = 1000)]
    weight: Option<i64>,
    /// Whose limits it shares: up to 100 characters. An empty text takes it out of its group.
    quota_group: Option<String>,
    /// For people: up to 500 characters.
    note: Option<String>,
}

/// A key, masked.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct KeyView {
    /// Given by the store, never used twice.
    id: i64,
    /// Whose pool it is in.
    proxy_config_id: i64,
    /// The first 6 and the last 3 characters.
    #[schema(example = "sk-abc***xyz")]
    key_value: String,
    /// Whether a person wants it used.
    is_active: bool,
    /// What it is fit for.
    #[schema(schema_with = state)]
    state: &'static str,
    /// Why it is in this state, where that is known.
    #[schema(required)]
    state_reason: Option<String>,
    /// When the state ends by itself.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    state_until: Option<Timestamp>,
    /// Its share under `weighted`.
    #[schema(minimum = 1, maximum = 1000)]
    weight: u16,
    /// Whose limits it shares.
    #[schema(required)]
    quota_group: Option<String>,
    /// For people.
    note: String,
    /// When the upstream last took or refused it.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// Requests that the upstream took it for: those that succeeded, and those that were wrong in themselves.
    success_count: u64,
    /// Requests that the upstream refused because of the key: it was not accepted, met a limit, or had used up its quota.
    /// The upstream's own failures count neither here nor as a success.
    failure_count: u64,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl Form for KeyForm {}

impl Form for PatchForm {}

impl KeyForm {
    /// The checked form.
    pub(crate) fn into_new_key(self) -> Result<NewKey, ApiError> {
        let text = self.key_value.ok_or_else(|| ApiError::field("key_value", "is required: the key"))?;
        Ok(NewKey {
            secret: Secret::parse(&text).map_err(|reason| ApiError::field("key_value", reason))?,
            is_active: self.is_active.unwrap_or(true),
            weight: self.weight.map_or(Ok(Weight::ONE), weight)?,
            quota_group: self.quota_group.as_deref().map(quota_group).transpose()?.unwrap_or_default(),
            note: self.note.map_or(Ok(String::new()), note)?,
        })
    }
}

impl PatchForm {
    /// The checked form.
    pub(crate) fn into_patch(self) -> Result<KeyPatch, ApiError> {
        Ok(KeyPatch {
            is_active: self.is_active,
            weight: self.weight.map(weight).transpose()?,
            quota_group: self.quota_group.as_deref().map(quota_group).transpose()?,
            note: self.note.map(note).transpose()?,
        })
    }
}

impl KeyView {
    /// A key, as it stands.
    pub(crate) fn of(key: ApiKey, standings: &Standings) -> Self {
        let Standing { state, reason, until } = standings.standing(&key);
        Self {
            id: key.id.0,
            proxy_config_id: key.config_id.0,
            key_value: key.secret.as_ref().map_or_else(|| "***".into(), Secret::masked),
            is_active: key.is_active,
            state,
            state_reason: reason,
            state_until: until,
            weight: key.weight.get(),
            quota_group: key.quota_group.name().map(str::to_owned),
            note: key.note,
            last_used_at: key.last_used_at,
            success_count: key.success_count,
            failure_count: key.failure_count,
            created_at: key.created_at,
        }
    }
}

fn weight(value: i64) -> Result<Weight, ApiError> {
    Weight::new(value).ok_or_else(|| ApiError::field("weight", format!("must be 1 to {}", Weight::MAX)))
}

/// The quota group of this name.
pub(crate) fn quota_group(text: &str) -> Result<QuotaGroup, ApiError> {
    text.parse().map_err(|reason: String| ApiError::field("quota_group", reason))
}

fn note(text: String) -> Result<String, ApiError> {
    if text.chars().count() > MAX_NOTE || text.chars().any(char::is_control) {
        return Err(ApiError::field(
            "note",
            format!("must be at most {MAX_NOTE} characters without control characters"),
        ));
    }
    Ok(text)
}

fn state() -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(STATES)).build()
}
