use std::{
    sync::atomic::{
        AtomicU32, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
    time::{Duration, Instant},
};

/// Whether an address works: open after some failures in a row, for a time that grows; then one request finds out.
///
/// Everybody may ask and tell at once. Two who fail together count twice, which harms nothing.
#[derive(Debug)]
pub struct Breaker {
    epoch: Instant,
    failures: AtomicU32,
    /// Milliseconds since the epoch until which it is open.
    open_until: AtomicU64,
}

impl Breaker {
    /// This many failures in a row open it.
    pub const FAILURES: u32 = 5;
    /// It is open no longer than this.
    pub const LONGEST: Duration = Duration::from_mins(1);
    /// It is open this long at first, then twice as long after each failure more.
    const FIRST: Duration = Duration::from_secs(2);

    /// Of an address of which nothing is known.
    pub fn new(epoch: Instant) -> Self {
        Self { epoch, failures: AtomicU32::new(0), open_until: AtomicU64::new(0) }
    }

    /// Whether requests had better go elsewhere.
    pub fn is_open(&self, now: Instant) -> bool {
        self.failures.load(Acquire) >= Self::FAILURES && self.millis(now) < self.open_until.load(Acquire)
    }

    /// Whether a request may go there. If nothing has succeeded since it was open, it is the only one for a while: it
    /// finds out.
    pub fn enter(&self, now: Instant) -> bool {
        let failures = self.failures.load(Acquire);
        if failures < Self::FAILURES {
            return true;
        }
        let (until, now) = (self.open_until.load(Acquire), self.millis(now));
        let next = now + millis(Self::pause(failures));
        now >= until && self.open_until.compare_exchange(until, next, AcqRel, Relaxed).is_ok()
    }

    /// What came of a request.
    pub fn note(&self, success: bool, now: Instant) {
        if !success {
            let failures = self.failures.fetch_add(1, AcqRel).saturating_add(1);
            if failures >= Self::FAILURES {
                let until = self.millis(now) + millis(Self::pause(failures));
                self.open_until.store(until, Release);
            }
        } else if self.failures.load(Relaxed) > 0 {
            self.failures.store(0, Release);
        }
    }

    fn pause(failures: u32) -> Duration {
        let doublings = failures.saturating_sub(Self::FAILURES).min(16);
        Self::FIRST.saturating_mul(1 << doublings).min(Self::LONGEST)
    }

    fn millis(&self, at: Instant) -> u64 {
        millis(at.saturating_duration_since(self.epoch))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_only_and_for_a_growing_time() {
        let start = Instant::now();
        let breaker = Breaker::new(start);
        for _ in 0..10 {
            (1..Breaker::FAILURES).for_each(|_| breaker.note(false, start));
            assert!(breaker.enter(start));
            breaker.note(true, start);
        }

        (0..Breaker::FAILURES).for_each(|_| breaker.note(false, start));
        assert!(!breaker.enter(start + Duration::from_millis(1_999)));
        let mut now = start + Breaker::FIRST;
        for pause in [4, 8, 16, 32, 60, 60] {
            assert!(breaker.enter(now) && !breaker.enter(now), "one request finds out");
            breaker.note(false, now);
            assert!(!breaker.enter(now + Duration::from_millis(1_000 * pause - 1)), "{pause}");
            now += Duration::from_secs(pause);
        }
        assert!(breaker.enter(now));
        breaker.note(true, now);
        assert!(breaker.enter(now) && breaker.enter(now));
    }

    #[test]
    fn a_request_that_was_to_find_out_and_never_told_does_not_keep_it_open() {
        let start = Instant::now();
        let breaker = Breaker::new(start);
        (0..Breaker::FAILURES).for_each(|_| breaker.note(false, start));

        assert!(breaker.enter(start + Breaker::FIRST));
        assert!(breaker.enter(start + Breaker::LONGEST));
    }
}
