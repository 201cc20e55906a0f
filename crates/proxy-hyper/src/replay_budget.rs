//! How much memory the request bodies that are kept to be sent again may take.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The bytes that all kept request bodies may take together.
#[derive(Debug)]
pub(crate) struct ReplayBudget {
    free: AtomicUsize,
}

impl ReplayBudget {
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { free: AtomicUsize::new(bytes) })
    }

    /// `false` when there are not so many left.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        self.free.fetch_update(Relaxed, Relaxed, |free| free.checked_sub(bytes)).is_ok()
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.free.fetch_add(bytes, Relaxed);
    }
}
