//! The request log's file.

use contract_tests::fixtures::{now, refused_request};
use std::path::Path;

use jiff::SignedDuration;
use rotator_core::{
    record::{RequestId, RequestRecord},
    store::{RequestQuery, StatsQuery, Store},
};

use crate::support::{files, folder, fresh, open};

/// What the log takes on disk, its write-ahead log included.
fn size(folder: &Path) -> usize {
    let log = files(folder).into_iter().filter(|(name, _)| name.starts_with("rotator-requests.db"));
    log.filter(|(name, _)| !name.ends_with("-shm")).map(|(_, bytes)| bytes.len()).sum()
}

#[tokio::test]
async fn pruning_gives_the_room_back_to_the_file_system() {
    let folder = folder();
    let store = open(folder.path()).await;
    let end = now() + SignedDuration::from_secs(1);
    store.append_requests(vec![refused_request(now())]).await.unwrap();
    store.prune_requests(end, u64::MAX).await.unwrap();
    let emptied = size(folder.path());
    store.append_requests(vec![refused_request(now()); 20_000]).await.unwrap();
    let before = size(folder.path());

    store.prune_requests(now(), 300_000).await.unwrap();
    let pruned = size(folder.path());
    store.prune_requests(end, u64::MAX).await.unwrap();

    assert!(before > 1_000_000, "{before}");
    assert!((100_000..=300_000).contains(&pruned), "{pruned}");
    assert_eq!(size(folder.path()), emptied, "all of it");
}

#[tokio::test]
async fn an_old_record_is_pruned_although_it_ended_after_a_newer_one() {
    let folder = folder();
    let store = open(folder.path()).await;
    let (old, new) = (refused_request(now() - SignedDuration::from_secs(9)), refused_request(now()));
    store.append_requests(vec![new.clone(), old]).await.unwrap();

    assert_eq!(store.prune_requests(now(), u64::MAX).await.unwrap(), 1);
    let left = store.requests(&RequestQuery::default()).await.unwrap().items;
    assert_eq!(left.into_iter().map(|item| item.record).collect::<Vec<_>>(), [new]);
}

#[tokio::test]
async fn a_search_looks_at_a_piece_of_a_large_log_at_a_time() {
    let store = fresh().await;
    let rare = RequestRecord { request_id: RequestId::from_bits(2), status: 500, ..refused_request(now()) };
    store.append_requests(vec![rare.clone()]).await.unwrap();
    store.append_requests(vec![refused_request(now()); 60_000]).await.unwrap();

    let mut query = RequestQuery { status: Some(500..=599), ..RequestQuery::default() };
    let first = store.requests(&query).await.unwrap();
    query.page.after = first.next;
    let second = store.requests(&query).await.unwrap();

    assert!(first.items.is_empty() && first.next.is_some());
    assert_eq!(second.items.iter().map(|item| &item.record).collect::<Vec<_>>(), [&rare]);
    assert_eq!(second.next, None);
    assert_eq!(store.request(rare.request_id).await.unwrap().unwrap().record, rare);
    assert_eq!(store.request(RequestId::from_bits(3)).await.unwrap(), None);
}

#[tokio::test]
async fn what_requests_came_to_is_there_after_a_clean_stop_and_after_many_requests() {
    let folder = folder();
    let query = StatsQuery {
        since: now() - SignedDuration::from_hours(1),
        until: now() + SignedDuration::from_hours(1),
        step_ms: 60_000,
        config_id: None,
    };
    let total = async |store: &dyn Store| {
        store.stats(&query).await.unwrap().series.iter().map(|(_, tally)| tally.total()).sum::<u64>()
    };
    let store = open(folder.path()).await;
    store.append_requests(vec![refused_request(now()); 3]).await.unwrap();
    store.close().await;

    let store = open(folder.path()).await;
    assert_eq!(total(&store).await, 3);
    store.append_requests(vec![refused_request(now()); 20_000]).await.unwrap();
    // Whoever does not come to an end has written that many.
    let other = open(folder.path()).await;
    assert_eq!(total(&other).await, 20_003);
}
