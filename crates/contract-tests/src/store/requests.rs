//! The request log.

use rotator_core::{record::RequestRecord, store::Store};

use super::samples::{at, record, sparse_record};

/// No bound on the log's size.
const ANY_SIZE: u64 = u64::MAX;

fn records(from: i64, to: i64) -> Vec<RequestRecord> {
    (from..to).map(record).collect()
}

pub async fn request_records_read_back_newest_first(store: &dyn Store) {
    let hostile = RequestRecord { path: "/proxy/'; DROP TABLE requests; --/%_/é".into(), ..record(3) };
    store.append_requests(vec![record(1), sparse_record(2)]).await.unwrap();
    store.append_requests(vec![hostile.clone()]).await.unwrap();

    assert_eq!(store.requests(10).await.unwrap(), [hostile.clone(), sparse_record(2), record(1)]);
    assert_eq!(store.requests(1).await.unwrap(), [hostile]);
}

pub async fn appending_no_records_appends_none(store: &dyn Store) {
    store.append_requests(Vec::new()).await.unwrap();

    assert!(store.requests(10).await.unwrap().is_empty());
}

pub async fn old_request_records_are_pruned(store: &dyn Store) {
    store.append_requests(records(0, 10)).await.unwrap();

    assert_eq!(store.prune_requests(at(4), ANY_SIZE).await.unwrap(), 4);
    assert_eq!(store.prune_requests(at(4), ANY_SIZE).await.unwrap(), 0);

    let left = store.requests(100).await.unwrap();
    assert_eq!(left.iter().map(|record| record.started_at).min(), Some(at(4)));
    assert_eq!(left.len(), 6);
}

pub async fn the_oldest_records_are_pruned_while_the_log_is_too_large(store: &dyn Store) {
    store.append_requests(records(0, 4000)).await.unwrap();

    let pruned = store.prune_requests(at(0), 200_000).await.unwrap();
    let left = store.requests(10_000).await.unwrap();

    assert!((1000..4000).contains(&pruned), "{pruned}");
    assert_eq!(left.len() as u64, 4000 - pruned);
    assert_eq!(left.last().map(|record| record.started_at), Some(at(i64::try_from(pruned).unwrap())));
    assert_eq!(store.prune_requests(at(0), 0).await.unwrap(), 4000 - pruned);
    assert_eq!(store.prune_requests(at(0), 0).await.unwrap(), 0);
}

pub async fn pruning_in_pieces_takes_every_old_record(store: &dyn Store) {
    for piece in 0..4 {
        store.append_requests(records(piece * 3000, (piece + 1) * 3000)).await.unwrap();
    }

    assert_eq!(store.prune_requests(at(11_999), ANY_SIZE).await.unwrap(), 11_999);
    assert_eq!(store.requests(10).await.unwrap(), [record(11_999)]);
}
