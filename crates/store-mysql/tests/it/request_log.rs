//! A large request log.

use contract_tests::fixtures::{now, refused_request};

use jiff::SignedDuration;
use rotator_core::{
    record::{RequestId, RequestRecord},
    store::{RequestQuery, Store},
};

use crate::support::Scratch;

/// Appends the newest record again until there are twice as many, and so on so many times. The ids that it leaves out are
/// those that MySQL reserves for nothing.
async fn double(scratch: &Scratch, times: u32) {
    let columns = "request_id, started_at, method, path, status, outcome, attempts, duration_us, bytes_in, bytes_out, client";
    for _ in 0..times {
        let sql =
            format!("INSERT INTO requests ({columns}) SELECT {columns} FROM requests WHERE status = 404");
        scratch.execute(&sql).await;
    }
}

#[tokio::test]
async fn an_old_record_is_pruned_although_it_ended_after_a_newer_one() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    let (old, new) = (refused_request(now() - SignedDuration::from_secs(9)), refused_request(now()));
    store.append_requests(vec![new.clone(), old]).await.unwrap();

    assert_eq!(store.prune_requests(now(), u64::MAX).await.unwrap(), 1);
    let left = store.requests(&RequestQuery::default()).await.unwrap().items;
    assert_eq!(left.into_iter().map(|item| item.record).collect::<Vec<_>>(), [new]);
}

#[tokio::test]
async fn a_search_looks_at_a_piece_of_a_large_log_at_a_time() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    let rare = RequestRecord { request_id: RequestId::from_bits(2), status: 500, ..refused_request(now()) };
    store.append_requests(vec![rare.clone(), refused_request(now())]).await.unwrap();
    double(&scratch, 16).await;

    let mut query = RequestQuery { status: Some(500..=599), ..RequestQuery::default() };
    let first = store.requests(&query).await.unwrap();
    assert!(first.items.is_empty() && first.next.is_some());
    let mut found = first;
    while let Some(next) = found.next {
        query.page.after = Some(next);
        found = store.requests(&query).await.unwrap();
    }

    assert_eq!(found.items.iter().map(|item| &item.record).collect::<Vec<_>>(), [&rare]);
    assert_eq!(store.request(rare.request_id).await.unwrap().unwrap().record, rare);
    assert_eq!(store.request(RequestId::from_bits(3)).await.unwrap(), None);
}

#[tokio::test]
async fn a_large_log_is_cut_back_to_about_its_bound() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    store.append_requests(vec![refused_request(now())]).await.unwrap();
    double(&scratch, 16).await;
    let all = 1_u64 << 16;

    // A record takes about 190 bytes.
    let deleted = store.prune_requests(now(), 4_000_000).await.unwrap();

    let left = all - deleted;
    assert!((15_000..30_000).contains(&left), "{left}");
    assert_eq!(store.prune_requests(now(), 0).await.unwrap(), left);
    assert!(store.requests(&RequestQuery::default()).await.unwrap().items.is_empty());
}
