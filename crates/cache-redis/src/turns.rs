//! Whose turn it is: a counter in Redis for each pool. While Redis is away, each instance counts on by itself.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use deadpool_redis::redis::{self, Pipeline, RedisResult};
use rotator_core::{
    cache::{Scope, Turn, Turns},
    model::ConfigId,
};
use tokio::sync;

use crate::{
    Error,
    link::{Link, Live, Wire},
    names::Names,
};

/// The counters of all pools. One is kept for the life of the process: its pool may be built anew.
pub(crate) struct Pools {
    counters: Mutex<HashMap<ConfigId, Arc<Counter>>>,
    names: Arc<Names>,
    link: Arc<Link>,
    block: NonZeroU32,
    budget: Duration,
}

pub(crate) struct Counter {
    name: String,
    link: Arc<Link>,
    /// How many turns are taken from Redis at a time.
    block: u64,
    /// How long Redis may take.
    budget: Duration,
    /// The turn after the last one that this instance knows of.
    known: AtomicU64,
    /// Turns that are ours, and were not given out yet.
    stock: Mutex<Range<u64>>,
    /// Held by the one who fetches a block: the others wait for it.
    fetching: sync::Mutex<()>,
}

const RAISE: &str = include_str!("scripts/raise.lua");

impl Pools {
    pub(crate) fn new(names: Arc<Names>, link: Arc<Link>, block: NonZeroU32, budget: Duration) -> Self {
        Self { counters: Mutex::default(), names, link, block, budget }
    }

    pub(crate) fn turns(&self, pool: ConfigId) -> Arc<dyn Turns> {
        self.counter(pool)
    }

    pub(crate) fn counter(&self, pool: ConfigId) -> Arc<Counter> {
        Arc::clone(self.counters().entry(pool).or_insert_with(|| self.counter_of(Scope::Keys(pool))))
    }

    /// A counter of whatever is in this scope.
    pub(crate) fn counter_of(&self, scope: Scope) -> Arc<Counter> {
        Arc::new(Counter {
            name: self.names.of(scope).turns(),
            link: Arc::clone(&self.link),
            block: self.block.get().into(),
            budget: self.budget,
            known: AtomicU64::new(0),
            stock: Mutex::default(),
            fetching: sync::Mutex::default(),
        })
    }

    /// What lets Redis go on from where this instance is: it counted by itself, or Redis has lost its data.
    pub(crate) fn catch_up(&self) -> Pipeline {
        let mut pipeline = redis::pipe();
        for counter in self.counters().values() {
            let known = counter.known();
            if known > 0 {
                pipeline.cmd("EVAL").arg(RAISE).arg(1).arg(&counter.name).arg(known).ignore();
            }
        }
        pipeline
    }

    fn counters(&self) -> MutexGuard<'_, HashMap<ConfigId, Arc<Counter>>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counter {
    /// A turn from Redis; one of our own counting if it takes too long.
    async fn shared(&self, live: Arc<Live>) -> u64 {
        // The wait for somebody else's block counts too.
        let wire = live.own();
        let turn: Result<u64, Error> = live.ask_on(&wire, self.budget, self.fetch(&wire)).await;
        turn.unwrap_or_else(|_| self.own())
    }

    async fn fetch(&self, wire: &Wire) -> RedisResult<u64> {
        if self.block == 1 {
            return Ok(self.take_block(wire).await?.start);
        }
        let _fetching = self.fetching.lock().await;
        if let Some(turn) = self.stocked() {
            return Ok(turn);
        }
        let mut block = self.take_block(wire).await?;
        let turn = block.next().unwrap_or_default();
        *self.stock() = block;
        Ok(turn)
    }

    async fn take_block(&self, wire: &Wire) -> RedisResult<Range<u64>> {
        let mut command = redis::cmd("INCRBY");
        command.arg(&self.name).arg(self.block);
        let end: u64 = command.query_async(&mut wire.connection()).await?;
        self.learn(end);
        Ok(end.saturating_sub(self.block)..end)
    }

    /// A turn of our own counting.
    pub(crate) fn own(&self) -> u64 {
        self.known.fetch_add(1, Relaxed)
    }

    /// The turn after the last one that this instance knows of.
    pub(crate) fn known(&self) -> u64 {
        self.known.load(Relaxed)
    }

    /// All turns before this one have been taken.
    pub(crate) fn learn(&self, next: u64) {
        self.known.fetch_max(next, Relaxed);
    }

    fn stocked(&self) -> Option<u64> {
        self.stock().next()
    }

    fn stock(&self) -> MutexGuard<'_, Range<u64>> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns for Counter {
    fn next(&self) -> Turn<'_> {
        if self.block > 1
            && let Some(turn) = self.stocked()
        {
            return Turn::Now(turn);
        }
        match self.link.live() {
            Ok(live) => Turn::Later(Box::pin(self.shared(live))),
            Err(_) => Turn::Now(self.own()),
        }
    }

    fn upcoming(&self) -> u64 {
        let stock = self.stock();
        if stock.is_empty() { self.known() } else { stock.start }
    }
}
