//! The way to Redis, and whether it is open.
//!
//! On a connection, commands follow each other without waiting for answers; so hundreds may be under way, and cost a
//! system call or two together. Each worker has one of its own, which its own thread drives: what goes from thread to
//! thread costs twice as much. All of them are one circuit breaker: when Redis fails on one, nobody asks any more until
//! [`keeper`](crate::keeper) has opened another. One that is merely cut while the others work is replaced: what lies
//! between may give up on each of them alone.

use std::{
    collections::HashMap,
    convert::Infallible,
    ptr,
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread::{self, ThreadId},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use deadpool_redis::{
    Connection, Pool,
    redis::{self, RedisResult, aio::MultiplexedConnection},
};
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::Error;

/// The way to Redis.
#[derive(Default)]
pub(crate) struct Link(ArcSwapOption<Live>);

/// Connections that work, as far as one knows.
pub(crate) struct Live {
    /// Driven by the keeper's thread.
    common: Arc<Wire>,
    /// Of threads that take turns; `None` until it is there, or is to be opened once more.
    own: RwLock<HashMap<ThreadId, Option<Arc<Wire>>>>,
    /// Opens more.
    pool: Pool,
    /// Why they are of no use any more.
    fault: OnceLock<String>,
    broke: Notify,
}

/// One connection.
pub(crate) struct Wire {
    connection: MultiplexedConnection,
    /// Commands in a row that got no answer in time, or an error.
    misses: AtomicU32,
}

/// A connection that was lost says so; of what else goes wrong, so many in a row are too many.
const MANY_MISSES: u32 = 3;
/// After so long, another try is made to open a worker's connection.
const UNTIL_NEXT_TRY: Duration = Duration::from_secs(5);

impl Link {
    /// The connections, while there are any.
    pub(crate) fn live(&self) -> Result<Arc<Live>, Error> {
        self.0.load_full().filter(|live| live.fault.get().is_none()).ok_or(Error::Away)
    }

    pub(crate) fn open(&self, live: Arc<Live>) {
        self.0.store(Some(live));
    }

    pub(crate) fn close(&self) {
        self.0.store(None);
    }
}

impl Wire {
    fn new(connection: Connection) -> Arc<Self> {
        // It never goes back into the pool: once it fails, it is of no use.
        Arc::new(Self { connection: Connection::take(connection), misses: AtomicU32::new(0) })
    }

    /// A handle of the connection.
    pub(crate) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }
}

impl Live {
    pub(crate) fn new(connection: Connection, pool: Pool) -> Self {
        Self {
            common: Wire::new(connection),
            own: RwLock::default(),
            pool,
            fault: OnceLock::new(),
            broke: Notify::new(),
        }
    }

    /// The connection that serves all threads.
    pub(crate) fn connection(&self) -> MultiplexedConnection {
        self.common.connection()
    }

    /// The connection of this thread; until that is there, the one that serves all.
    pub(crate) fn own(self: &Arc<Self>) -> Arc<Wire> {
        let here = thread::current().id();
        if let Some(own) = self.own.read().unwrap_or_else(PoisonError::into_inner).get(&here) {
            return Arc::clone(own.as_ref().unwrap_or(&self.common));
        }
        self.keep(here, None);
        let live = Arc::clone(self);
        // Here, so that this thread's runtime drives it.
        tokio::spawn(async move {
            if let Ok(connection) = live.pool.get().await {
                live.keep(here, Some(Wire::new(connection)));
            } else {
                sleep(UNTIL_NEXT_TRY).await;
                live.own.write().unwrap_or_else(PoisonError::into_inner).remove(&here);
            }
        });
        Arc::clone(&self.common)
    }

    fn keep(&self, thread: ThreadId, own: Option<Arc<Wire>>) {
        self.own.write().unwrap_or_else(PoisonError::into_inner).insert(thread, own);
    }

    /// The worker that has this connection opens another one when it needs it.
    fn replace(&self, wire: &Wire) {
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        own.retain(|_, own| own.as_ref().is_none_or(|own| !ptr::eq(Arc::as_ptr(own), wire)));
    }

    /// Uses each worker's connection now and then: one that is idle is given up by Redis, or by what lies between. Finds
    /// out as well which have been.
    pub(crate) async fn keep_in_use(&self, period: Duration, patience: Duration) -> Infallible {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for wire in self.owned() {
                let ping = redis::cmd("PING");
                if self.ask_on(&wire, patience, ping.exec_async(&mut wire.connection())).await.is_err() {
                    self.replace(&wire);
                }
            }
        }
    }

    fn owned(&self) -> Vec<Arc<Wire>> {
        self.own.read().unwrap_or_else(PoisonError::into_inner).values().flatten().cloned().collect()
    }

    /// Waits for an answer on the connection that serves all threads, no longer than `patience`.
    pub(crate) async fn ask<T>(
        &self,
        patience: Duration,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Error> {
        self.ask_on(&self.common, patience, answer).await
    }

    /// Waits for an answer on this connection. What comes of it tells how all of them are, unless one of a worker is cut: if
    /// Redis is gone, the one that serves all threads is cut too, and soon asked.
    pub(crate) async fn ask_on<T>(
        &self,
        wire: &Wire,
        patience: Duration,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Error> {
        let failed = match timeout(patience, answer).await {
            Ok(Ok(value)) => {
                if wire.misses.load(Relaxed) > 0 {
                    wire.misses.store(0, Relaxed);
                }
                return Ok(value);
            }
            Ok(Err(error)) => Error::from(error),
            Err(_) => Error::Slow(patience),
        };
        let is_cut = matches!(failed, Error::Broken(_));
        if is_cut && !ptr::eq(wire, Arc::as_ptr(&self.common)) {
            self.replace(wire);
            return Err(failed);
        }
        let misses = wire.misses.fetch_add(1, Relaxed) + 1;
        if misses >= MANY_MISSES || is_cut {
            self.fault.get_or_init(|| failed.to_string());
            self.broke.notify_one();
        }
        Err(failed)
    }

    /// Ends when the connections are of no use any more; answers why.
    pub(crate) async fn broken(&self) -> &str {
        self.broke.notified().await;
        self.fault.get().map_or("", String::as_str)
    }
}
