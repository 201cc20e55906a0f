//! The request log's file.

use std::{net::Ipv4Addr, path::Path};

use http::Method;
use jiff::{SignedDuration, Timestamp};
use rotator_core::{
    record::{RequestId, RequestOutcome, RequestRecord},
    store::{RequestQuery, Store},
};

use crate::support::{files, folder, fresh, now, open};

fn record(started_at: Timestamp) -> RequestRecord {
    RequestRecord {
        request_id: RequestId::from_bits(1),
        started_at,
        config_id: None,
        key_id: None,
        proxy_key: None,
        method: Method::GET,
        path: "/proxy/weather/now".into(),
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

/// What the log takes on disk, its write-ahead log included.
fn size(folder: &Path) -> usize {
    let log = files(folder).into_iter().filter(|(name, _)| name.starts_with("rotator-requests.db"));
    log.filter(|(name, _)| !name.ends_with("-shm")).map(|(_, bytes)| bytes.len()).sum()
}

#[tokio::test]
async fn pruning_gives_the_room_back_to_the_file_system() {
    let folder = folder();
    let store = open(folder.path()).await;
    store.append_requests(vec![record(now()); 20_000]).await.unwrap();
    let before = size(folder.path());

    store.prune_requests(now(), 300_000).await.unwrap();
    let pruned = size(folder.path());
    store.prune_requests(now() + SignedDuration::from_secs(1), u64::MAX).await.unwrap();

    assert!(before > 1_000_000, "{before}");
    assert!((100_000..=300_000).contains(&pruned), "{pruned}");
    assert!(size(folder.path()) < 30_000);
}

#[tokio::test]
async fn an_old_record_is_pruned_although_it_ended_after_a_newer_one() {
    let folder = folder();
    let store = open(folder.path()).await;
    let (old, new) = (record(now() - SignedDuration::from_secs(9)), record(now()));
    store.append_requests(vec![new.clone(), old]).await.unwrap();

    assert_eq!(store.prune_requests(now(), u64::MAX).await.unwrap(), 1);
    let left = store.requests(&RequestQuery::default()).await.unwrap().items;
    assert_eq!(left.into_iter().map(|item| item.record).collect::<Vec<_>>(), [new]);
}

#[tokio::test]
async fn a_search_looks_at_a_piece_of_a_large_log_at_a_time() {
    let store = fresh().await;
    let rare = RequestRecord { request_id: RequestId::from_bits(2), status: 500, ..record(now()) };
    store.append_requests(vec![rare.clone()]).await.unwrap();
    store.append_requests(vec![record(now()); 60_000]).await.unwrap();

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
