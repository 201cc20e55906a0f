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
use tokio::{
    sync::mpsc::{Receiver, Sender},
    task::{JoinError, spawn_blocking},
    time::sleep,
};
use tracing::{info, warn};

use crate::{clock, config::Logs, membership::Leading};

/// Batches that may wait for an estimate, and for the writer; beyond them records are dropped, and counted by the data path.
pub const QUEUE: usize = 64;
/// Batches are written together up to about so many records.
const MAX_RECORDS: usize = 2_000;
const RETENTION_PERIOD: Duration = Duration::from_mins(15);
/// How long it is told minute by minute what requests came to: a little longer than the panel shows it so.
const MINUTES_AGE: Duration = Duration::from_hours(26);
/// How long it is told at all: a little longer than the panel shows it.
const STATS_AGE: Duration = Duration::from_hours(31 * 24);

/// Estimates what requests used whose answers did not tell, and passes their records on to the writer, until their senders
/// are gone. Caps count what is estimated, so that never waits for the writer: records for which it has no room are dropped.
pub async fn estimate(mut batches: Receiver<Batch>, writer: Sender<Batch>, dropped: Arc<AtomicU64>) {
    while let Some(batch) = batches.recv().await {
        let count = batch.requests.len() as u64;
        let batch = estimated(batch).await;
        if batch.is_none_or(|batch| writer.try_send(batch).is_err()) {
            dropped.fetch_add(count, Relaxed);
        }
    }
}

/// A batch in which every request has what it used, as far as that can be known; `None` if that failed.
async fn estimated(mut batch: Batch) -> Option<Batch> {
    if batch.untold.is_empty() {
        return Some(batch);
    }
    let estimating = spawn_blocking(move || {
        batch.estimate();
        batch
    });
    let lost = |error: &JoinError| warn!(error = error as &dyn std::error::Error, "request records lost");
    estimating.await.inspect_err(lost).ok()
}

/// Appends records until their senders are gone. What cannot be written is dropped.
pub async fn write(mut batches: Receiver<Batch>, store: Arc<dyn Store>, dropped: Arc<AtomicU64>) {
    while let Some(Batch { mut requests, mut samples, .. }) = batches.recv().await {
        while requests.len() < MAX_RECORDS
            && let Ok(more) = batches.try_recv()
        {
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
    async fn a_writer_that_falls_behind_holds_up_no_estimates_and_what_it_loses_is_counted() {
        let (sender, batches) = mpsc::channel(QUEUE);
        let (writer, mut estimated) = mpsc::channel(1);
        for _ in 0..QUEUE {
            sender.send(batch(3)).await.unwrap();
        }
        drop(sender);
        let dropped = Arc::<AtomicU64>::default();
        estimate(batches, writer, Arc::clone(&dropped)).await;

        assert_eq!(estimated.recv().await.map(|batch| batch.requests.len()), Some(3));
        assert!(estimated.recv().await.is_none());
        assert_eq!(dropped.load(Relaxed), 3 * (QUEUE as u64 - 1));
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
