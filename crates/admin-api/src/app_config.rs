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
    #[serde(flatten)]
    details: Option<Details>,
}

/// Shown to a signed-in admin only.
#[derive(Serialize, ToSchema)]
struct Details {
    /// The program's version.
    version: String,
    /// `sqlite` or `mysql`.
    database_type: String,
    /// `memory` or `redis`.
    cache_type: String,
}

/// About this installation
///
/// Public. With a session the answer also has `version`, `database_type` and `cache_type`.
#[utoipa::path(get, path = "/app-config", tag = "installation", security(()), responses((status = 200, body = AppConfig)))]
pub(crate) async fn app_config(admin: Option<Admin>, State(state): State<AdminState>) -> Json<AppConfig> {
    let settings = state.settings().clone();
    let details = admin.map(|_| Details {
        version: settings.version,
        database_type: settings.database_type,
        cache_type: settings.cache_type,
    });
    let build = match settings.build {
        Build::Lightweight => "lightweight",
        Build::Enterprise => "enterprise",
    };
    Json(AppConfig { proxy_public_base_url: settings.proxy_public_base_url, build, details })
}
