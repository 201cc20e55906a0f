use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use moka::{Expiry, ops::compute::Op, policy::EvictionPolicy, sync::Cache};
use rotator_core::cache::{Taken, Window};
use tokio::time::Instant;

/// How many windows are kept. Names come from clients, such as addresses that try to sign in; the windows that were
/// used longest ago give way.
const CAPACITY: u64 = 100_000;

/// The sliding windows, by name.
pub(crate) struct Windows(Cache<String, Log>);

/// What a window counts.
#[derive(Clone)]
struct Log {
    period: Duration,
    events: Arc<Mutex<Events>>,
}

#[derive(Default)]
struct Events {
    /// When, and how many; oldest first.
    by_age: VecDeque<(Instant, u32)>,
    /// How many in all.
    count: u64,
}

impl Windows {
    fn with_capacity(capacity: u64) -> Self {
        let windows = Cache::builder()
            .max_capacity(capacity)
            // The default policy would rather turn new names away, whose windows would then never fill.
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(UnusedForAPeriod)
            .build();
        Self(windows)
    }

    pub(crate) fn take(&self, window: &Window<'_>, cost: u32, now: Instant) -> Taken {
        let mut taken = Taken::No { retry_after: window.period };
        // Computed under the entry's lock: a window that expires meanwhile is never counted in two logs.
        self.0.entry_by_ref(window.name).and_compute_with(|entry| {
            let events = entry.map_or_else(Arc::default, |entry| entry.into_value().events);
            taken = events.lock().unwrap_or_else(PoisonError::into_inner).take(window, cost, now);
            Op::Put(Log { period: window.period, events })
        });
        taken
    }
}

impl Default for Windows {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Events {
    fn take(&mut self, window: &Window<'_>, cost: u32, now: Instant) -> Taken {
        let age = |at: Instant| now.duration_since(at);
        while let Some((_, past)) = self.by_age.pop_front_if(|(at, _)| age(*at) >= window.period) {
            self.count -= u64::from(past);
        }
        let excess = (self.count + u64::from(cost)).saturating_sub(u64::from(window.limit));
        if excess == 0 {
            self.by_age.push_back((now, cost));
            self.count += u64::from(cost);
            return Taken::Yes;
        }
        let retry_after =
            self.end_of(excess).map_or(window.period, |at| window.period.saturating_sub(age(at)));
        Taken::No { retry_after }
    }

    /// When the event was with which `excess` will have left the window; `None` when all together are fewer.
    fn end_of(&self, excess: u64) -> Option<Instant> {
        let mut leaving = 0;
        let last = self.by_age.iter().find(|(_, count)| {
            leaving += u64::from(*count);
            leaving >= excess
        });
        last.map(|(at, _)| *at)
    }
}

/// A window that nobody asked for during a whole period counts nothing any more.
struct UnusedForAPeriod;

impl Expiry<String, Log> for UnusedForAPeriod {
    fn expire_after_create(&self, _: &String, log: &Log, _: std::time::Instant) -> Option<Duration> {
        Some(log.period)
    }

    fn expire_after_update(
        &self,
        _: &String,
        log: &Log,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(log.period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn window(name: &str, limit: u32, period: Duration) -> Window<'_> {
        Window { name, limit, period }
    }

    #[test]
    fn a_window_slides_to_the_millisecond() {
        let (windows, start) = (Windows::default(), Instant::now());
        let take = |cost, ms| windows.take(&window("w", 3, SECOND), cost, start + Duration::from_millis(ms));
        let no = |ms| Taken::No { retry_after: Duration::from_millis(ms) };

        assert_eq!([take(1, 0), take(2, 400)], [Taken::Yes, Taken::Yes]);

        assert_eq!([take(1, 500), take(2, 500), take(1, 999)], [no(500), no(900), no(1)]);
        assert_eq!([take(1, 1000), take(1, 1000), take(2, 1400)], [Taken::Yes, no(400), Taken::Yes]);
    }

    #[test]
    fn names_without_end_do_not_fill_the_memory() {
        let windows = Windows::with_capacity(100);

        for name in 0..10_000 {
            windows.take(&window(&name.to_string(), 1, SECOND), 1, Instant::now());
        }
        windows.0.run_pending_tasks();

        assert!(windows.0.entry_count() <= 100);
    }

    #[test]
    fn a_new_name_is_counted_although_the_memory_is_full_of_busy_ones() {
        let (windows, now) = (Windows::with_capacity(10), Instant::now());
        for turn in 0..100 {
            windows.take(&window(&(turn % 10).to_string(), 100, SECOND), 1, now);
        }
        windows.0.run_pending_tasks();

        let newcomer = [0, 1].map(|_| {
            let taken = windows.take(&window("newcomer", 1, SECOND), 1, now);
            windows.0.run_pending_tasks();
            taken
        });

        assert!(matches!(newcomer, [Taken::Yes, Taken::No { .. }]));
    }

    #[test]
    fn a_window_out_of_use_is_forgotten() {
        let windows = Windows::default();
        windows.take(&window("w", 1, Duration::from_millis(1)), 1, Instant::now());

        std::thread::sleep(Duration::from_millis(20));

        assert!(!windows.0.contains_key("w"));
    }
}
