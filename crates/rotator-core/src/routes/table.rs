//! The snapshot itself.

use std::{collections::HashMap, sync::Arc, time::Instant};

use foldhash::fast::RandomState;

use crate::{
    access::ProxyKeys,
    budget::Budget,
    caps::Entrance,
    credential::Credential,
    hedge::Hedging,
    model::{ConfigType, KeyId, ProxyConfig, Target},
    outcome::RuleSet,
    pool::KeyPool,
    prices::{Money, Prices, Spending},
    record::{TokenCounts, Tokens},
    targets::Targets,
};

/// An active config, ready to serve.
#[derive(Debug)]
pub struct Route {
    /// The config.
    pub config: ProxyConfig,
    /// Where its API wants the key.
    pub credential: Credential,
    /// Its keys in rotation.
    pub pool: KeyPool,
    /// How its answers are understood.
    pub rules: RuleSet,
    /// Its addresses.
    pub targets: Targets,
    /// Lets requests in.
    pub entrance: Entrance,
    /// How often its requests may be sent again.
    pub retry_budget: Arc<Budget>,
    /// When its answers are late, where they are hedged.
    pub hedging: Option<Arc<Hedging>>,
    /// What its requests have used.
    pub tokens: Arc<TokenCounts>,
    /// What tokens cost.
    pub prices: Prices,
    /// What its requests have cost, as far as prices are known.
    pub spending: Arc<Spending>,
}

/// Every active config, by slug.
#[derive(Debug, Default)]
pub struct RouteTable {
    generic: HashMap<Box<str>, Arc<Route>, RandomState>,
    llm: HashMap<Box<str>, Arc<Route>, RandomState>,
    takes_body_keys: bool,
    proxy_keys: Arc<ProxyKeys>,
}

impl Route {
    /// Whether it takes the proxy key in the body.
    pub fn takes_body_key(&self) -> bool {
        matches!(self.config.spec.target, Target::Llm { body_api_key: true, .. })
    }

    /// Counts what a request for a model has used that a key served; answers what it cost.
    pub fn charge(&self, key: KeyId, model: Option<&str>, tokens: Tokens, now: Instant) -> Option<Money> {
        self.tokens.add(tokens);
        self.pool.charge(key, tokens.total(), now);
        self.entrance.charge(tokens.total(), now);
        let cost = self.prices.cost(model?, tokens)?;
        self.spending.add(cost);
        Some(cost)
    }
}

impl RouteTable {
    /// An empty one that these keys open.
    pub(super) fn opened_by(proxy_keys: Arc<ProxyKeys>) -> Self {
        Self { proxy_keys, ..Self::default() }
    }

    /// The same for other keys.
    pub(super) fn reopened_by(&self, proxy_keys: Arc<ProxyKeys>) -> Self {
        let Self { generic, llm, takes_body_keys, .. } = self;
        Self { generic: generic.clone(), llm: llm.clone(), takes_body_keys: *takes_body_keys, proxy_keys }
    }

    /// Who may call.
    pub fn proxy_keys(&self) -> &Arc<ProxyKeys> {
        &self.proxy_keys
    }

    /// The active config of this type and slug.
    pub fn find(&self, config_type: ConfigType, slug: &str) -> Option<&Arc<Route>> {
        match config_type {
            ConfigType::Generic => self.generic.get(slug),
            ConfigType::Llm => self.llm.get(slug),
        }
    }

    /// Whether any config takes the proxy key in the body.
    pub fn takes_body_keys(&self) -> bool {
        self.takes_body_keys
    }

    /// Every active config.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.generic.values().chain(self.llm.values())
    }

    pub(super) fn insert(&mut self, route: Arc<Route>) {
        let spec = &route.config.spec;
        self.takes_body_keys |= route.takes_body_key();
        let slug = spec.slug.as_str().into();
        match spec.target.config_type() {
            ConfigType::Generic => self.generic.insert(slug, route),
            ConfigType::Llm => self.llm.insert(slug, route),
        };
    }
}
