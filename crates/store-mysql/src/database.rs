//! Transactions: connections that read, and others that write, so that neither waits for the other's.

use std::time::{Duration, Instant};

use rotator_core::store::StoreError;
use tokio::time::{sleep, timeout};

use crate::{
    Server,
    connection::Session,
    error,
    pool::{Lease, Pool},
};

/// How many readings run at once, and how many writings.
const READERS: u32 = 4;
const WRITERS: u32 = 8;
/// One state of the database, whatever others write; takes no lock.
const READ: &str =
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
/// Locks the rows that are written and not the gaps between them, which keeps writers out of each other's way. Remembers
/// when it began, by the server's clock; see [`commit`].
const WRITE: &str =
    "SET @begun = UTC_TIMESTAMP(6); SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION";
/// A commit is begun so soon or never. That leaves time, of the caller's patience, to hear what became of it.
const COMMITS_IN: Duration = Duration::from_secs(2);
/// Nobody waits longer for the end of a transaction that has nothing to keep.
const GOODBYE: Duration = Duration::from_millis(100);
/// No transaction is begun again after so long.
const LAST_TRY: Duration = Duration::from_secs(2);
/// Two transactions that were in each other's way begin again so much apart, in milliseconds.
const APART: std::ops::Range<u64> = 1..20;

/// One database in use.
#[derive(Debug)]
pub(crate) struct Database {
    readers: Pool,
    writers: Pool,
}

impl Database {
    /// The database of this server.
    pub(crate) fn new(server: &Server) -> Self {
        Self { readers: Pool::new(server.clone(), READERS), writers: Pool::new(server.clone(), WRITERS) }
    }

    /// Runs `work` on one state of the database.
    pub(crate) async fn read<T>(
        &self,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut lease = self.readers.begin(READ).await?;
        let result = work(&mut lease.session).await;
        end(lease, "COMMIT").await;
        result
    }

    /// Runs `work` in a transaction, again if another one was in its way. An `Ok` means that it is committed.
    pub(crate) async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, StoreError> + Clone,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        loop {
            let mut lease = self.writers.begin(WRITE).await?;
            let result = match work.clone()(&mut lease.session).await {
                Ok(value) => commit(&mut lease).await.map(|()| value),
                Err(error) => Err(error),
            };
            match result {
                Ok(value) => {
                    lease.give_back();
                    return Ok(value);
                }
                Err(error) => {
                    end(lease, "ROLLBACK").await;
                    if !error::is_worth_another_try(&error) || began.elapsed() > LAST_TRY {
                        return Err(error);
                    }
                }
            }
            sleep(Duration::from_millis(fastrand::u64(APART))).await;
        }
    }

    /// Finishes what is under way and closes the connections.
    pub(crate) async fn close(&self) {
        self.readers.stop().await;
        self.writers.stop().await;
    }
}

/// Commits, if the server comes to it while we wait. One that hangs reads what was sent to it when it goes on: by then
/// the caller was told that nothing was written, so a number that is too large keeps it from the commit.
///
/// One that hangs in the midst of it is the rest: then nobody can tell.
async fn commit(lease: &mut Lease<'_>) -> Result<(), StoreError> {
    let within = (lease.begun.elapsed() + COMMITS_IN).as_micros();
    let sql = format!(
        "SET @in_time = {} + (timestampdiff(MICROSECOND, @begun, UTC_TIMESTAMP(6)) > {within}); COMMIT",
        i64::MAX
    );
    lease.session.run(&sql).await.map_err(|fault| match fault.server_error() {
        Some(_) => fault.into(),
        None => StoreError::Unconfirmed(fault.into()),
    })
}

/// Ends a transaction that has nothing to keep. A connection that cannot say so is closed, which ends it too.
async fn end(mut lease: Lease<'_>, how: &str) {
    if !lease.session.is_broken() && matches!(timeout(GOODBYE, lease.session.run(how)).await, Ok(Ok(()))) {
        lease.give_back();
    }
}
