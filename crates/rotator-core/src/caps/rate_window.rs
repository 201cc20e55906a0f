use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use smallvec::SmallVec;

/// How many requests or tokens there were in the last minute, to the second: never more than a limit in any minute, and
/// up to a second's worth fewer.
#[derive(Debug)]
pub struct RateWindow {
    epoch: Instant,
    seconds: Mutex<Seconds>,
}

/// The second that runs is counted whole, and so is the one that is half out of the minute.
const SECONDS: u32 = 61;

/// The seconds in which something was counted, the oldest first. Of 100 000 keys most do little, so that a few have room in
/// here, beside the sum: looking at a key then waits for memory once.
#[derive(Debug, Default)]
struct Seconds {
    sum: u64,
    counted: SmallVec<[Second; 3]>,
}

#[derive(Debug, Clone, Copy)]
struct Second {
    /// Since the epoch.
    at: u32,
    /// No limit is above the largest number.
    count: u32,
}

impl RateWindow {
    /// One in which nothing has been counted.
    pub fn new(epoch: Instant) -> Self {
        Self { epoch, seconds: Mutex::default() }
    }

    /// Counts one request, unless that would make more than `limit` in a minute. Tells how many more there may be, or
    /// how long until there is room.
    pub fn take(&self, limit: u32, now: Instant) -> Result<u32, Duration> {
        let (mut seconds, since) = (self.lock(), self.since(now));
        let second = seconds.advance(whole(since));
        if seconds.sum >= limit.into() {
            return Err(seconds.until_room(limit, second).saturating_sub(since));
        }
        seconds.add(second, 1);
        let sum = u32::try_from(seconds.sum).unwrap_or(limit);
        Ok(limit.saturating_sub(sum))
    }

    /// Counts what has been used already, however much there is room for.
    pub fn charge(&self, count: u64, now: Instant) {
        let mut seconds = self.lock();
        let second = seconds.advance(whole(self.since(now)));
        seconds.add(second, u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// How long until there is room for one more; nothing if there is. Asking about a later time forgets nothing.
    pub fn wait(&self, limit: u32, now: Instant) -> Duration {
        let (seconds, since) = (self.lock(), self.since(now));
        if seconds.sum < limit.into() {
            return Duration::ZERO;
        }
        seconds.until_room(limit, whole(since)).saturating_sub(since)
    }

    fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.epoch)
    }

    fn lock(&self) -> MutexGuard<'_, Seconds> {
        self.seconds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seconds {
    /// Forgets what has left the window by a second. A time before the latest counts as that: answers which it is.
    fn advance(&mut self, second: u32) -> u32 {
        let second = self.counted.last().map_or(second, |latest| second.max(latest.at));
        if self.counted.first().is_some_and(|oldest| oldest.ends() <= second) {
            let gone = self.counted.partition_point(|counted| counted.ends() <= second);
            self.sum -= self.counted.drain(..gone).map(|counted| u64::from(counted.count)).sum::<u64>();
        }
        second
    }

    /// Counts in the latest second.
    fn add(&mut self, second: u32, count: u32) {
        match self.counted.last_mut() {
            Some(latest) if latest.at == second => {
                let added = count.min(u32::MAX - latest.count);
                latest.count += added;
                self.sum += u64::from(added);
            }
            _ => {
                self.counted.push(Second { at: second, count });
                self.sum += u64::from(count);
            }
        }
    }

    /// When fewer than `limit` will be left, counted from the epoch.
    fn until_room(&self, limit: u32, second: u32) -> Duration {
        let mut left = self.sum;
        for counted in &self.counted {
            left -= u64::from(counted.count);
            if left < limit.into() {
                return Duration::from_secs(counted.ends().into());
            }
        }
        // A limit of nothing.
        Duration::from_secs(second.saturating_add(SECONDS).into())
    }
}

impl Second {
    /// When it leaves the window.
    fn ends(self) -> u32 {
        self.at.saturating_add(SECONDS)
    }
}

/// Whole seconds; there are more than a hundred years of them.
fn whole(since: Duration) -> u32 {
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_minute_has_more_than_the_limit_and_no_62_seconds_are_refused_without_need(
            limit in 1_u32..20,
            pauses in prop::collection::vec(0_u64..5_000, 1..300),
        ) {
            let start = Instant::now();
            let window = RateWindow::new(start);
            let (mut at, mut taken) = (Duration::ZERO, Vec::new());
            for pause in pauses {
                at += Duration::from_millis(pause);
                let within = |seconds| taken.iter().filter(|t| **t + Duration::from_secs(seconds) > at).count();
                match window.take(limit, start + at) {
                    Ok(left) => {
                        prop_assert!(within(60) < limit as usize && left < limit);
                        taken.push(at);
                    }
                    Err(wait) => {
                        prop_assert!(within(62) >= limit as usize, "{taken:?} {at:?}");
                        prop_assert!(wait > Duration::ZERO && wait <= Duration::from_secs(61));
                        prop_assert_eq!(window.wait(limit, start + at), wait);
                        prop_assert_eq!(window.wait(limit, start + at + wait), Duration::ZERO);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_charged_counts_whole_and_leaves_the_window_a_minute_later() {
        let start = Instant::now();
        let window = RateWindow::new(start);
        let at = |seconds| start + Duration::from_secs(seconds);
        let wait = |seconds| window.wait(100, at(seconds)).as_secs();

        window.charge(99, at(0));
        assert_eq!(wait(0), 0);
        window.charge(300, at(10));
        assert_eq!((wait(10), wait(61), wait(70), wait(71)), (61, 10, 1, 0));
        assert!(window.take(100, at(70)).is_err() && window.take(100, at(71)).is_ok());
        window.charge(u64::MAX, at(72));
        window.charge(u64::MAX, at(73));
        assert_eq!((wait(74), wait(133), wait(134)), (60, 1, 0));
    }

    #[test]
    fn a_window_that_was_busy_forgets_all_of_it() {
        let start = Instant::now();
        let window = RateWindow::new(start);
        let at = |seconds| start + Duration::from_secs(seconds);

        (0..300).for_each(|second| window.charge(2, at(second)));
        assert_eq!((window.wait(122, at(299)).as_secs(), window.wait(123, at(299)).as_secs()), (1, 0));
        assert_eq!((window.wait(1, at(299)).as_secs(), window.wait(1, at(360)).as_secs()), (61, 0));
        assert_eq!(window.take(2, at(360)), Ok(1));
    }

    #[test]
    fn many_at_once_charge_all_that_they_used() {
        let (window, start) = (RateWindow::new(Instant::now()), Instant::now());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..100).for_each(|_| window.charge(7, start)));
            }
        });

        assert!(window.wait(5_600, start) > Duration::ZERO);
        assert_eq!(window.wait(5_601, start), Duration::ZERO);
    }

    #[test]
    fn many_at_once_get_no_more_than_there_is() {
        let window = RateWindow::new(Instant::now());
        let taken: usize = std::thread::scope(|scope| {
            let take = || (0..100).filter(|_| window.take(250, Instant::now()).is_ok()).count();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });

        assert_eq!(taken, 250);
    }

    #[test]
    fn nothing_fits_into_a_limit_of_nothing_and_an_earlier_time_is_taken_for_the_latest() {
        let start = Instant::now();
        let window = RateWindow::new(start);

        assert!(window.take(0, start).is_err());
        assert_eq!(window.take(2, start + Duration::from_secs(100)), Ok(1));
        assert_eq!(window.take(2, start), Ok(0));
        assert!(window.take(2, start + Duration::from_secs(159)).is_err());
    }
}
