//! What has changed that operators want to hear of, and when to say so. It only compares; somebody else looks and sends.
//!
//! All instances watch, and the one that leads tells. What changed while nobody led is told by the next leader: the others
//! take a change for told only when it is older than the longest time without one.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use rotator_core::{
    model::{ConfigId, KeyId},
    notifications::{Affected, Event, Level, PoolState, Service, WatchedPart},
    pool::Ailment,
};

/// The same thing is told at most once in this time.
const PAUSE: Duration = Duration::from_mins(5);
/// A service is called low, or well again, after so long: keys that rest for a moment are nobody's concern.
const SETTLING: Duration = Duration::from_secs(15);
/// The longest time without a leader.
const INTERREGNUM: Duration = Duration::from_secs(40);

/// How everything is at one moment.
pub(super) struct Sight {
    /// The services that are on.
    pub(super) pools: Vec<Pool>,
    /// Whether the database answers.
    pub(super) database_is_up: bool,
    /// Whether the cache answers.
    pub(super) cache_is_up: bool,
}

/// The keys of a service.
pub(super) struct Pool {
    /// Whose.
    pub(super) service: Service,
    /// How many are in rotation.
    pub(super) total: usize,
    /// Those that rest as a whole, and why.
    pub(super) ailing: Vec<(KeyId, Ailment)>,
}

/// What was seen, and what was told of it.
#[derive(Default)]
pub(super) struct Watch {
    has_begun: bool,
    pools: HashMap<ConfigId, WatchedPool>,
    database: Option<Course<bool>>,
    cache: Option<Course<bool>>,
}

struct WatchedPool {
    level: Course<Level>,
    rejected: Gathered,
    exhausted: Gathered,
}

/// How one thing is, and how it was when it was last told.
struct Course<T> {
    now: T,
    since: Instant,
    told: T,
    told_at: Option<Instant>,
}

/// Keys to which the same happened, gathered until it is told.
struct Gathered {
    known: HashSet<KeyId>,
    untold: HashSet<KeyId>,
    since: Instant,
    told_at: Option<Instant>,
}

impl Watch {
    /// What is to be told now, if this instance `leads`. What the first look sees is taken for told.
    pub(super) fn look(&mut self, sight: Sight, low_keys: usize, leads: bool, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        let parts = [
            (&mut self.database, sight.database_is_up, WatchedPart::Database),
            (&mut self.cache, sight.cache_is_up, WatchedPart::Cache),
        ];
        for (told, is_up, part) in parts {
            let told = told.get_or_insert_with(|| Course::new(is_up, now));
            // At once: without the database nobody leads for long.
            if let Some(is_up) = told.look(is_up, Duration::ZERO, leads, now) {
                events.push(if is_up { Event::Recovered(part) } else { Event::Degraded(part) });
            }
        }
        let ids: HashSet<ConfigId> = sight.pools.iter().map(|pool| pool.service.id).collect();
        self.pools.retain(|id, _| ids.contains(id));
        for pool in sight.pools {
            let watched = self.pools.entry(pool.service.id);
            let watched = watched.or_insert_with(|| {
                if self.has_begun { WatchedPool::well(now) } else { WatchedPool::seen(&pool, low_keys, now) }
            });
            watched.look(&pool, low_keys, leads, now, &mut events);
        }
        self.has_begun = true;
        events
    }
}

impl Pool {
    fn usable(&self) -> usize {
        self.total.saturating_sub(self.ailing.len())
    }

    /// A service that never had so many keys is not low for having few.
    fn level(&self, low_keys: usize) -> Level {
        match self.usable() {
            0 if self.total > 0 => Level::Empty,
            usable if usable < low_keys.min(self.total) => Level::Low,
            _ => Level::Enough,
        }
    }

    fn with(&self, ailment: Ailment) -> HashSet<KeyId> {
        self.ailing.iter().filter(|(_, other)| *other == ailment).map(|(key, _)| *key).collect()
    }
}

impl WatchedPool {
    /// Of a service that is new.
    fn well(now: Instant) -> Self {
        Self {
            level: Course::new(Level::Enough, now),
            rejected: Gathered::new(HashSet::new(), now),
            exhausted: Gathered::new(HashSet::new(), now),
        }
    }

    /// Of a service that was there before.
    fn seen(pool: &Pool, low_keys: usize, now: Instant) -> Self {
        Self {
            level: Course::new(pool.level(low_keys), now),
            rejected: Gathered::new(pool.with(Ailment::Invalid), now),
            exhausted: Gathered::new(pool.with(Ailment::Exhausted), now),
        }
    }

    fn look(&mut self, pool: &Pool, low_keys: usize, leads: bool, now: Instant, events: &mut Vec<Event>) {
        let service = || pool.service.clone();
        if let Some(keys) = self.rejected.look(pool.with(Ailment::Invalid), leads, now) {
            events.push(Event::KeysRejected(Affected { service: service(), keys }));
        }
        if let Some(keys) = self.exhausted.look(pool.with(Ailment::Exhausted), leads, now) {
            events.push(Event::KeysExhausted(Affected { service: service(), keys }));
        }
        let level = pool.level(low_keys);
        if level == Level::Empty && self.level.told != Level::Empty {
            // What was told before was better: this does not wait.
            self.level.told_at = None;
        }
        if let Some(level) = self.level.look(level, SETTLING, leads, now) {
            let state = PoolState { service: service(), usable: pool.usable(), total: pool.total };
            events.push(Event::Pool(level, state));
        }
    }
}

impl<T: Copy + PartialEq> Course<T> {
    fn new(now: T, at: Instant) -> Self {
        Self { now, since: at, told: now, told_at: None }
    }

    /// How it is, if that is to be told: when it has been so for as long as it takes to settle.
    fn look(&mut self, seen: T, settling: Duration, leads: bool, now: Instant) -> Option<T> {
        if seen != self.now {
            (self.now, self.since) = (seen, now);
        }
        let lasted = now - self.since;
        if seen == self.told || lasted < settling {
            return None;
        }
        if !leads {
            if lasted >= INTERREGNUM {
                self.told = seen;
            }
            return None;
        }
        if has_just_been(self.told_at, now) {
            return None;
        }
        (self.told, self.told_at) = (seen, Some(now));
        Some(seen)
    }
}

impl Gathered {
    fn new(known: HashSet<KeyId>, now: Instant) -> Self {
        Self { known, untold: HashSet::new(), since: now, told_at: None }
    }

    /// The keys that are to be told of.
    fn look(&mut self, seen: HashSet<KeyId>, leads: bool, now: Instant) -> Option<Vec<KeyId>> {
        self.untold.retain(|key| seen.contains(key));
        if self.untold.is_empty() {
            self.since = now;
        }
        self.untold.extend(seen.difference(&self.known));
        self.known = seen;
        if !leads && now - self.since >= INTERREGNUM {
            self.untold.clear();
        }
        if self.untold.is_empty() || !leads || has_just_been(self.told_at, now) {
            return None;
        }
        self.told_at = Some(now);
        let mut keys: Vec<KeyId> = self.untold.drain().collect();
        keys.sort_unstable();
        Some(keys)
    }
}

fn has_just_been(told_at: Option<Instant>, now: Instant) -> bool {
    told_at.is_some_and(|at| now - at < PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A watch, looking every second at one service of ten keys, of which three are enough.
    struct Scene {
        watch: Watch,
        now: Instant,
        leads: bool,
        sight: fn(&[(i64, Ailment)]) -> Sight,
    }

    fn one_pool(ailing: &[(i64, Ailment)]) -> Sight {
        let service = Service { id: ConfigId(1), name: "One".into(), slug: "one".into() };
        let ailing = ailing.iter().map(|(key, ailment)| (KeyId(*key), *ailment)).collect();
        Sight { pools: vec![Pool { service, total: 10, ailing }], database_is_up: true, cache_is_up: true }
    }

    fn keys(count: i64, ailment: Ailment) -> Vec<(i64, Ailment)> {
        (0..count).map(|key| (key, ailment)).collect()
    }

    impl Scene {
        fn new() -> Self {
            let mut scene =
                Self { watch: Watch::default(), now: Instant::now(), leads: true, sight: one_pool };
            assert_eq!(scene.see(&[], 1), Vec::<String>::new());
            scene
        }

        /// What is told in so many seconds, and after how many.
        fn see(&mut self, ailing: &[(i64, Ailment)], seconds: u64) -> Vec<String> {
            let mut told = Vec::new();
            for second in 0..seconds {
                for event in self.watch.look((self.sight)(ailing), 3, self.leads, self.now) {
                    let keys = match &event {
                        Event::KeysRejected(affected) | Event::KeysExhausted(affected) => affected.keys.len(),
                        _ => 0,
                    };
                    told.push(format!("{second} {} {keys}", event.name()));
                }
                self.now += Duration::from_secs(1);
            }
            told
        }
    }

    #[test]
    fn a_service_is_low_when_that_has_lasted_and_empty_at_once() {
        let mut scene = Scene::new();

        assert_eq!(scene.see(&keys(7, Ailment::Cooling), 60), [""; 0]);
        assert_eq!(scene.see(&keys(8, Ailment::Cooling), 60), ["15 pool_low 0"]);
        assert_eq!(scene.see(&keys(10, Ailment::Cooling), 60), ["15 pool_empty 0"]);
        // Five minutes after it was empty.
        assert_eq!(scene.see(&[], 600), ["255 pool_recovered 0"]);
    }

    #[test]
    fn a_service_that_comes_and_goes_is_told_once_in_five_minutes() {
        let mut scene = Scene::new();
        let mut told = 0;

        for _ in 0..30 {
            told += scene.see(&keys(9, Ailment::Cooling), 20).len();
            told += scene.see(&[], 20).len();
        }

        // Twenty minutes.
        assert!((2..=5).contains(&told), "{told}");
        assert_eq!(scene.see(&keys(9, Ailment::Cooling), 10), [""; 0], "it has not lasted");
    }

    #[test]
    fn a_service_that_runs_out_of_keys_again_does_not_wait_and_is_well_again_after_five_minutes() {
        let mut scene = Scene::new();

        assert_eq!(scene.see(&keys(10, Ailment::Cooling), 60), ["15 pool_empty 0"]);
        assert_eq!(scene.see(&[], 300), ["255 pool_recovered 0"]);
        assert_eq!(scene.see(&keys(10, Ailment::Cooling), 60), ["15 pool_empty 0"]);
        assert_eq!(scene.see(&[], 20), [""; 0]);
        assert_eq!(scene.see(&keys(10, Ailment::Cooling), 600), [""; 0], "nothing else was told meanwhile");
    }

    #[test]
    fn a_service_with_few_keys_is_not_low_while_all_of_them_serve() {
        let pool = |total, ailing: Vec<(KeyId, Ailment)>| {
            let service = Service { id: ConfigId(1), name: "One".into(), slug: "one".into() };
            Pool { service, total, ailing }.level(3)
        };
        let one = || vec![(KeyId(1), Ailment::Invalid)];

        assert_eq!([pool(0, Vec::new()), pool(1, Vec::new()), pool(2, Vec::new())], [Level::Enough; 3]);
        assert_eq!(
            [pool(1, one()), pool(2, one()), pool(4, one())],
            [Level::Empty, Level::Low, Level::Enough]
        );
    }

    #[test]
    fn keys_are_told_of_once_and_gathered_while_others_have_just_been() {
        let mut scene = Scene::new();

        assert_eq!(scene.see(&keys(1, Ailment::Invalid), 10), ["0 keys_rejected 1"]);
        assert_eq!(scene.see(&keys(3, Ailment::Invalid), 10), [""; 0]);
        assert_eq!(scene.see(&keys(5, Ailment::Invalid), 600), ["280 keys_rejected 4"]);
        assert_eq!(scene.see(&keys(2, Ailment::Exhausted), 600), ["0 keys_exhausted 2"]);
        assert_eq!(scene.see(&[], 600), [""; 0]);
    }

    #[test]
    fn what_is_there_when_the_watch_begins_is_no_news() {
        let mut watch = Watch::default();
        let now = Instant::now();
        for seconds in 0..60 {
            let sight = Sight { database_is_up: false, ..one_pool(&keys(10, Ailment::Invalid)) };
            assert!(watch.look(sight, 3, true, now + Duration::from_secs(seconds)).is_empty());
        }
        // A service that was not there is another matter.
        let mut sight = one_pool(&keys(1, Ailment::Invalid));
        sight.pools[0].service.id = ConfigId(2);
        sight.database_is_up = false;
        assert_eq!(watch.look(sight, 3, true, now + Duration::from_mins(1)).len(), 1);
    }

    #[test]
    fn a_database_is_told_of_at_once() {
        let mut scene = Scene::new();
        scene.sight = |ailing| Sight { database_is_up: false, ..one_pool(ailing) };
        assert_eq!(scene.see(&[], 60), ["0 dependency_degraded 0"]);
        scene.sight = one_pool;
        assert_eq!(scene.see(&[], 600), ["240 dependency_recovered 0"]);
    }

    #[test]
    fn a_new_leader_tells_what_happened_while_nobody_led_and_nothing_older() {
        let mut scene = Scene::new();
        scene.leads = false;
        assert_eq!(scene.see(&keys(1, Ailment::Invalid), 60), [""; 0]);
        assert_eq!(scene.see(&keys(8, Ailment::Invalid), 20), [""; 0]);

        scene.leads = true;

        assert_eq!(scene.see(&keys(8, Ailment::Invalid), 60), ["0 keys_rejected 7", "0 pool_low 0"]);
    }
}
