//! From finished requests to the request log, and how the log is kept small. Nothing here can hold up a request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use proxy_hyper::Batch;
use rotator_core::{cache::Cache, store::Store};
use tokio::{
    sync::mpsc::Receiver,
    time::{MissedTickBehavior, interval},
};
use tracing::{info, warn};

use crate::{clock, config::Logs};

/// Batches that may wait for the writer; beyond them records are dropped, and counted by the data path.
pub const QUEUE: usize = 64;
/// Batches are written together up to about so many records.
const MAX_RECORDS: usize = 2_000;
const RETENTION_PERIOD: Duration = Duration::from_mins(15);
const LEASE: &str = "request-log-retention";

/// Appends records until their senders are gone. What cannot be written is dropped.
pub async fn write(mut batches: Receiver<Batch>, store: Arc<dyn Store>, dropped: Arc<AtomicU64>) {
    while let Some(Batch { mut requests, mut samples }) = batches.recv().await {
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

/// Deletes old records from time to time, on one instance of all.
pub async fn retain(store: Arc<dyn Store>, cache: Arc<dyn Cache>, logs: Logs) {
    let instance = format!("{}-{}", std::process::id(), clock::now().as_nanosecond());
    let mut ticks = interval(RETENTION_PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Held until the next tick, so that the others leave it to us.
        if !matches!(cache.lease(LEASE, &instance, RETENTION_PERIOD).await, Ok(Some(_))) {
            continue;
        }
        let before = clock::now() - logs.request_log_age;
        match store.prune_requests(before, logs.request_log_bytes).await {
            Ok(0) => {}
            Ok(records) => info!(records, "old request records deleted"),
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "old request records cannot be deleted");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::Method;
    use rotator_core::{
        record::{RequestId, RequestOutcome, RequestRecord},
        store::{PageRequest, RequestQuery},
    };
    use tempfile::TempDir;
    use tokio::sync::mpsc;

    use super::*;
    use crate::{config::LogFormat, data};

    fn record() -> RequestRecord {
        RequestRecord {
            request_id: RequestId::from_bits(1),
            started_at: clock::now(),
            config_id: None,
            key_id: None,
            proxy_key: None,
            method: Method::GET,
            path: "/proxy/x".into(),
            status: 404,
            outcome: RequestOutcome::Refused,
            attempts: 0,
            duration_us: 1,
            first_byte_us: None,
            bytes_in: 0,
            bytes_out: 0,
            client: Ipv4Addr::LOCALHOST.into(),
            model: None,
            usage: None,
            trace: None,
        }
    }

    fn batch(count: usize) -> Batch {
        Batch { requests: vec![record(); count], ..Batch::default() }
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
        let old = RequestRecord { started_at: clock::now() - days(8), ..record() };
        data.store.append_requests(vec![old, record()]).await.unwrap();
        let logs = Logs {
            filter: String::new(),
            format: LogFormat::Text,
            request_log_age: days(7),
            request_log_bytes: 1 << 30,
        };
        let retention = tokio::spawn(retain(Arc::clone(&data.store), data.cache, logs));

        while count(&*data.store).await != 1 {
            tokio::task::yield_now().await;
        }
        retention.abort();
    }
}
