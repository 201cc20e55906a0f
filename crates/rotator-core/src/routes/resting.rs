//! How keys stand: what is told of it, and what others tell.

use std::{collections::HashMap, sync::Arc, time::Instant};

use super::{Route, Routes};
use crate::{
    model::{ConfigId, KeyId, ProxyConfig},
    pool::{News, Now, Resting},
};

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

impl Routes {
    /// Puts a key back into rotation at once, whatever it suffers from.
    pub fn reset_key(&self, key: KeyId, now: Now) {
        let table = self.table.load();
        for route in table.iter().filter(|route| route.pool.has(key)) {
            route.pool.health().reset(key, now);
        }
    }

    /// Does what another instance told, in this order.
    pub fn learn(&self, news: Vec<(ConfigId, News)>, now: Now) {
        let mut by_config: HashMap<ConfigId, Vec<News>> = HashMap::new();
        for (config, news) in news {
            by_config.entry(config).or_default().push(news);
        }
        for route in self.table.load().iter() {
            if let Some(news) = by_config.remove(&route.config.id) {
                route.pool.health().learn(news, now);
            }
        }
    }

    /// Every rest of an active config that is not over, as news.
    pub fn rests_as_news(&self, now: Instant) -> Vec<(ConfigId, News)> {
        let table = self.table.load();
        let of_route = |route: &Arc<Route>| {
            let (config, news) = (route.config.id, route.pool.health().rests_as_news(now));
            news.into_iter().map(move |news| (config, news))
        };
        table.iter().flat_map(of_route).collect()
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
}
