//! What goes on beside requests, and how it ends without losing what was counted.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use proxy_hyper::{Batch, RecordSender};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    config::Logs,
    data::Data,
    identity::Identity,
    membership::{Leading, Membership, Pace},
    refresh::{self, Usage},
    request_log,
    tls::Certificate,
};

/// What goes on beside requests.
pub struct Background {
    /// Who this instance is.
    pub identity: Identity,
    /// Where request records wait to be written; it ends when nobody can send any more.
    pub records: mpsc::WeakSender<Batch>,
    /// Request records that could not be written.
    pub records_dropped: Arc<AtomicU64>,
    /// Ends when nobody can send records any more.
    record_writer: JoinHandle<()>,
    /// Ends when told to.
    usage_writer: JoinHandle<()>,
    stop: CancellationToken,
    /// Whether this instance does what one does for all.
    pub leading: Leading,
    /// Ends when told to leave.
    membership: JoinHandle<()>,
    leave: CancellationToken,
}

impl Background {
    /// Starts all of it on the current runtime; answers where request records are to be sent.
    pub fn start(data: &Data, logs: Logs, certificate: Option<Arc<Certificate>>) -> (Self, RecordSender) {
        let Data { store, cache, routes, health } = data.clone();
        tokio::spawn(Arc::clone(&health).watch(Arc::clone(&store), cache));
        tokio::spawn(refresh::follow_changes(data.clone()));
        let (identity, leave) = (Identity::begin(), CancellationToken::new());
        let (leading, membership) = Membership::join(data, identity.clone(), Pace::default(), leave.clone());
        tokio::spawn(request_log::retain(Arc::clone(&store), leading.clone(), logs));
        if let Some(certificate) = certificate {
            tokio::spawn(certificate.follow_files());
        }
        let (records, batches) = mpsc::channel(request_log::QUEUE);
        let (estimated, waiting) = mpsc::channel(request_log::QUEUE);
        let unwritten = estimated.downgrade();
        let records_dropped = Arc::<AtomicU64>::default();
        tokio::spawn(request_log::estimate(batches, estimated, Arc::clone(&records_dropped)));
        let record_writer =
            tokio::spawn(request_log::write(waiting, Arc::clone(&store), Arc::clone(&records_dropped)));
        let stop = CancellationToken::new();
        let usage_writer = tokio::spawn(Usage::default().flush_until(stop.clone(), routes, store));
        let background = Self {
            identity,
            records: unwritten,
            records_dropped,
            record_writer,
            usage_writer,
            stop,
            leading,
            membership,
            leave,
        };
        (background, records)
    }

    /// Leaves what one instance does for all to another.
    pub fn leave(&self) {
        self.leave.cancel();
    }

    /// Writes what is left, once the data path has ended; gives up after `patience`.
    pub async fn finish(self, patience: Duration) {
        self.stop.cancel();
        let last_writes = async { tokio::join!(self.record_writer, self.usage_writer, self.membership) };
        if timeout(patience, last_writes).await.is_err() {
            warn!("the last request records and key counts could not be written in time");
        }
    }
}
