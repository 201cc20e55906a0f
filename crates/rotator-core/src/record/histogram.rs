/// How long things took: how many of them, in buckets each twice as wide as the one before. Any two can be added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histogram([u64; Self::BUCKETS]);

/// The first bucket is for what is quicker than 2^`FIRST` microseconds, a millisecond; the last one for what is slower
/// than four minutes.
const FIRST: u32 = 10;

impl Histogram {
    /// How many buckets there are.
    pub const BUCKETS: usize = 20;

    /// The histogram with so many in each bucket.
    pub fn of(buckets: [u64; Self::BUCKETS]) -> Self {
        Self(buckets)
    }

    /// The bucket for something that took so many microseconds.
    pub(super) fn bucket(micros: u64) -> usize {
        let octave = micros.max(1).ilog2().saturating_sub(FIRST - 1);
        usize::try_from(octave).unwrap_or(Self::BUCKETS).min(Self::BUCKETS - 1)
    }

    /// The time in microseconds that so many in a hundred do not exceed, as if the times in a bucket lay evenly apart;
    /// `None` where there are none.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let total: u64 = self.0.iter().sum();
        let mut rank = (total.saturating_mul(percent)).div_ceil(100).max(1);
        for (bucket, count) in (0..).zip(self.0) {
            if rank <= count {
                let start = if bucket == 0 { 0 } else { 1 << (FIRST + bucket - 1) };
                let width = (1_u64 << (FIRST + bucket)) - start;
                let offset = u128::from(width) * u128::from(2 * rank - 1) / u128::from(2 * count);
                return Some(start + u64::try_from(offset).unwrap_or(width));
            }
            rank -= count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: &[u64]) -> Histogram {
        let mut buckets = [0; Histogram::BUCKETS];
        for time in times {
            buckets[Histogram::bucket(*time)] += 1;
        }
        Histogram::of(buckets)
    }

    #[test]
    fn each_bucket_is_twice_as_wide_as_the_one_before() {
        for (micros, bucket) in [
            (0, 0),
            (1_023, 0),
            (1_024, 1),
            (2_047, 1),
            (2_048, 2),
            ((1 << 28) - 1, 18),
            (1 << 28, 19),
            (u64::MAX, 19),
        ] {
            assert_eq!(Histogram::bucket(micros), bucket, "{micros}");
        }
    }

    #[test]
    fn percentiles_lie_within_the_bucket_that_they_are_in() {
        let times = of(&[&[500; 90][..], &[3_000; 9], &[900_000_000]].concat());

        assert_eq!(times.percentile(50), Some(563));
        assert_eq!(times.percentile(95), Some(3_072));
        assert_eq!(times.percentile(99), Some(3_982));
        assert_eq!(times.percentile(100), Some(402_653_184));
        assert_eq!(of(&[70_000]).percentile(50), Some(98_304));
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(of(&[]).percentile(50), None);
    }
}
