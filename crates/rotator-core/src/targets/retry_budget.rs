use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How often a config's requests may be sent again because their upstream failed: a fifth as often as there are
/// requests, and three times more. While everything fails, retries would otherwise multiply the load that made it fail.
#[derive(Debug)]
pub struct RetryBudget {
    /// In fifths of a retry.
    fifths: AtomicU32,
}

impl RetryBudget {
    /// What one retry costs.
    const RETRY: u32 = 5;
    const MOST: u32 = 3 * Self::RETRY;

    /// A full one.
    pub fn new() -> Self {
        Self { fifths: AtomicU32::new(Self::MOST) }
    }

    /// A request came. While all goes well, nothing is written.
    pub fn earn(&self) {
        if self.fifths.load(Relaxed) < Self::MOST {
            self.fifths.fetch_add(1, Relaxed);
        }
    }

    /// Whether a request may be sent again; it has been, then.
    pub fn spend(&self) -> bool {
        self.fifths.fetch_update(Relaxed, Relaxed, |fifths| fifths.checked_sub(Self::RETRY)).is_ok()
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_retries_are_there_at_once_and_then_one_for_five_requests() {
        let budget = RetryBudget::new();
        assert_eq!([(); 4].map(|()| budget.spend()), [true, true, true, false]);

        let retries = (0..1_000).filter(|_| {
            budget.earn();
            budget.spend()
        });
        assert_eq!(retries.count(), 200);
    }

    #[test]
    fn quiet_times_save_up_no_more_than_three() {
        let budget = RetryBudget::new();
        (0..1_000).for_each(|_| budget.earn());

        assert_eq!((0..10).filter(|_| budget.spend()).count(), 3);
    }
}
