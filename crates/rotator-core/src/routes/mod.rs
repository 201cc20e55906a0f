//! The snapshot that requests read: every active config with its pool, immutable, swapped as a whole.

mod resting;
mod table;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
    time::Instant,
};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, watch};
use tracing::warn;

use crate::{
    access::ProxyKeys,
    budget::Budget,
    cache::{Cache, Scope},
    caps::Entrance,
    credential::Credential,
    model::{ConfigId, KeyId, ProxyKey},
    outcome::RuleSet,
    pool::{Groups, Health, KeyPool, KeySlot, NewsSender, RestPolicy},
    prices::{PriceRow, PriceTable, Prices, SharedPrices},
    snapshot::{self, Reading},
    store::{KeyUsage, RouteSource, Store, StoreError},
    targets::Targets,
};

pub use self::{
    resting::KeyStates,
    table::{Route, RouteTable},
};

/// The current [`RouteTable`], and how it is renewed.
pub struct Routes {
    table: Arc<ArcSwap<RouteTable>>,
    /// What tokens cost in every service.
    prices: SharedPrices,
    cache: Arc<dyn Cache>,
    /// Held while the table is renewed, so that an older reading never replaces a newer one.
    renewal: Mutex<Renewal>,
    rest_policy: RestPolicy,
    /// Where to tell what befalls keys, for other instances.
    news: Option<NewsSender>,
    /// The store's revision that all of it is of; none before the first reading.
    revision: watch::Sender<Option<u64>>,
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

impl Routes {
    /// An empty snapshot; call [`Routes::reload`] before serving.
    pub fn new(cache: Arc<dyn Cache>) -> Self {
        Self {
            table: Arc::default(),
            prices: Arc::default(),
            cache,
            renewal: Mutex::default(),
            rest_policy: RestPolicy::default(),
            news: None,
            revision: watch::Sender::default(),
            epoch: Instant::now(),
        }
    }

    /// Lets keys rest by this policy instead of the default one.
    #[must_use]
    pub fn with_rest_policy(self, rest_policy: RestPolicy) -> Self {
        Self { rest_policy, ..self }
    }

    /// Lets whoever shows one of these proxy keys in, beside those of the store.
    #[must_use]
    pub fn with_proxy_keys(self, keys: ProxyKeys) -> Self {
        self.table.store(Arc::new(RouteTable::opened_by(Arc::new(keys))));
        self
    }

    /// Tells there what befalls keys.
    #[must_use]
    pub fn with_news(self, sender: NewsSender) -> Self {
        Self { news: Some(sender), ..self }
    }

    /// The current snapshot's place, for readers that keep a cached copy of it.
    pub fn table(&self) -> &Arc<ArcSwap<RouteTable>> {
        &self.table
    }

    /// The store's revision that all of it is of, and every later one. Services that an admin changed here may be newer.
    pub fn revision(&self) -> watch::Receiver<Option<u64>> {
        self.revision.subscribe()
    }

    /// Reads everything anew.
    pub async fn reload(&self, store: &dyn Store) -> Result<(), StoreError> {
        let revision = store.revision().await?;
        self.read_all(store, revision).await
    }

    /// Reads everything anew if the store has changed since; answers whether it had.
    pub async fn refresh(&self, store: &dyn Store) -> Result<bool, StoreError> {
        let revision = store.revision().await?;
        let has_changed = *self.revision.borrow() != Some(revision);
        if has_changed {
            self.read_all(store, revision).await?;
        }
        Ok(has_changed)
    }

    async fn read_all(&self, store: &dyn Store, revision: u64) -> Result<(), StoreError> {
        let mut renewal = self.renewal.lock().await;
        let reading = Reading::of(store, revision).await?;
        self.put(reading, &mut renewal);
        Ok(())
    }

    /// Reads the proxy keys that admins made anew.
    pub async fn reload_proxy_keys(&self, store: &dyn Store) -> Result<(), StoreError> {
        let _renewal = self.renewal.lock().await;
        self.put_proxy_keys(&store.proxy_keys().await?);
        Ok(())
    }

    /// Only for whoever renews the table.
    fn put_proxy_keys(&self, keys: &[ProxyKey]) {
        let table = self.table.load();
        let keys = table.proxy_keys().with_made(keys, self.epoch, &|scope| self.cache.ledger(scope));
        self.table.store(Arc::new(table.reopened_by(Arc::new(keys))));
    }

    /// Reads what tokens cost anew: requests that end from now on cost that. Prices that make no sense leave the known
    /// ones as they are, for no service depends on them.
    pub async fn reload_prices(&self, store: &dyn Store) -> Result<(), StoreError> {
        self.put_prices(snapshot::prices(store).await?);
        Ok(())
    }

    fn put_prices(&self, rows: Option<Vec<PriceRow>>) {
        if let Some(rows) = rows {
            self.prices.store(Arc::new(PriceTable::new(&rows)));
        }
    }

    /// Serves what was kept of the store.
    pub async fn restore(&self, reading: Reading) {
        self.put(reading, &mut *self.renewal.lock().await);
    }

    fn put(&self, reading: Reading, renewal: &mut Renewal) {
        let Reading { revision, sources, proxy_keys, prices } = reading;
        self.replace_all(sources, renewal);
        self.put_proxy_keys(&proxy_keys);
        self.put_prices(prices);
        self.revision.send_replace(Some(revision));
    }

    /// Serves these services and no others.
    pub async fn replace(&self, sources: Vec<RouteSource>) {
        self.replace_all(sources, &mut *self.renewal.lock().await);
    }

    fn replace_all(&self, sources: Vec<RouteSource>, renewal: &mut Renewal) {
        let old = self.by_id();
        let ids: HashSet<ConfigId> = sources.iter().map(|source| source.config.id).collect();
        renewal.health.retain(|id, _| ids.contains(id));
        let mut table = RouteTable::opened_by(Arc::clone(self.table.load().proxy_keys()));
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
        let mut table = RouteTable::opened_by(Arc::clone(self.table.load().proxy_keys()));
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
        let new = || {
            let health = Health::new(self.rest_policy, self.epoch);
            Arc::new(match &self.news {
                Some(sender) => health.telling(id, sender.clone()),
                None => health,
            })
        };
        Arc::clone(renewal.health.entry(id).or_insert_with(new))
    }

    fn build(&self, source: RouteSource, before: Option<&Route>, health: Arc<Health>) -> Route {
        let RouteSource { config, keys } = source;
        let credential = Credential::of(&config.spec.target);
        let known: HashMap<KeyId, &Arc<KeySlot>> =
            before.into_iter().flat_map(|route| route.pool.slots()).map(|slot| (slot.id, slot)).collect();
        let mut slots = Vec::with_capacity(keys.len());
        let (mut grouped, mut resets) = (Vec::new(), Vec::new());
        for key in keys.into_iter().filter(|key| key.is_active) {
            match key.secret.as_ref().and_then(|secret| credential.ready(secret)) {
                Some(ready) => {
                    let before = known.get(&key.id).copied();
                    slots.push(KeySlot::new(key.id, key.weight, ready).or_same(before));
                    grouped.push((key.id, key.quota_group));
                    resets.extend(key.reset_at.map(|at| (key.id, at)));
                }
                None => {
                    warn!(key_id = %key.id, slug = %config.spec.slug, "key left out: it does not open or fit its place");
                }
            }
        }
        let groups: Groups = grouped.iter().filter_map(|(key, group)| Some((*key, group.name()?))).collect();
        let turns = self.cache.turns(config.id);
        let pool = KeyPool::new(config.spec.strategy, slots, groups, turns, health)
            .capped(config.spec.key_caps, before.map(|route| &route.pool), self.epoch)
            .sharing(|| self.cache.ledger(Scope::Keys(config.id)));
        pool.health().catch_up(resets, Instant::now());
        let rules = RuleSet::of(&config.spec.target, &config.spec.rules);
        let targets = Targets::of(&config.spec, before.map(|route| &route.targets), self.epoch);
        let ledger = || self.cache.ledger(Scope::Service(config.id));
        let entrance =
            Entrance::new(config.spec.caps, before.map(|route| &route.entrance), self.epoch, ledger);
        let new_budget = || Arc::new(Budget::of_retries());
        let retry_budget = before.map_or_else(new_budget, |route| Arc::clone(&route.retry_budget));
        let known_hedging = before.and_then(|route| route.hedging.clone());
        let hedging = config.spec.hedge.then(|| known_hedging.unwrap_or_default());
        let tokens = before.map(|route| Arc::clone(&route.tokens)).unwrap_or_default();
        let prices = Prices::new(&config.spec.prices, Arc::clone(&self.prices));
        let spending = before.map(|route| Arc::clone(&route.spending)).unwrap_or_default();
        Route {
            config,
            credential,
            pool,
            rules,
            targets,
            entrance,
            retry_budget,
            hedging,
            tokens,
            prices,
            spending,
        }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table.load().fmt(f)
    }
}
