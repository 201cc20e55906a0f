//! What is in effect, and where it came from.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{admin::Admin, state::AdminState};

/// A setting as it is in effect.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Setting)]
pub struct EffectiveSetting {
    /// Its name, as in the environment.
    #[schema(example = "LOG_LEVEL")]
    pub name: &'static str,
    /// Which part of the product it belongs to.
    pub section: Texts,
    /// What it means.
    pub meaning: Texts,
    /// Whether it has a value, its default included.
    pub is_set: bool,
    /// Whether its value is never shown.
    pub is_secret: bool,
    /// Its value; null where it has none, and where it is never shown.
    #[schema(required)]
    pub value: Option<String>,
    /// Where that was found; empty where it has none.
    #[schema(example = "the environment")]
    pub source: String,
}

/// A text in both languages.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Texts {
    /// In English.
    pub en: &'static str,
    /// In Chinese.
    pub zh: &'static str,
}

/// What is in effect since the server started.
#[derive(Serialize, ToSchema)]
#[schema(as = Settings)]
pub(crate) struct SettingsView {
    /// Every setting there is, section by section.
    settings: Vec<EffectiveSetting>,
    /// What is allowed but unwise, as sentences in English.
    warnings: Vec<String>,
}

/// Show what is in effect, and where it came from
///
/// As `check-config` prints it. Secrets are never shown.
#[utoipa::path(
    get,
    path = "/settings",
    operation_id = "showSettings",
    tag = "installation",
    responses((status = 200, description = "The settings", body = SettingsView))
)]
pub(crate) async fn show(_: Admin, State(state): State<AdminState>) -> Json<SettingsView> {
    let settings = state.settings();
    Json(SettingsView { settings: settings.effective.clone(), warnings: settings.warnings.clone() })
}
