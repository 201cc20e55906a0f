//! The admin HTTP API: sessions, proxy configs, keys, prices, the request log, and the document that describes it.
//!
//! [`router`] serves everything under `/api/admin`; it is called as a service, request by request, by whoever accepts
//! the connections. One resource is one file. A request passes
//!
//! 1. `error::finish`, which on the way out writes failures and the headers that every answer carries;
//! 2. the route table in this file;
//! 3. `admin::Admin`, the extractor that a handler without a session does not get past;
//! 4. `body::Body`, which reads a form and names every field that is wrong;
//! 5. the handler, whose writes go through `state::AdminState::change` and are live before they are answered.
//!
//! To add an endpoint, write its handler with `#[utoipa::path]` and add it to `routes`: the route and its place in
//! the document are made from the same attribute.

mod admin;
mod api_keys;
mod app_config;
mod audit_log;
mod backup;
mod body;
mod csv;
mod error;
mod gate;
mod instances;
mod jobs;
mod notifications;
mod openapi;
mod password;
mod prices;
mod proof;
mod proxy_configs;
mod proxy_keys;
mod query;
mod requests;
mod session;
mod settings;
mod state;
mod stats;
mod token;

use std::net::IpAddr;

use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::error::{ApiError, finish};
pub use crate::{
    instances::{RequestLogState, Vitals},
    openapi::openapi_json,
    password::{AdminCredentials, HashPasswordError, hash_password},
    settings::{EffectiveSetting, Texts},
    state::{AdminParts, AdminSettings, AdminState, Build},
    token::SigningKey,
};

/// Request extension: the client's address, for the throttle and the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

/// Request extension: the id under which the request is logged and audited, and that failures repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

/// Request extension: the request came over TLS, so that its cookies are `Secure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverTls;

/// Under which every path is.
const PREFIX: &str = "/api/admin";
/// Largest body, in bytes.
const BODY_LIMIT: usize = 64 * 1024;
/// Largest batch of keys or of their ids, in bytes: 100 000 keys of 160 bytes.
const BATCH_LIMIT: usize = 16 * 1024 * 1024;

/// The admin API. Give each request the extensions [`ClientAddr`] and [`RequestId`], and [`OverTls`] where it is so.
pub fn router(state: AdminState) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(|| async { ApiError::NotFound("path in the admin API") })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn(finish))
        .with_state(state)
}

/// The route table.
fn routes() -> OpenApiRouter<AdminState> {
    let batches = OpenApiRouter::new()
        .routes(routes!(api_keys::import))
        .routes(routes!(jobs::create))
        .layer(DefaultBodyLimit::max(BATCH_LIMIT));
    let api = OpenApiRouter::new()
        .routes(routes!(session::login))
        .routes(routes!(session::logout))
        .routes(routes!(session::current))
        .routes(routes!(app_config::app_config))
        .routes(routes!(settings::show))
        .routes(routes!(openapi::show))
        .routes(routes!(proxy_configs::list, proxy_configs::create))
        .routes(routes!(proxy_configs::show, proxy_configs::replace, proxy_configs::delete))
        .routes(routes!(proxy_configs::set_status))
        .routes(routes!(proxy_configs::test_rules))
        .routes(routes!(proxy_configs::error_samples))
        .routes(routes!(proxy_configs::simulate))
        .routes(routes!(api_keys::list, api_keys::create, api_keys::delete_all))
        .routes(routes!(api_keys::show, api_keys::update, api_keys::delete))
        .routes(routes!(api_keys::test))
        .routes(routes!(api_keys::reset))
        .routes(routes!(api_keys::reveal))
        .routes(routes!(api_keys::export))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::events))
        .routes(routes!(proxy_keys::list, proxy_keys::create))
        .routes(routes!(proxy_keys::replace, proxy_keys::delete))
        .routes(routes!(prices::show, prices::replace))
        .routes(routes!(notifications::show, notifications::replace))
        .routes(routes!(notifications::test))
        .routes(routes!(audit_log::list))
        .routes(routes!(backup::backup))
        .routes(routes!(instances::list))
        .routes(routes!(instances::current))
        .routes(routes!(requests::list))
        .routes(routes!(requests::export))
        .routes(routes!(requests::show))
        .routes(routes!(stats::show))
        .merge(batches);
    OpenApiRouter::with_openapi(openapi::preface()).nest(PREFIX, api)
}
