use std::num::NonZeroU64;

use super::guide::GuideTable;
use crate::model::Weight;

/// Turns to keys by weight: exact, smooth, and without a state of its own.
///
/// Every key owns as many neighbouring positions on a circle as its weight says. A turn lands one *stride* after the
/// turn before it. The stride has no common divisor with the size of the circle, so that a cycle of turns lands on
/// every position exactly once; and it is close to the golden section of the circle, so that few turns in a row
/// spread over the circle about as evenly as any sequence can.
pub(super) struct WeightTable {
    /// Where each key's positions end.
    ends: GuideTable,
    /// How many positions there are, and turns in a cycle.
    circle: NonZeroU64,
    /// At most `circle`. A product of two such numbers fits into 64 bits up to four million keys of the largest weight.
    stride: u64,
}

/// 2^64 divided by the golden ratio.
const GOLDEN_SECTION: u128 = 0x9E37_79B9_7F4A_7C15;
/// How far from the golden section a stride is looked for. Numbers without a common divisor with the circle are
/// never so far apart.
const REACH: u64 = 64;

impl WeightTable {
    pub(super) fn new(weights: impl Iterator<Item = Weight>) -> Self {
        let weights: Vec<u64> = weights.map(|weight| u64::from(weight.get())).collect();
        // 100 : 200 is 1 : 2, in a cycle of three turns.
        let divisor = weights.iter().fold(0, |divisor, weight| euclid(*weight, divisor).divisor).max(1);
        let mut end = 0;
        let ends: Box<[u64]> = weights
            .iter()
            .map(|weight| {
                end += weight / divisor;
                end
            })
            .collect();
        let circle = NonZeroU64::new(end).unwrap_or(NonZeroU64::MIN);
        Self { ends: GuideTable::new(ends), circle, stride: stride(circle.get()) }
    }

    /// After how many turns it begins anew.
    pub(super) fn cycle(&self) -> u64 {
        self.circle.get()
    }

    /// The index of the key whose turn it is, or if that rests, of another by chance: the share of one that rests goes to
    /// the others by their weights. One that rests where hardly any other does not.
    pub(super) fn among(&self, turn: u64, is_available: impl Fn(usize) -> bool) -> usize {
        const DRAWS: usize = 16;
        let chosen = self.at(turn);
        if is_available(chosen) {
            return chosen;
        }
        let mut draws = (0..DRAWS).map(|_| self.at(fastrand::u64(..)));
        draws.find(|index| is_available(*index)).unwrap_or(chosen)
    }

    /// The index of the key whose turn it is.
    fn at(&self, turn: u64) -> usize {
        let position = turn % self.circle * self.stride % self.circle;
        self.ends.place_after(position)
    }
}

/// The stride near the golden section of the circle that spreads best: without a common divisor with the circle, and
/// with the smallest sum of partial quotients, which bounds how uneven the sequence can become (Niederreiter, 1978).
fn stride(circle: u64) -> u64 {
    let golden = u64::try_from((u128::from(circle) * GOLDEN_SECTION) >> u64::BITS).unwrap_or(circle);
    (golden.saturating_sub(REACH).max(1)..=golden.saturating_add(REACH).min(circle))
        .map(|stride| (stride, euclid(circle, stride)))
        .filter(|(_, ratio)| ratio.divisor == 1)
        .min_by_key(|(stride, ratio)| (ratio.quotients, stride.abs_diff(golden)))
        .map_or(1, |(stride, _)| stride)
}

struct Ratio {
    /// The greatest common divisor.
    divisor: u64,
    /// The sum of the partial quotients of the continued fraction.
    quotients: u64,
}

fn euclid(mut a: u64, mut b: u64) -> Ratio {
    let mut quotients = 0;
    while b != 0 {
        quotients += a / b;
        (a, b) = (b, a % b);
    }
    Ratio { divisor: a, quotients }
}
