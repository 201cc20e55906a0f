//! The snapshot that requests read: every active config with its pool, immutable, swapped as a whole.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
    time::Instant,
};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use tokio::sync::Mutex;
use tracing::warn;

use crate::{
    budget::Budget,
    cache::Cache,
    caps::Gate,
    credential::Credential,
    hedge::Hedging,
    model::{ConfigId, ConfigType, KeyId, ProxyConfig, Target},
    outcome::RuleSet,
    pool::{Groups, Health, KeyPool, KeySlot, Now, RestPolicy, Resting},
    record::{TokenCounts, Tokens},
    store::{KeyUsage, RouteSource, Store, StoreError},
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
    pub gate: Arc<Gate>,
    /// How often its requests may be sent again.
    pub retry_budget: Arc<Budget>,
    /// When its answers are late, where they are hedged.
    pub hedging: Option<Arc<Hedging>>,
    /// What its requests have used.
    pub tokens: Arc<TokenCounts>,
}

/// Every active config, by slug.
#[derive(Debug, Default)]
pub struct RouteTable {
    generic: HashMap<Box<str>, Arc<Route>, RandomState>,
    llm: HashMap<Box<str>, Arc<Route>, RandomState>,
    takes_body_keys: bool,
}

/// How many keys there are in rotation, and how they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyStates {
    /// All of them.
    pub keys: usize,
    /// Those that do not rest, but do all they may at the moment.
    pub at_cap: usize,
    /// Those that rest for each reason, in the order of [`Ailment::ALL`](crate::pool::Ailment::ALL).
    pub resting: [usize; 3],
}

/// The current [`RouteTable`], and how it is renewed.
pub struct Routes {
    table: Arc<ArcSwap<RouteTable>>,
    cache: Arc<dyn Cache>,
    /// Held while the table is renewed, so that an older reading never replaces a newer one.
    renewal: Mutex<Renewal>,
    rest_policy: RestPolicy,
    epoch: Instant,
}

/// What outlives a snapshot.
#[derive(Default)]
struct Renewal {
    retired: Retired,
    /// Of every config, switched off ones included: a key rests on.
    health: HashMap<ConfigId, Arc<Health>>,
}

/// Keys that left the snapshot, as long as they may still count.
#[derive(Default)]
struct Retired(Vec<Arc<KeySlot>>);

impl Route {
    /// Whether it takes the proxy key in the body.
    pub fn takes_body_key(&self) -> bool {
        matches!(self.config.spec.target, Target::Llm { body_api_key: true, .. })
    }

    /// Counts what a request has used that a key served.
    pub fn charge(&self, key: KeyId, tokens: Tokens, now: Instant) {
        self.tokens.add(tokens);
        self.pool.charge(key, tokens.total(), now);
        if self.config.spec.caps.tokens_per_minute.is_some() {
            self.gate.charge(tokens.total(), now);
        }
    }
}

impl RouteTable {
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

    fn insert(&mut self, route: Arc<Route>) {
        let spec = &route.config.spec;
        self.takes_body_keys |= route.takes_body_key();
        let slug = spec.slug.as_str().into();
        match spec.target.config_type() {
            ConfigType::Generic => self.generic.insert(slug, route),
            ConfigType::Llm => self.llm.insert(slug, route),
        };
    }
}

impl Routes {
    /// An empty snapshot; call [`Routes::reload`] before serving.
    pub fn new(cache: Arc<dyn Cache>) -> Self {
        Self {
            table: Arc::default(),
            cache,
            renewal: Mutex::default(),
            rest_policy: RestPolicy::default(),
            epoch: Instant::now(),
        }
    }

    /// Lets keys rest by this policy instead of the default one.
    #[must_use]
    pub fn with_rest_policy(self, rest_policy: RestPolicy) -> Self {
        Self { rest_policy, ..self }
    }

    /// The current snapshot's place, for readers that keep a cached copy of it.
    pub fn table(&self) -> &Arc<ArcSwap<RouteTable>> {
        &self.table
    }

    /// Reads everything anew.
    pub async fn reload(&self, store: &dyn Store) -> Result<(), StoreError> {
        let mut renewal = self.renewal.lock().await;
        self.replace_all(store.route_sources().await?, &mut renewal);
        Ok(())
    }

    /// Serves these services and no others.
    pub async fn replace(&self, sources: Vec<RouteSource>) {
        self.replace_all(sources, &mut *self.renewal.lock().await);
    }

    fn replace_all(&self, sources: Vec<RouteSource>, renewal: &mut Renewal) {
        let old = self.by_id();
        let ids: HashSet<ConfigId> = sources.iter().map(|source| source.config.id).collect();
        renewal.health.retain(|id, _| ids.contains(id));
        let mut table = RouteTable::default();
        for source in sources.into_iter().filter(|s| s.config.spec.is_active) {
            let before = old.get(&source.config.id);
            let health = self.health(renewal, source.config.id);
            table.insert(Arc::new(self.build(source, before.map(|r| &**r), health)));
        }
        self.swap(table, &old, &mut renewal.retired);
    }

    /// Reads one config anew.
    pub async fn reload_config(&self, store: &dyn Store, id: ConfigId) -> Result<(), StoreError> {
        let mut renewal = self.renewal.lock().await;
        let source = store.route_source(id).await?;
        if source.is_none() {
            renewal.health.remove(&id);
        }
        let old = self.by_id();
        let mut table = RouteTable::default();
        for route in old.values().filter(|r| r.config.id != id) {
            table.insert(Arc::clone(route));
        }
        if let Some(source) = source.filter(|s| s.config.spec.is_active) {
            let health = self.health(&mut renewal, id);
            table.insert(Arc::new(self.build(source, old.get(&id).map(|r| &**r), health)));
        }
        self.swap(table, &old, &mut renewal.retired);
        Ok(())
    }

    /// Puts a key back into rotation at once, whatever it suffers from.
    pub fn reset_key(&self, key: KeyId) {
        let table = self.table.load();
        for route in table.iter().filter(|route| route.pool.has(key)) {
            route.pool.health().reset(key, Instant::now());
        }
    }

    /// Keys to test, of the active configs that want it: at most `limit` of each.
    pub fn to_probe(&self, limit: usize) -> Vec<(ProxyConfig, KeyId)> {
        let (table, now) = (self.table.load(), Instant::now());
        let wanted = table.iter().filter(|route| route.config.spec.probe_keys);
        let keys = wanted.flat_map(|route| {
            route.pool.awaiting_trial(limit, now).into_iter().map(|key| (route.config.clone(), key))
        });
        keys.collect()
    }

    /// What keys of an active config suffer from.
    pub fn resting(&self, config: ConfigId) -> Vec<Resting> {
        let table = self.table.load();
        let route = table.iter().find(|route| route.config.id == config);
        route.map(|route| route.pool.health().resting()).unwrap_or_default()
    }

    /// How the keys of active configs stand.
    pub fn count_keys(&self, now: Instant) -> KeyStates {
        let mut states = KeyStates::default();
        for route in self.table.load().iter() {
            states.keys += route.pool.slots().len();
            states.at_cap += route.pool.count_at_cap(now);
            let resting = route.pool.health().count();
            states.resting.iter_mut().zip(resting).for_each(|(sum, count)| *sum += count);
        }
        states
    }

    /// The keys whose rests have changed since the last call, and how those that rest do.
    pub async fn take_rests(&self) -> (Vec<KeyId>, Vec<Resting>) {
        let renewal = self.renewal.lock().await;
        let (mut keys, mut rests) = (Vec::new(), Vec::new());
        for (changed, resting) in renewal.health.values().map(|health| health.take_changes()) {
            keys.extend(changed);
            rests.extend(resting);
        }
        (keys, rests)
    }

    /// What was taken could not be written down: it is taken again.
    pub async fn keep_rests(&self, keys: &[KeyId]) {
        self.renewal.lock().await.health.values().for_each(|health| health.keep_changes(keys));
    }

    /// Lets keys rest as they did before a restart.
    pub async fn restore_rests(&self, rests: Vec<(ConfigId, Resting)>, now: Now) {
        let mut renewal = self.renewal.lock().await;
        let mut by_config: HashMap<ConfigId, Vec<Resting>> = HashMap::new();
        for (config, rest) in rests {
            by_config.entry(config).or_default().push(rest);
        }
        for (config, rests) in by_config {
            self.health(&mut renewal, config).restore(rests, now);
        }
    }

    /// Takes what every key served since the last call.
    pub async fn take_usage(&self) -> Vec<KeyUsage> {
        let mut usage = Vec::new();
        self.renewal.lock().await.retired.0.retain_mut(|key| {
            // In this order: a key that is gone counts no more.
            let is_gone = Arc::get_mut(key).is_some();
            usage.extend(key.take_usage());
            !is_gone
        });
        for route in self.table.load().iter() {
            usage.extend(route.pool.slots().iter().filter_map(|slot| slot.take_usage()));
        }
        usage
    }

    fn by_id(&self) -> HashMap<ConfigId, Arc<Route>> {
        self.table.load().iter().map(|route| (route.config.id, Arc::clone(route))).collect()
    }

    fn swap(&self, table: RouteTable, old: &HashMap<ConfigId, Arc<Route>>, retired: &mut Retired) {
        let kept: HashSet<*const KeySlot> =
            table.iter().flat_map(|route| route.pool.slots().iter().map(Arc::as_ptr)).collect();
        let slots = old.values().flat_map(|route| route.pool.slots());
        retired.0.extend(slots.filter(|slot| !kept.contains(&Arc::as_ptr(slot))).cloned());
        self.table.store(Arc::new(table));
    }

    fn health(&self, renewal: &mut Renewal, id: ConfigId) -> Arc<Health> {
        let new = || Arc::new(Health::new(self.rest_policy, self.epoch));
        Arc::clone(renewal.health.entry(id).or_insert_with(new))
    }

    fn build(&self, source: RouteSource, before: Option<&Route>, health: Arc<Health>) -> Route {
        let RouteSource { config, keys } = source;
        let credential = Credential::of(&config.spec.target);
        let known: HashMap<KeyId, &Arc<KeySlot>> =
            before.into_iter().flat_map(|route| route.pool.slots()).map(|slot| (slot.id, slot)).collect();
        let mut slots = Vec::with_capacity(keys.len());
        let mut grouped = Vec::new();
        for key in keys.into_iter().filter(|key| key.is_active) {
            match key.secret.as_ref().and_then(|secret| credential.ready(secret)) {
                Some(ready) => {
                    let before = known.get(&key.id).copied();
                    slots.push(KeySlot::new(key.id, key.weight, ready).or_same(before));
                    grouped.push((key.id, key.quota_group));
                }
                None => {
                    warn!(key_id = %key.id, slug = %config.spec.slug, "key left out: it does not open or fit its place");
                }
            }
        }
        let groups: Groups = grouped.iter().filter_map(|(key, group)| Some((*key, group.name()?))).collect();
        let turns = self.cache.turns(config.id);
        let pool = KeyPool::new(config.spec.strategy, slots, groups, turns, health).capped(
            config.spec.key_caps,
            before.map(|route| &route.pool),
            self.epoch,
        );
        let rules = RuleSet::of(&config.spec.target, &config.spec.rules);
        let targets = Targets::of(&config.spec, before.map(|route| &route.targets), self.epoch);
        let new_gate = || Arc::new(Gate::new(self.epoch));
        let gate = before.map_or_else(new_gate, |route| Arc::clone(&route.gate));
        let new_budget = || Arc::new(Budget::of_retries());
        let retry_budget = before.map_or_else(new_budget, |route| Arc::clone(&route.retry_budget));
        let known_hedging = before.and_then(|route| route.hedging.clone());
        let hedging = config.spec.hedge.then(|| known_hedging.unwrap_or_default());
        let tokens = before.map(|route| Arc::clone(&route.tokens)).unwrap_or_default();
        Route { config, credential, pool, rules, targets, gate, retry_budget, hedging, tokens }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table.load().fmt(f)
    }
}
