//! One database file: its writer and its readers.

use std::path::Path;

use rotator_core::store::StoreError;
use rusqlite::{Connection, Transaction};

use crate::{readers::Readers, writer::Writer};

/// One database file in use.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
}

impl Database {
    /// Puts an open connection to work as the writer, and readers beside it.
    pub(crate) fn start(path: &Path, thread: &str, writer: Connection) -> std::io::Result<Self> {
        Ok(Self { writer: Writer::start(thread, writer)?, readers: Readers::new(path.into()) })
    }

    /// See [`Readers::read`].
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.readers.read(work).await
    }

    /// See [`Writer::write`].
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.writer.write(work).await
    }

    /// Finishes what is under way and closes the file, with nothing left in its write-ahead log.
    pub(crate) async fn close(&self) {
        self.readers.stop().await;
        self.writer.stop().await;
    }
}
