use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Tokens that a request to an LLM used. No token is in two buckets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Of the prompt, but for those of the provider's cache.
    pub input: u64,
    /// Of the prompt, read from the provider's cache.
    pub cached_read: u64,
    /// Of the prompt, written to the provider's cache.
    pub cache_write: u64,
    /// Of the answer, but for its reasoning where that is told.
    pub output: u64,
    /// Of the reasoning before the answer, where it is told.
    pub reasoning: u64,
}

/// Tokens that all requests of a service used since the start.
#[derive(Debug, Default)]
pub struct TokenCounts([AtomicU64; Tokens::BUCKETS.len()]);

impl Tokens {
    /// What its buckets are called, in their order.
    pub const BUCKETS: [&str; 5] = ["input", "cached_read", "cache_write", "output", "reasoning"];

    /// Its buckets, in the order of their names.
    pub fn buckets(self) -> [u64; Self::BUCKETS.len()] {
        [self.input, self.cached_read, self.cache_write, self.output, self.reasoning]
    }

    /// All of them.
    pub fn total(self) -> u64 {
        self.buckets().into_iter().fold(0, u64::saturating_add)
    }
}

impl TokenCounts {
    /// Counts what a request used.
    pub fn add(&self, tokens: Tokens) {
        self.0.iter().zip(tokens.buckets()).for_each(|(count, tokens)| {
            count.fetch_add(tokens, Relaxed);
        });
    }

    /// What has been counted, in the order of [`Tokens::BUCKETS`].
    pub fn get(&self) -> [u64; Tokens::BUCKETS.len()] {
        self.0.each_ref().map(|count| count.load(Relaxed))
    }
}
