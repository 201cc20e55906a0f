//! The way to Redis, and whether it is open.
//!
//! On a connection, commands follow each other without waiting for answers; so hundreds may be under way, and cost a
//! system call or two together. Each worker has one of its own, which its own thread drives: what goes from thread to
//! thread costs twice as much. All of them are one circuit breaker: when one fails, nobody asks any more until
//! [`keeper`](crate::keeper) has opened another.

use std::{
    collections::HashMap,
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
    redis::{RedisResult, aio::MultiplexedConnection},
};
use tokio::{sync::Notify, time::timeout};

use crate::Error;

/// The way to Redis.
#[derive(Default)]
pub(crate) struct Link(ArcSwapOption<Live>);

/// Connections that work, as far as one knows.
pub(crate) struct Live {
    /// Driven by the keeper's thread.
    common: Arc<Wire>,
    /// Of threads that take turns; `None` until it is there, or for ever if it cannot be opened.
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
            }
        });
        Arc::clone(&self.common)
    }

    fn keep(&self, thread: ThreadId, own: Option<Arc<Wire>>) {
        self.own.write().unwrap_or_else(PoisonError::into_inner).insert(thread, own);
    }

    /// Waits for an answer on the connection that serves all threads, no longer than `patience`.
    pub(crate) async fn ask<T>(
        &self,
        patience: Duration,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Error> {
        self.ask_on(&self.common, patience, answer).await
    }

    /// Waits for an answer on this connection. What comes of it tells how all of them are.
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
        let misses = wire.misses.fetch_add(1, Relaxed) + 1;
        if misses >= MANY_MISSES || matches!(failed, Error::Broken(_)) {
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
