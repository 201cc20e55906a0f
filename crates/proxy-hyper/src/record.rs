//! Request records and error samples on their way to the log: gathered per worker, handed over in batches, never waited
//! for.

use std::{cell::RefCell, sync::Arc};

use rotator_core::{
    model::ConfigId,
    record::{ErrorSample, RequestRecord},
};
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::{metrics::WorkerMetrics, untold::Untold};

/// What a worker hands over at a time.
#[derive(Debug, Default)]
pub struct Batch {
    /// Requests that have ended.
    pub requests: Vec<RequestRecord>,
    /// Those of them that are still to be estimated: see [`Batch::estimate`].
    pub untold: Vec<Untold>,
    /// What some answers looked like that were no success.
    pub samples: Vec<ErrorSample>,
}

/// Where workers hand their records to. Bounded: when the log falls behind, records are lost and counted.
pub type RecordSender = mpsc::Sender<Batch>;

/// A batch is handed over when it is this long, or at the next tick.
const BATCH: usize = 256;
/// Samples that are taken between two ticks: however many requests fail, they cost no more than this.
const SAMPLES: usize = 64;

/// The records of one worker.
pub(crate) struct Recorder {
    batch: RefCell<Vec<RequestRecord>>,
    untold: RefCell<Vec<Untold>>,
    samples: RefCell<Vec<ErrorSample>>,
    sender: RecordSender,
    metrics: Arc<WorkerMetrics>,
}

impl Recorder {
    pub(crate) fn new(sender: RecordSender, metrics: Arc<WorkerMetrics>) -> Self {
        Self {
            batch: RefCell::default(),
            untold: RefCell::default(),
            samples: RefCell::default(),
            sender,
            metrics,
        }
    }

    pub(crate) fn push(&self, record: RequestRecord, untold: Option<Box<Untold>>) {
        let full = {
            let mut batch = self.batch.borrow_mut();
            if batch.is_empty() {
                batch.reserve_exact(BATCH);
            }
            if let Some(untold) = untold {
                self.untold.borrow_mut().push(Untold { place: batch.len(), ..*untold });
            }
            batch.push(record);
            batch.len() >= BATCH
        };
        if full {
            self.send(Batch { requests: self.batch.take(), untold: self.untold.take(), ..Batch::default() });
        }
    }

    /// Whether no answer like this one was sampled since the last tick.
    pub(crate) fn wants_sample(&self, config: ConfigId, status: u16, rule: &str) -> bool {
        let samples = self.samples.borrow();
        let is_like =
            |known: &ErrorSample| known.config_id == config && known.status == status && *known.rule == *rule;
        samples.len() < SAMPLES && !samples.iter().any(is_like)
    }

    pub(crate) fn push_sample(&self, sample: ErrorSample) {
        self.samples.borrow_mut().push(sample);
    }

    /// At each tick.
    pub(crate) fn hand_over(&self) {
        self.send(Batch {
            requests: self.batch.take(),
            untold: self.untold.take(),
            samples: self.samples.take(),
        });
    }

    fn send(&self, batch: Batch) {
        let count = batch.requests.len() as u64;
        let is_empty = count == 0 && batch.samples.is_empty();
        if !is_empty
            && let Err(TrySendError::Full(batch) | TrySendError::Closed(batch)) = self.sender.try_send(batch)
        {
            self.metrics.records_dropped.add(count);
            batch.estimate_roughly();
        }
    }
}

impl Drop for Recorder {
    /// Requests that were broken off by the end of their worker are recorded as well.
    fn drop(&mut self) {
        self.hand_over();
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rotator_core::outcome::Kind;

    use super::*;

    fn sample(config: i64, rule: &str) -> ErrorSample {
        ErrorSample {
            config_id: ConfigId(config),
            seen_at: Timestamp::UNIX_EPOCH,
            status: 429,
            headers: Vec::new(),
            body: "".into(),
            outcome: Kind::RateLimited,
            rule: rule.into(),
        }
    }

    #[test]
    fn of_failures_that_are_alike_one_is_sampled_until_the_next_tick() {
        let (sender, mut batches) = mpsc::channel(1);
        let recorder = Recorder::new(sender, Arc::default());
        recorder.push_sample(sample(1, "a"));

        assert!(!recorder.wants_sample(ConfigId(1), 429, "a"));
        for (config, status, rule) in [(2, 429, "a"), (1, 500, "a"), (1, 429, "b")] {
            assert!(recorder.wants_sample(ConfigId(config), status, rule));
        }
        recorder.hand_over();
        assert!(recorder.wants_sample(ConfigId(1), 429, "a"));
        assert_eq!(batches.try_recv().unwrap().samples, [sample(1, "a")]);
    }

    #[test]
    fn failures_of_many_services_are_sampled_so_often_and_no_more() {
        let (sender, _batches) = mpsc::channel(1);
        let recorder = Recorder::new(sender, Arc::default());
        let mut taken = 0;
        while recorder.wants_sample(ConfigId(taken), 429, "a") {
            recorder.push_sample(sample(taken, "a"));
            taken += 1;
        }

        assert_eq!(usize::try_from(taken), Ok(SAMPLES));
    }
}
