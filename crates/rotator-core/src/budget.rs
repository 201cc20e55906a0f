//! How much may be sent beside what clients ask for.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A share of a config's requests: each of them earns a part of what one costs that is sent in addition. While everything
/// fails or is slow, that would otherwise multiply the load that made it so.
#[derive(Debug)]
pub struct Budget {
    /// What is there: each request adds 1.
    saved: AtomicU32,
    /// What one in addition costs.
    price: u32,
}

impl Budget {
    /// No more than this many are saved up.
    const MOST: u32 = 3;

    /// For requests that are sent again because their upstream failed: one in five, and three to begin with.
    pub fn of_retries() -> Self {
        const PRICE: u32 = 5;
        Self { saved: AtomicU32::new(PRICE * Self::MOST), price: PRICE }
    }

    /// For requests that are sent twice because the answer is late: one in twenty, and none to begin with.
    pub fn of_hedges() -> Self {
        Self { saved: AtomicU32::new(0), price: 20 }
    }

    /// A request came. While nothing is spent, nothing is written.
    pub fn earn(&self) {
        if self.saved.load(Relaxed) < self.price * Self::MOST {
            self.saved.fetch_add(1, Relaxed);
        }
    }

    /// Whether one may be sent in addition; it has been, then.
    pub fn spend(&self) -> bool {
        self.saved.fetch_update(Relaxed, Relaxed, |saved| saved.checked_sub(self.price)).is_ok()
    }

    /// It was not sent after all.
    pub fn give_back(&self) {
        self.saved.fetch_add(self.price, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_retries_are_there_at_once_and_then_one_for_five_requests() {
        let budget = Budget::of_retries();
        assert_eq!([(); 4].map(|()| budget.spend()), [true, true, true, false]);

        let retries = (0..1_000).filter(|_| {
            budget.earn();
            budget.spend()
        });
        assert_eq!(retries.count(), 200);
    }

    #[test]
    fn quiet_times_save_up_no_more_than_three() {
        for budget in [Budget::of_retries(), Budget::of_hedges()] {
            (0..1_000).for_each(|_| budget.earn());

            assert_eq!((0..10).filter(|_| budget.spend()).count(), 3);
        }
    }

    #[test]
    fn what_was_not_sent_can_be_spent_again() {
        let budget = Budget::of_hedges();
        (0..20).for_each(|_| budget.earn());

        assert!(budget.spend() && !budget.spend());
        budget.give_back();
        assert!(budget.spend() && !budget.spend());
    }

    proptest! {
        #[test]
        fn hedges_are_never_more_than_a_twentieth_of_the_requests_so_far(is_late in prop::collection::vec(any::<bool>(), 0..600)) {
            let budget = Budget::of_hedges();
            let mut hedges = 0;
            for (requests, is_late) in (1_usize..).zip(is_late) {
                budget.earn();
                hedges += usize::from(is_late && budget.spend());
                prop_assert!(hedges * 20 <= requests);
            }
        }
    }
}
