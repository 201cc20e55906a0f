//! What `/metrics` says beside what the data path counts.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Instant,
};

use rotator_core::{
    model::ConfigType,
    record::Tokens,
    routes::{KeyStates, Routes},
};

use crate::{backends::BUILD, health::Health};

/// Prometheus text exposition format, version 0.0.4.
pub fn render(data_path: &str, routes: &Routes, health: &Health, records_dropped: &AtomicU64) -> String {
    let KeyStates { keys, at_cap, resting } = routes.count_keys(Instant::now());
    let [cooling, exhausted, invalid] = resting;
    let active = keys.saturating_sub(at_cap + resting.iter().sum::<usize>());
    let version = env!("CARGO_PKG_VERSION");
    let text = format!(
        "{data_path}\
         # HELP akr_build_info The version that runs.\n\
         # TYPE akr_build_info gauge\n\
         akr_build_info{{version=\"{version}\",build=\"{BUILD}\"}} 1\n\
         # HELP akr_store_up Whether the database answers.\n\
         # TYPE akr_store_up gauge\n\
         akr_store_up {}\n\
         # HELP akr_cache_up Whether the cache answers.\n\
         # TYPE akr_cache_up gauge\n\
         akr_cache_up {}\n\
         # HELP akr_request_records_unwritten_total Request records that the database did not take.\n\
         # TYPE akr_request_records_unwritten_total counter\n\
         akr_request_records_unwritten_total {}\n\
         # HELP akr_keys Keys in rotation, by how they stand: at_cap do all that key_max_concurrent or \
           key_max_per_minute let them, and rest for nothing else.\n\
         # TYPE akr_keys gauge\n\
         akr_keys{{state=\"active\"}} {active}\n\
         akr_keys{{state=\"at_cap\"}} {at_cap}\n\
         akr_keys{{state=\"cooling\"}} {cooling}\n\
         akr_keys{{state=\"exhausted\"}} {exhausted}\n\
         akr_keys{{state=\"invalid\"}} {invalid}\n",
        u8::from(health.store_is_up()),
        u8::from(health.cache_is_up()),
        records_dropped.load(Relaxed),
    );
    text + &tokens(routes)
}

/// What each LLM service has used.
fn tokens(routes: &Routes) -> String {
    let mut text = String::from(
        "# HELP akr_tokens_total Tokens that requests to LLM services used, as far as their answers told.\n\
         # TYPE akr_tokens_total counter\n",
    );
    let table = routes.table().load();
    for route in table.iter().filter(|route| route.config.spec.target.config_type() == ConfigType::Llm) {
        let slug = &route.config.spec.slug;
        for (direction, count) in Tokens::BUCKETS.iter().zip(route.tokens.get()) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "akr_tokens_total{{slug=\"{slug}\",direction=\"{direction}\"}} {count}");
        }
    }
    text
}
