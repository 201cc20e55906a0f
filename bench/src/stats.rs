//! The few statistics that a fair comparison needs.

use std::time::Duration;

/// The smallest value that `percent` of a hundred of the sorted values do not exceed; zero of no values.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// The middle value, or the mean of the two in the middle; not a number of no values.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// The median of the ratios of values that were measured one beside the other, so that what slows the machine for a
/// while slows both of a pair.
pub(crate) fn paired_ratio(values: &[f64], base: &[f64]) -> f64 {
    median(values.iter().zip(base).map(|(value, base)| value / base))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-9, "{left} is not {right}");
    }

    #[test]
    fn a_percentile_is_a_value_that_occurred() {
        let sorted: Vec<_> = (1..=200).map(Duration::from_micros).collect();

        assert_eq!(percentile(&sorted, 50), Duration::from_micros(100));
        assert_eq!(percentile(&sorted, 99), Duration::from_micros(198));
        assert_eq!(percentile(&sorted[..1], 99), Duration::from_micros(1));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }

    #[test]
    fn a_median_ignores_order_and_outliers() {
        assert_close(median([9.0, 1.0, 1000.0]), 9.0);
        assert_close(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median([]).is_nan());
    }

    #[test]
    fn pairs_are_compared_before_the_median_is_taken() {
        let (ours, theirs) = ([1.0, 20.0, 3.0], [2.0, 10.0, 6.0]);

        assert_close(paired_ratio(&ours, &theirs), 0.5);
    }
}
