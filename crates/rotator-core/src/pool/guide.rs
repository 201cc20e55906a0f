/// Sorted numbers among which a place is found in expected constant time, however many there are.
///
/// A guide table (Chen and Asau, 1974) cuts their range into about as many buckets as there are numbers and knows
/// how many numbers lie before each bucket; only the one or two inside a bucket are left to be searched.
pub(super) struct GuideTable {
    numbers: Box<[u64]>,
    /// For each bucket, how many numbers lie before it; then, once more, how many there are.
    before: Box<[u32]>,
    /// A number's bucket is the number without this many low bits.
    shift: u32,
}

impl GuideTable {
    /// Of numbers in ascending order.
    pub(super) fn new(numbers: Box<[u64]>) -> Self {
        let top = numbers.last().copied().unwrap_or(0);
        let bucket_bits = numbers.len().next_power_of_two().ilog2();
        let number_bits = u64::BITS - top.leading_zeros();
        let shift = number_bits.saturating_sub(bucket_bits).min(u64::BITS - 1);
        let mut before = vec![0; index(top >> shift) + 2].into_boxed_slice();
        for number in &numbers {
            before[index(number >> shift) + 1] += 1;
        }
        for bucket in 1..before.len() {
            before[bucket] += before[bucket - 1];
        }
        Self { numbers, before, shift }
    }

    /// How many of the numbers are at most `x`: the place of the first that is greater.
    pub(super) fn place_after(&self, x: u64) -> usize {
        let bucket = index(x >> self.shift);
        let (Some(&from), Some(&to)) = (self.before.get(bucket), self.before.get(bucket + 1)) else {
            return self.numbers.len();
        };
        let (from, to) = (from as usize, to as usize);
        from + self.numbers[from..to].partition_point(|number| *number <= x)
    }
}

/// A bucket's index. Saturates where `usize` is too small, which is then beyond every bucket.
fn index(bucket: u64) -> usize {
    usize::try_from(bucket).unwrap_or(usize::MAX - 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_is_the_one_that_a_plain_search_finds(
            mut numbers in prop::collection::vec(prop_oneof![any::<u64>(), 0..50_u64, Just(u64::MAX)], 0..60),
            xs in prop::collection::vec(prop_oneof![any::<u64>(), 0..60_u64], 1..60),
        ) {
            numbers.sort_unstable();
            let table = GuideTable::new(numbers.clone().into());

            for x in xs.into_iter().chain(numbers.iter().copied()) {
                prop_assert_eq!(table.place_after(x), numbers.partition_point(|number| *number <= x));
            }
        }
    }
}
