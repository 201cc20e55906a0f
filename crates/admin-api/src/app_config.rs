//! What the panel must know before anybody has signed in, and a little more afterwards.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    admin::Admin,
    state::{AdminState, Build},
};

/// About this installation.
#[derive(Serialize, ToSchema)]
pub(crate) struct AppConfig {
    /// The address under which clients reach the proxy.
    #[schema(example = "http://localhost:8000")]
    proxy_public_base_url: String,
    /// `lightweight` or `enterprise`.
    build: &'static str,
    /// The program's version. Shown to a signed-in admin only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    version: Option<String>,
    /// `sqlite` or `mysql`. Shown to a signed-in admin only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    database_type: Option<String>,
    /// `memory` or `redis`. Shown to a signed-in admin only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cache_type: Option<String>,
}

/// About this installation
///
/// Public. With a session the answer also has `version`, `database_type` and `cache_type`.
#[utoipa::path(
    get,
    path = "/app-config",
    operation_id = "appConfig",
    tag = "installation",
    security(()),
    responses((status = 200, description = "About this installation", body = AppConfig))
)]
pub(crate) async fn app_config(admin: Option<Admin>, State(state): State<AdminState>) -> Json<AppConfig> {
    let settings = state.settings();
    let shown = |text: &String| admin.is_some().then(|| text.clone());
    Json(AppConfig {
        proxy_public_base_url: settings.proxy_public_base_url.clone(),
        build: match settings.build {
            Build::Lightweight => "lightweight",
            Build::Enterprise => "enterprise",
        },
        version: shown(&settings.version),
        database_type: shown(&settings.database_type),
        cache_type: shown(&settings.cache_type),
    })
}
