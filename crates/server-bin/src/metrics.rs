//! What `/metrics` says beside what the data path counts.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Instant,
};

use rotator_core::{
    model::ConfigType,
    record::Tokens,
    routes::{KeyStates, Route, Routes},
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
    text + &tokens(routes) + &costs(routes)
}

/// What each LLM service has used.
fn tokens(routes: &Routes) -> String {
    let mut text = String::from(
        "# HELP akr_tokens_total Tokens that requests to LLM services used, as their answers told or as estimated.\n\
         # TYPE akr_tokens_total counter\n",
    );
    for route in routes.table().load().iter().filter(|route| is_llm(route)) {
        let slug = &route.config.spec.slug;
        for (direction, count) in Tokens::BUCKETS.iter().zip(route.tokens.get()) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "akr_tokens_total{{slug=\"{slug}\",direction=\"{direction}\"}} {count}");
        }
    }
    text
}

/// What each LLM service has cost.
fn costs(routes: &Routes) -> String {
    let mut text = String::from(
        "# HELP akr_cost_dollars_total US dollars that requests to LLM services cost, as far as usage and prices are known.\n\
         # TYPE akr_cost_dollars_total counter\n",
    );
    for route in routes.table().load().iter().filter(|route| is_llm(route)) {
        let (slug, cost) = (&route.config.spec.slug, route.spending.get());
        let _ = writeln!(text, "akr_cost_dollars_total{{slug=\"{slug}\"}} {cost}");
    }
    text
}

fn is_llm(route: &Route) -> bool {
    route.config.spec.target.config_type() == ConfigType::Llm
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Instant};

    use cache_memory::MemoryCache;
    use rotator_core::{
        model::{ConfigFields, ConfigId, ConfigSpec, KeyId, ProxyConfig},
        store::RouteSource,
    };

    use super::*;
    use crate::clock;

    fn service(id: i64, slug: &str, config_type: &str) -> RouteSource {
        let fields = ConfigFields {
            name: slug.into(),
            slug: slug.into(),
            config_type: config_type.into(),
            is_active: true,
            api_key_location: Some("header".into()),
            api_key_name: Some("x-key".into()),
            target_url: Some("https://api.example.com".into()),
            target_base_url: Some("https://api.example.com".into()),
            ..ConfigFields::default()
        };
        let (spec, now) = (ConfigSpec::try_from(&fields).unwrap(), clock::now());
        let config = ProxyConfig { id: ConfigId(id), spec, created_at: now, updated_at: now };
        RouteSource { config, keys: Vec::new() }
    }

    #[tokio::test]
    async fn tokens_and_costs_are_told_for_each_llm_service_and_outlive_a_snapshot() {
        let routes = Routes::new(Arc::new(MemoryCache::default()));
        let sources = || vec![service(1, "openai", "LLM"), service(2, "weather", "GENERIC")];
        routes.replace(sources()).await;
        let used = Tokens { input: 1, cached_read: 2, cache_write: 3, output: 4, reasoning: 5 };
        for route in routes.table().load().iter() {
            route.charge(KeyId(1), Some("gpt-4o"), used, Instant::now());
            route.charge(KeyId(1), Some("nobody-knows"), used, Instant::now());
        }
        routes.replace(sources()).await;

        let text = tokens(&routes);

        assert_eq!(text.lines().filter(|line| line.starts_with("akr_tokens_total{")).count(), 5, "{text}");
        for (direction, count) in
            [("input", 2), ("cached_read", 4), ("cache_write", 6), ("output", 8), ("reasoning", 10)]
        {
            let line = format!("akr_tokens_total{{slug=\"openai\",direction=\"{direction}\"}} {count}\n");
            assert!(text.contains(&line), "{text}");
        }
        // At 2.50, 1.25, 2.50, 10 and 10 dollars a million.
        let costs = costs(&routes);
        assert!(costs.ends_with("\nakr_cost_dollars_total{slug=\"openai\"} 0.0001025\n"), "{costs}");
    }
}
