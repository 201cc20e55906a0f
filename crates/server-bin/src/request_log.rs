//! From finished requests to the request log, and how the log is kept small. Nothing here can hold up a request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use proxy_hyper::Batch;
use rotator_core::store::Store;
use tokio::{sync::mpsc::Receiver, task::spawn_blocking, time::sleep};
use tracing::{info, warn};

use crate::{clock, config::Logs, membership::Leading};

/// Batches that may wait for the writer; beyond them records are dropped, and counted by the data path.
pub const QUEUE: usize = 64;
/// Batches are written together up to about so many records.
const MAX_RECORDS: usize = 2_000;
const RETENTION_PERIOD: Duration = Duration::from_mins(15);
/// How long it is told minute by minute what requests came to: a little longer than the panel shows it so.
const MINUTES_AGE: Duration = Duration::from_hours(26);
/// How long it is told at all: a little longer than the panel shows it.
const STATS_AGE: Duration = Duration::from_hours(31 * 24);

/// Appends records until their senders are gone. What cannot be written is dropped.
pub async fn write(mut batches: Receiver<Batch>, store: Arc<dyn Store>, dropped: Arc<AtomicU64>) {
    while let Some(batch) = batches.recv().await {
        let Batch { mut requests, mut samples, .. } = estimated(batch).await;
        while requests.len() < MAX_RECORDS
            && let Ok(more) = batches.try_recv()
        {
            let more = estimated(more).await;
            requests.extend(more.requests);
            samples.extend(more.samples);
        }
        let count = requests.len();
        if count > 0
            && let Err(error) = store.append_requests(requests).await
        {
            dropped.fetch_add(count as u64, Relaxed);
            warn!(error = &error as &dyn std::error::Error, records = count, "request records dropped");
        }
        if !samples.is_empty()
            && let Err(error) = store.put_error_samples(samples).await
        {
            warn!(error = &error as &dyn std::error::Error, "error samples dropped");
        }
    }
}

/// A batch in which every request has what it used, as far as that can be known.
async fn estimated(mut batch: Batch) -> Batch {
    if batch.untold.is_empty() {
        return batch;
    }
    let estimating = spawn_blocking(move || {
        batch.estimate();
        batch
    });
    estimating.await.unwrap_or_else(|error| {
        warn!(error = &error as &dyn std::error::Error, "request records lost");
        Batch::default()
    })
}

/// Deletes old records from time to time, on the instance that leads.
pub async fn retain(store: Arc<dyn Store>, mut leading: Leading, logs: Logs) {
    while let Ok(Some(term)) = leading.wait_for(Option::is_some).await.map(|term| *term) {
        let before = clock::now() - logs.request_log_age;
        match store.prune_requests(before, logs.request_log_bytes).await {
            Ok(0) => {}
            Ok(records) => info!(records, "old request records deleted"),
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "old request records cannot be deleted");
            }
        }
        let now = clock::now();
        if let Err(error) = store.condense_stats(now - MINUTES_AGE, now - STATS_AGE, term).await {
            warn!(error = &error as &dyn std::error::Error, "old statistics cannot be condensed");
        }
        sleep(RETENTION_PERIOD).await;
    }
}

#[cfg(test)]
mod tests {
    use contract_tests::fixtures::refused_request;
    use rotator_core::{
        record::RequestRecord,
        store::{PageRequest, RequestQuery, Term},
    };
    use tempfile::TempDir;
    use tokio::sync::{mpsc, watch};

    use super::*;
    use crate::{config::LogFormat, data};

    fn batch(count: usize) -> Batch {
        Batch { requests: vec![refused_request(clock::now()); count], ..Batch::default() }
    }

    async fn count(store: &dyn Store) -> usize {
        let page = PageRequest { limit: 1_000, after: None };
        store.requests(&RequestQuery { page, ..RequestQuery::default() }).await.unwrap().items.len()
    }

    #[tokio::test]
    async fn every_record_is_written_before_the_writer_ends() {
        let folder = TempDir::new().unwrap();
        let (data, store) = data::tests::open(&folder).await;
        let (sender, batches) = mpsc::channel(QUEUE);
        for _ in 0..QUEUE {
            sender.send(batch(10)).await.unwrap();
        }
        drop(sender);
        let dropped = Arc::<AtomicU64>::default();
        write(batches, data.store, Arc::clone(&dropped)).await;

        assert_eq!(count(&*store.port()).await, 10 * QUEUE);
        assert_eq!(dropped.load(Relaxed), 0);
    }

    #[tokio::test]
    async fn records_that_cannot_be_written_are_counted() {
        let folder = TempDir::new().unwrap();
        let (data, store) = data::tests::open(&folder).await;
        store.close().await;
        let (sender, batches) = mpsc::channel(QUEUE);
        sender.send(batch(3)).await.unwrap();
        drop(sender);
        let dropped = Arc::<AtomicU64>::default();
        write(batches, data.store, Arc::clone(&dropped)).await;

        assert_eq!(dropped.load(Relaxed), 3);
    }

    #[tokio::test]
    async fn records_older_than_their_time_are_deleted() {
        let folder = TempDir::new().unwrap();
        let (data, _store) = data::tests::open(&folder).await;
        let days = |n: u64| Duration::from_hours(24 * n);
        let old = RequestRecord { started_at: clock::now() - days(8), ..refused_request(clock::now()) };
        data.store.append_requests(vec![old, refused_request(clock::now())]).await.unwrap();
        let logs = Logs {
            filter: String::new(),
            format: LogFormat::Text,
            request_log_age: days(7),
            request_log_bytes: 1 << 30,
        };
        let leading = watch::channel(Some(Term(1))).1;
        let retention = tokio::spawn(retain(Arc::clone(&data.store), leading, logs));

        while count(&*data.store).await != 1 {
            tokio::task::yield_now().await;
        }
        retention.abort();
    }
}
