//! The admin API as a client sees it: real requests through the router, on a real database.
#![expect(clippy::unwrap_used, reason = "assertions")]

mod app_config;
mod audit_log;
mod config_fields;
mod config_list;
mod cross_site;
mod error_samples;
mod export;
mod http;
mod import;
mod injection;
mod jobs;
mod keys;
mod openapi;
mod outage;
mod proxy_configs;
mod requests;
mod reveal;
mod rules;
mod secrecy;
mod session;
mod simulate;
mod standing;
mod strangers;
mod support;
mod testing_keys;
mod throttle;
mod together;
mod tokens;
