//! Request records on their way to the log: gathered per worker, handed over in batches, never waited for.

use std::{cell::RefCell, sync::Arc};

use rotator_core::record::RequestRecord;
use tokio::sync::mpsc;

use crate::metrics::WorkerMetrics;

/// Where workers hand their request records to. Bounded: when the log falls behind, records are lost and counted.
pub type RecordSender = mpsc::Sender<Vec<RequestRecord>>;

/// A batch is handed over when it is this long, or at the next tick.
const BATCH: usize = 256;

/// The records of one worker.
pub(crate) struct Recorder {
    batch: RefCell<Vec<RequestRecord>>,
    sender: RecordSender,
    metrics: Arc<WorkerMetrics>,
}

impl Recorder {
    pub(crate) fn new(sender: RecordSender, metrics: Arc<WorkerMetrics>) -> Self {
        Self { batch: RefCell::default(), sender, metrics }
    }

    pub(crate) fn push(&self, record: RequestRecord) {
        let full = {
            let mut batch = self.batch.borrow_mut();
            if batch.is_empty() {
                batch.reserve_exact(BATCH);
            }
            batch.push(record);
            batch.len() >= BATCH
        };
        if full {
            self.hand_over();
        }
    }

    pub(crate) fn hand_over(&self) {
        let batch = self.batch.take();
        let count = batch.len() as u64;
        if count > 0 && self.sender.try_send(batch).is_err() {
            self.metrics.records_dropped.add(count);
        }
    }
}

impl Drop for Recorder {
    /// Requests that were broken off by the end of their worker are recorded as well.
    fn drop(&mut self) {
        self.hand_over();
    }
}
