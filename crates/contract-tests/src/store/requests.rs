//! The request log: reading it page by page, and pruning it.

use rotator_core::{
    record::{RequestId, RequestRecord},
    store::{RequestQuery, Store},
};

use super::samples::{at, page, record, sparse_record};

/// No bound on the log's size.
const ANY_SIZE: u64 = u64::MAX;

fn records(from: i64, to: i64) -> Vec<RequestRecord> {
    (from..to).map(record).collect()
}

pub(super) fn of(limit: u32, after: Option<i64>) -> RequestQuery {
    RequestQuery { page: page(limit, after), ..RequestQuery::default() }
}

/// All that a query finds, page by page.
pub(super) async fn found(store: &dyn Store, mut query: RequestQuery) -> Vec<RequestRecord> {
    let mut found = Vec::new();
    loop {
        let piece = store.requests(&query).await.unwrap();
        found.extend(piece.items.into_iter().map(|item| item.record));
        query.page.after = match piece.next {
            Some(next) => Some(next),
            None => return found,
        };
    }
}

async fn all(store: &dyn Store) -> Vec<RequestRecord> {
    found(store, of(10_000, None)).await
}

/// When the requests began that a query finds: in milliseconds after all tests begin.
pub(super) async fn starts(store: &dyn Store, query: RequestQuery) -> Vec<i64> {
    let start = |record: RequestRecord| record.started_at.as_millisecond() - at(0).as_millisecond();
    found(store, query).await.into_iter().map(start).collect()
}

pub async fn request_records_read_back_newest_first(store: &dyn Store) {
    let hostile = RequestRecord { path: "/proxy/'; DROP TABLE requests; --/%_/é".into(), ..record(3) };
    store.append_requests(vec![record(1), sparse_record(2)]).await.unwrap();
    store.append_requests(vec![hostile.clone()]).await.unwrap();

    assert_eq!(all(store).await, [hostile, sparse_record(2), record(1)]);
}

pub async fn appending_no_records_appends_none(store: &dyn Store) {
    store.append_requests(Vec::new()).await.unwrap();

    let empty = store.requests(&RequestQuery::default()).await.unwrap();
    assert_eq!((empty.items.len(), empty.next), (0, None));
}

pub async fn request_records_are_listed_in_pages(store: &dyn Store) {
    store.append_requests(records(0, 5)).await.unwrap();

    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let piece = store.requests(&of(2, after)).await.unwrap();
        seen.push(piece.items.iter().map(|item| item.record.started_at).collect::<Vec<_>>());
        after = piece.next;
        if after.is_none() {
            break;
        }
    }

    assert_eq!(seen, [vec![at(4), at(3)], vec![at(2), at(1)], vec![at(0)]]);
}

pub async fn a_page_of_request_records_goes_on_after_any_of_them(store: &dyn Store) {
    store.append_requests(records(0, 5)).await.unwrap();
    let listed = store.requests(&of(10, None)).await.unwrap().items;

    for (number, item) in listed.iter().enumerate() {
        let rest = store.requests(&of(10, Some(item.row))).await.unwrap();
        assert_eq!((rest.items.as_slice(), rest.next), (&listed[number + 1..], None));
    }
}

pub async fn a_page_stays_where_it_is_while_request_records_are_appended(store: &dyn Store) {
    store.append_requests(records(0, 4)).await.unwrap();
    let first = store.requests(&of(2, None)).await.unwrap();

    store.append_requests(records(4, 9)).await.unwrap();
    let second = store.requests(&of(2, first.next)).await.unwrap();

    assert_eq!(second.items.into_iter().map(|item| item.record).collect::<Vec<_>>(), [record(1), record(0)]);
    assert_eq!(second.next, None);
}

pub async fn a_page_of_request_records_outlives_those_that_are_pruned(store: &dyn Store) {
    store.append_requests(records(0, 9)).await.unwrap();
    let first = store.requests(&of(2, None)).await.unwrap();

    store.prune_requests(at(5), ANY_SIZE).await.unwrap();
    let second = store.requests(&of(2, first.next)).await.unwrap();
    store.prune_requests(at(9), ANY_SIZE).await.unwrap();
    let none = store.requests(&of(2, first.next)).await.unwrap();

    assert_eq!(second.items.into_iter().map(|item| item.record).collect::<Vec<_>>(), [record(6), record(5)]);
    assert_eq!((second.next, none.items.len(), none.next), (None, 0, None));
}

pub async fn a_request_record_is_found_by_its_request(store: &dyn Store) {
    store.append_requests(records(0, 9)).await.unwrap();

    for milliseconds in [0, 5, 8] {
        let found = store.request(record(milliseconds).request_id).await.unwrap().unwrap();
        assert_eq!(found.record, record(milliseconds));
        assert_eq!(starts(store, of(10, Some(found.row))).await, (0..milliseconds).rev().collect::<Vec<_>>());
    }
    assert_eq!(store.request(RequestId::from_bits(9)).await.unwrap(), None);
}

pub async fn a_page_of_request_records_takes_any_cursor(store: &dyn Store) {
    store.append_requests(records(0, 3)).await.unwrap();

    for (after, count) in [(i64::MIN, 0), (-1, 0), (0, 0), (i64::MAX, 3)] {
        let piece = store.requests(&of(10, Some(after))).await.unwrap();
        assert_eq!((piece.items.len(), piece.next), (count, None), "{after}");
    }
}

pub async fn old_request_records_are_pruned(store: &dyn Store) {
    store.append_requests(records(0, 10)).await.unwrap();

    assert_eq!(store.prune_requests(at(4), ANY_SIZE).await.unwrap(), 4);
    assert_eq!(store.prune_requests(at(4), ANY_SIZE).await.unwrap(), 0);

    let left = all(store).await;
    assert_eq!(left.iter().map(|record| record.started_at).min(), Some(at(4)));
    assert_eq!(left.len(), 6);
}

pub async fn the_oldest_records_are_pruned_while_the_log_is_too_large(store: &dyn Store) {
    store.append_requests(records(0, 4000)).await.unwrap();

    let pruned = store.prune_requests(at(0), 200_000).await.unwrap();
    let left = all(store).await;

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
    assert_eq!(all(store).await, [record(11_999)]);
}
