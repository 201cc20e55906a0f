use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How many requests or tokens there were in the last minute, to the second: never more than a limit in any minute, and
/// up to a second's worth fewer.
#[derive(Debug)]
pub struct RateWindow {
    epoch: Instant,
    seconds: Mutex<Seconds>,
}

/// The second that runs is counted whole, and so is the one that is half out of the minute.
const SECONDS: u64 = 61;
const PLACES: usize = 61;

#[derive(Debug, Clone)]
struct Seconds {
    counts: [u64; PLACES],
    sum: u64,
    /// The latest second that something was counted in.
    latest: u64,
}

impl RateWindow {
    /// One in which nothing has been counted.
    pub fn new(epoch: Instant) -> Self {
        let seconds = Seconds { counts: [0; PLACES], sum: 0, latest: 0 };
        Self { epoch, seconds: Mutex::new(seconds) }
    }

    /// Counts one request, unless that would make more than `limit` in a minute. Tells how many more there may be, or
    /// how long until there is room.
    pub fn take(&self, limit: u32, now: Instant) -> Result<u32, Duration> {
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now.saturating_duration_since(self.epoch);
        seconds.advance(since.as_secs());
        if seconds.sum >= limit.into() {
            return Err(seconds.until_room(limit).saturating_sub(since));
        }
        seconds.add(1);
        let sum = u32::try_from(seconds.sum).unwrap_or(limit);
        Ok(limit.saturating_sub(sum))
    }

    /// Counts what has been used already, however much there is room for.
    pub fn charge(&self, count: u64, now: Instant) {
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        seconds.advance(now.saturating_duration_since(self.epoch).as_secs());
        seconds.add(count);
    }

    /// How long until there is room for one more; nothing if there is.
    pub fn wait(&self, limit: u32, now: Instant) -> Duration {
        // A copy, because asking about a later time must not forget what is still in the window.
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let since = now.saturating_duration_since(self.epoch);
        seconds.advance(since.as_secs());
        if seconds.sum < limit.into() {
            Duration::ZERO
        } else {
            seconds.until_room(limit).saturating_sub(since)
        }
    }
}

impl Seconds {
    /// Forgets what has left the window. A time before the latest counts as that.
    fn advance(&mut self, second: u64) {
        let passed = second.saturating_sub(self.latest).min(SECONDS);
        for second in self.latest + 1..=self.latest + passed {
            let count = std::mem::take(&mut self.counts[place(second)]);
            self.sum -= count;
        }
        self.latest = self.latest.max(second);
    }

    fn add(&mut self, count: u64) {
        // Absurd counts must not overflow the sum.
        let added = count.min(u64::MAX - self.sum);
        self.counts[place(self.latest)] += added;
        self.sum += added;
    }

    /// When fewer than `limit` will be left, counted from the epoch.
    fn until_room(&self, limit: u32) -> Duration {
        let mut left = self.sum;
        let oldest = self.latest.saturating_sub(SECONDS - 1);
        for second in oldest..=self.latest {
            left -= self.counts[place(second)];
            if left < limit.into() {
                return Duration::from_secs(second + SECONDS);
            }
        }
        // A limit of nothing.
        Duration::from_secs(self.latest + SECONDS)
    }
}

fn place(second: u64) -> usize {
    // The remainder is smaller than a minute, so it fits.
    usize::try_from(second % SECONDS).unwrap_or(0)
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
        assert_eq!((wait(74), wait(133), wait(134)), (59, 0, 0));
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
