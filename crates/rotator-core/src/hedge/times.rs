use std::{
    fmt,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

/// How long answers took lately, in buckets that grow with the time: an eighth of it wide, at most.
///
/// Whenever there are [`Times::MOST`], half of each bucket is forgotten, so that it is about the last thousand or two.
/// Everybody may add at once; what is added while one forgets counts as before or after.
pub(super) struct Times {
    buckets: [AtomicU32; BUCKETS],
    /// How many are in the buckets.
    count: AtomicU32,
}

/// Each doubling of the time has so many buckets.
const STEPS: u32 = 8;
/// Up to 2³² microseconds, which is more than an hour; what takes longer is in the last one.
const BUCKETS: usize = 240;

impl Times {
    /// From fewer than this nothing can be told.
    const FEWEST: u32 = 20;
    const MOST: u32 = 2_000;

    pub(super) fn add(&self, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        self.buckets[bucket(micros)].fetch_add(1, Relaxed);
        // Each number is seen by one only. Should many come while that one forgets, the next is soon enough.
        if (self.count.fetch_add(1, Relaxed) + 1).is_multiple_of(Self::MOST) {
            self.forget();
        }
    }

    /// No more than one in twenty took as long as this, or longer; to an eighth.
    pub(super) fn p95(&self) -> Option<Duration> {
        let count = self.count.load(Relaxed);
        if count < Self::FEWEST {
            return None;
        }
        let (mut slower, most) = (0, count / 20);
        let last = self.buckets.iter().rposition(|bucket| {
            slower += bucket.load(Relaxed);
            slower > most
        });
        last.map(end_of)
    }

    fn forget(&self) {
        let halve = |bucket: &AtomicU32| {
            let before = bucket.fetch_update(Relaxed, Relaxed, |count| Some(count / 2)).unwrap_or_default();
            before.div_ceil(2)
        };
        let gone = self.buckets.iter().map(halve).sum();
        self.count.fetch_sub(gone, Relaxed);
    }
}

impl Default for Times {
    fn default() -> Self {
        Self { buckets: [const { AtomicU32::new(0) }; BUCKETS], count: AtomicU32::new(0) }
    }
}

impl fmt::Debug for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Times({} answers, p95 {:?})", self.count.load(Relaxed), self.p95())
    }
}

/// The place of a time: the number of its doublings, and the three binary digits that follow its first one.
fn bucket(micros: u32) -> usize {
    let doublings = micros.max(STEPS).ilog2() - STEPS.ilog2();
    // At most 28 · 8 + 15.
    (doublings * STEPS + (micros >> doublings)) as usize
}

/// Where the times of a bucket end.
fn end_of(bucket: usize) -> Duration {
    let (bucket, steps) = (bucket as u64, u64::from(STEPS));
    let doublings = (bucket / steps).saturating_sub(1);
    Duration::from_micros((bucket - doublings * steps + 1) << doublings)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn every_time_has_its_bucket() {
        assert_eq!((bucket(0), bucket(u32::MAX)), (0, BUCKETS - 1));
        assert_eq!((0..BUCKETS).map(end_of).collect::<Vec<_>>().windows(2).position(|w| w[0] >= w[1]), None);
    }

    #[test]
    fn nothing_is_told_of_few() {
        let times = Times::default();
        (1..Times::FEWEST).for_each(|_| times.add(ms(10)));

        assert_eq!(times.p95(), None);
        times.add(Duration::MAX);
        assert!(times.p95().is_some());
    }

    #[test]
    fn it_follows_what_changes_and_forgets_what_was() {
        let times = Times::default();
        (0..100_000).for_each(|_| times.add(ms(10)));
        (0..300).for_each(|_| times.add(ms(500)));
        assert!(times.p95().unwrap() > ms(500));

        (0..Times::MOST * 4).for_each(|_| times.add(ms(10)));
        assert!(times.p95().unwrap() < ms(12));
    }

    #[test]
    fn what_many_add_at_once_is_counted_once() {
        let times = Times::default();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (1..20_000).for_each(|n| times.add(Duration::from_micros(n))));
            }
        });

        let sum: u32 = times.buckets.iter().map(|bucket| bucket.load(Relaxed)).sum();
        assert_eq!(sum, times.count.load(Relaxed));
        assert!(sum < 2 * Times::MOST);
    }

    proptest! {
        #[test]
        fn a_time_is_before_the_end_of_its_bucket_by_no_more_than_an_eighth(micros: u32) {
            let (time, end) = (Duration::from_micros(micros.into()), end_of(bucket(micros)));

            prop_assert!(time < end && end <= time + time / 8 + Duration::from_micros(1), "{time:?} {end:?}");
        }

        #[test]
        fn one_in_twenty_takes_longer_to_an_eighth(
            micros in prop::collection::vec(0_u32..1 << 24, 20..1_500),
        ) {
            let times = Times::default();
            for micros in &micros {
                times.add(Duration::from_micros((*micros).into()));
            }

            let p95 = times.p95().unwrap();
            let mut sorted = micros;
            sorted.sort_unstable();
            let exact = Duration::from_micros(sorted[sorted.len() - 1 - sorted.len() / 20].into());
            prop_assert!(exact < p95 && p95 <= exact + exact / 8 + Duration::from_micros(1), "{exact:?} {p95:?}");
        }
    }
}
