//! The connections that read. WAL lets them work while the writer writes.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rotator_core::store::StoreError;
use rusqlite::{Connection, Transaction};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    connection::open_reader,
    error::{self, closed},
};

/// How many readings run at once.
const READERS: u32 = 4;

/// The readers of one database file, opened when they are first needed.
#[derive(Debug)]
pub(crate) struct Readers {
    idle: Arc<Idle>,
    permits: Arc<Semaphore>,
}

#[derive(Debug)]
struct Idle {
    path: PathBuf,
    connections: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Readers of this file.
    pub(crate) fn new(path: PathBuf) -> Self {
        let idle = Idle { path, connections: Mutex::default() };
        Self { idle: Arc::new(idle), permits: Arc::new(Semaphore::new(READERS as usize)) }
    }

    /// Runs `work` on one state of the database.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.run(move |conn| work(&conn.transaction().map_err(error::store)?)).await
    }

    /// Runs `work` on a connection, outside a transaction.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let idle = Arc::clone(&self.idle);
        let work = move || {
            let mut conn = idle.take()?;
            let result = work(&mut conn);
            idle.give(conn);
            drop(permit);
            result
        };
        spawn_blocking(work).await.map_err(|panicked| StoreError::Unavailable(panicked.into()))?
    }

    /// Waits for the readings under way and closes every connection.
    pub(crate) async fn stop(&self) {
        let all = self.permits.acquire_many(READERS).await;
        self.permits.close();
        self.idle.lock().clear();
        drop(all);
    }
}

impl Idle {
    fn take(&self) -> Result<Connection, StoreError> {
        let idle = self.lock().pop();
        idle.map_or_else(|| open_reader(&self.path).map_err(error::store), Ok)
    }

    fn give(&self, conn: Connection) {
        self.lock().push(conn);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
