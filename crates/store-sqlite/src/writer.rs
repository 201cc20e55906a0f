//! The one connection that writes, on a thread of its own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use rotator_core::store::StoreError;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use crate::{
    connection::checkpoint,
    error::{self, closed},
};

/// How many writes wait in line before the next caller waits for a place in it.
const QUEUE: usize = 64;
/// A write that waited longer is refused instead of done late. Together with the time that one statement waits
/// for a lock it bounds how long a caller waits.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

enum Command {
    Run(Job),
    Stop(oneshot::Sender<()>),
}

/// The writer of one database file. It ends when it is dropped or told to stop.
#[derive(Debug)]
pub(crate) struct Writer {
    commands: mpsc::Sender<Command>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(thread: &str, conn: Connection) -> std::io::Result<Self> {
        let (commands, queue) = mpsc::channel(QUEUE);
        std::thread::Builder::new().name(thread.into()).spawn(move || serve(conn, queue))?;
        Ok(Self { commands })
    }

    /// Runs `work` in a transaction. An `Ok` means that it is committed.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.write_then(work, |value| value).await
    }

    /// The same, and `then` once it is committed, before any other write and whether or not the caller is still there.
    pub(crate) async fn write_then<T, U, F, G>(&self, work: F, then: G) -> Result<U, StoreError>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
        G: FnOnce(T) -> U + Send + 'static,
        U: Send + 'static,
    {
        self.run(move |conn| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(error::store)?;
            let value = work(&tx)?;
            tx.commit().map_err(error::store)?;
            Ok(then(value))
        })
        .await
    }

    /// Runs `work` outside a transaction.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let queued = Instant::now();
        let job: Job = Box::new(move |conn| {
            let result = if queued.elapsed() > LONGEST_WAIT {
                Err(StoreError::Unavailable("other writes took too long".into()))
            } else {
                work(conn)
            };
            // The caller may have left; what was committed stays.
            let _ = answer.send(result);
        });
        self.commands.send(Command::Run(job)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// Finishes the writes in line, empties the write-ahead log and closes the connection.
    pub(crate) async fn stop(&self) {
        let (answer, answered) = oneshot::channel();
        if self.commands.send(Command::Stop(answer)).await.is_ok() {
            let _ = answered.await;
        }
    }
}

fn serve(mut conn: Connection, mut queue: mpsc::Receiver<Command>) {
    while let Some(command) = queue.blocking_recv() {
        match command {
            Command::Run(job) => {
                // One bug must not stop every later write; unwinding has rolled the transaction back.
                if catch_unwind(AssertUnwindSafe(|| job(&mut conn))).is_err() {
                    error!("a write panicked");
                }
            }
            Command::Stop(answer) => {
                queue.close();
                close(conn);
                let _ = answer.send(());
                return;
            }
        }
    }
    close(conn);
}

fn close(conn: Connection) {
    if let Err(error) = checkpoint(&conn) {
        warn!(%error, "the write-ahead log is left for the next start");
    }
    if let Err((_, error)) = conn.close() {
        warn!(%error, "the database did not close");
    }
}
