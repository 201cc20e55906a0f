//! Connections that are used again. A connection goes back only if nothing is open on it; one in doubt is closed, and
//! the server undoes what was open. So nothing here ever waits for a server that hangs, beyond a caller's own patience.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use rotator_core::store::StoreError;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{
    Server,
    connection::{PATIENCE, Session},
    error::{Fault, closed},
};

/// A bounded number of connections to one server, opened when they are first needed.
pub(crate) struct Pool {
    server: Server,
    size: u32,
    permits: Semaphore,
    idle: Mutex<Vec<Session>>,
}

/// A connection in use, with a transaction begun.
pub(crate) struct Lease<'a> {
    pub(crate) session: Session,
    /// When its transaction was known to have begun.
    pub(crate) begun: Instant,
    pool: &'a Pool,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    /// At most so many connections.
    pub(crate) fn new(server: Server, size: u32) -> Self {
        Self { server, size, permits: Semaphore::new(size as usize), idle: Mutex::default() }
    }

    /// Takes a connection and begins a transaction on it.
    pub(crate) async fn begin(&self, begin: &str) -> Result<Lease<'_>, StoreError> {
        let taken = async {
            let permit = self.permits.acquire().await.map_err(|_| closed())?;
            // One that the server has closed in the meantime cannot begin anything; the next one may.
            while let Some(mut session) = self.take_idle() {
                if session.run(begin).await.is_ok() {
                    return Ok(self.lend(session, permit));
                }
            }
            let mut session = Session::connect(&self.server, PATIENCE).await?;
            session.run(begin).await?;
            Ok(self.lend(session, permit))
        };
        timeout(PATIENCE, taken).await.unwrap_or_else(|_| Err(Fault::TimedOut.into()))
    }

    /// Waits for what is under way and closes every connection.
    pub(crate) async fn stop(&self) {
        let all = self.permits.acquire_many(self.size).await;
        self.permits.close();
        let idle = std::mem::take(&mut *self.lock());
        for session in idle {
            session.close().await;
        }
        drop(all);
    }

    fn lend<'a>(&'a self, session: Session, permit: SemaphorePermit<'a>) -> Lease<'a> {
        Lease { session, begun: Instant::now(), pool: self, _permit: permit }
    }

    fn take_idle(&self) -> Option<Session> {
        self.lock().pop()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({})", self.server)
    }
}

impl Lease<'_> {
    /// Gives the connection back. Nothing may be open on it.
    pub(crate) fn give_back(self) {
        self.pool.lock().push(self.session);
    }
}
