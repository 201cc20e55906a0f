//! How much memory may be taken by what is kept of request bodies.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use crate::settings::ClientLimits;

/// The budgets of all workers together: an estimate is wanted less than another key, and must not take its room.
#[derive(Debug, Clone)]
pub(crate) struct Budgets {
    /// For bodies that can be sent again.
    pub(crate) replay: Arc<ByteBudget>,
    /// For the beginnings of prompts, while nobody knows how many tokens they are.
    pub(crate) prompts: Arc<ByteBudget>,
}

/// The bytes that all that is kept for one purpose may take together.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    free: AtomicUsize,
}

impl Budgets {
    pub(crate) fn of(limits: &ClientLimits) -> Self {
        Self {
            replay: ByteBudget::new(limits.replay_budget_bytes),
            prompts: ByteBudget::new(limits.prompt_budget_bytes),
        }
    }
}

impl ByteBudget {
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
