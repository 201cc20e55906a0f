//! The request log: finding records.

use std::{net::Ipv6Addr, ops::RangeInclusive};

use http::Method;
use jiff::Timestamp;
use rotator_core::{
    model::{ConfigId, KeyId},
    record::{RequestOutcome, RequestRecord},
    store::{RequestQuery, Store},
};

use super::{
    requests::{found, of, starts},
    samples::{at, page, record, sparse_record},
};

/// In milliseconds.
const HOUR: i64 = 3_600_000;

/// A log of two records: the first as it is changed here, the second a plain one.
async fn one_and_another(store: &dyn Store, change: impl FnOnce(&mut RequestRecord)) {
    let mut one = record(1);
    change(&mut one);
    store.append_requests(vec![one, record(2)]).await.unwrap();
}

pub async fn request_records_are_found_by_service_and_key(store: &dyn Store) {
    let service = |id| RequestQuery { config_id: Some(ConfigId(id)), ..RequestQuery::default() };
    let key = |id| RequestQuery { key_id: Some(KeyId(id)), ..RequestQuery::default() };
    let other = |record: &mut RequestRecord| (record.config_id, record.key_id) = (Some(ConfigId(8)), None);
    one_and_another(store, other).await;
    store.append_requests(vec![sparse_record(3)]).await.unwrap();

    assert_eq!(starts(store, service(8)).await, [1]);
    assert_eq!(starts(store, service(7)).await, [2]);
    assert_eq!(starts(store, key(70)).await, [2]);
    for nothing in [0, -1, i64::MAX] {
        assert_eq!(starts(store, service(nothing)).await, [0; 0]);
        assert_eq!(starts(store, key(nothing)).await, [0; 0]);
    }
}

pub async fn request_records_are_found_by_outcome(store: &dyn Store) {
    for (milliseconds, outcome) in (0..).zip(RequestOutcome::ALL) {
        store.append_requests(vec![RequestRecord { outcome, ..record(milliseconds) }]).await.unwrap();
    }

    for (milliseconds, outcome) in (0..).zip(RequestOutcome::ALL) {
        let query = RequestQuery { outcome: Some(outcome), ..RequestQuery::default() };
        assert_eq!(starts(store, query).await, [milliseconds], "{}", outcome.as_str());
    }
}

pub async fn request_records_are_found_by_status(store: &dyn Store) {
    for status in [0, 200, 399, 400, 404, 499, 500, 599, 999] {
        store.append_requests(vec![RequestRecord { status, ..record(status.into()) }]).await.unwrap();
    }
    let status = |codes| RequestQuery { status: Some(codes), ..RequestQuery::default() };
    let cases: [(RangeInclusive<u16>, &[i64]); 6] = [
        (404..=404, &[404]),
        (400..=499, &[499, 404, 400]),
        (0..=0, &[0]),
        (500..=u16::MAX, &[999, 599, 500]),
        (401..=403, &[]),
        (RangeInclusive::new(499, 400), &[]),
    ];

    for (codes, expected) in cases {
        assert_eq!(starts(store, status(codes.clone())).await, expected, "{codes:?}");
    }
}

pub async fn request_records_are_found_by_method_and_address(store: &dyn Store) {
    let method = |method| RequestQuery { method: Some(method), ..RequestQuery::default() };
    let client = |client| RequestQuery { client: Some(client), ..RequestQuery::default() };
    let (purge, v6) = (Method::from_bytes(b"PURGE").unwrap(), Ipv6Addr::LOCALHOST.into());
    one_and_another(store, |record| (record.method, record.client) = (purge.clone(), v6)).await;

    assert_eq!(starts(store, method(purge)).await, [1]);
    assert_eq!(starts(store, method(Method::POST)).await, [2]);
    assert_eq!(starts(store, method(Method::GET)).await, [0; 0]);
    assert_eq!(starts(store, client(v6)).await, [1]);
    assert_eq!(starts(store, client(record(2).client)).await, [2]);
    assert_eq!(starts(store, client(Ipv6Addr::UNSPECIFIED.into())).await, [0; 0]);
}

pub async fn request_records_are_found_by_part_of_the_path_in_either_case(store: &dyn Store) {
    let path = |path: &str| RequestQuery { path: Some(path.into()), ..RequestQuery::default() };
    one_and_another(store, |record| record.path = "/proxy/Wetter/ÜBER".into()).await;

    for (part, expected) in
        [("", &[2, 1][..]), ("/", &[2, 1]), ("wetter", &[1]), ("WETTER/über", &[1]), ("CHAT", &[2])]
    {
        assert_eq!(starts(store, path(part)).await, expected, "{part}");
    }
    assert_eq!(starts(store, path("/proxy/openai")).await, [0; 0]);
}

pub async fn a_path_search_takes_wildcards_and_quotes_as_text(store: &dyn Store) {
    const PARTS: [&str; 8] =
        ["100%", "_", "\\", "it's", "\"", "*?[a-z]", "'; DROP TABLE requests; --", "日本語\0"];
    let path = |path: &str| RequestQuery { path: Some(path.into()), ..RequestQuery::default() };
    for (milliseconds, part) in (0..).zip(PARTS) {
        let record = RequestRecord { path: format!("/p/{part}").into(), ..record(milliseconds) };
        store.append_requests(vec![record]).await.unwrap();
    }

    for (milliseconds, part) in (0..).zip(PARTS) {
        assert_eq!(starts(store, path(part)).await, [milliseconds], "{part}");
    }
    for nothing in ["%%", "/p/%", "p_1", "' OR '1'='1", "/*/"] {
        assert_eq!(starts(store, path(nothing)).await, [0; 0], "{nothing}");
    }
}

pub async fn request_records_are_found_by_when_they_ended(store: &dyn Store) {
    for hour in 0..9 {
        let ends_at_once = RequestRecord { duration_us: 999, ..record(hour * HOUR) };
        store.append_requests(vec![ends_at_once]).await.unwrap();
    }
    let long = RequestRecord { duration_us: 9_000 * HOUR.unsigned_abs(), ..record(1) };
    store.append_requests(vec![long]).await.unwrap();
    let between = |since: Option<i64>, until: Option<i64>| RequestQuery {
        since: since.map(at),
        until: until.map(at),
        ..of(2, None)
    };
    let cases: [(Option<i64>, Option<i64>, &[i64]); 8] = [
        (Some(3), Some(5), &[4, 3]),
        (Some(8), None, &[-1, 8]),
        (Some(9), None, &[-1]),
        (Some(10), None, &[]),
        (None, Some(2), &[1, 0]),
        (None, Some(0), &[]),
        (Some(5), Some(5), &[]),
        (Some(6), Some(2), &[]),
    ];

    for (since, until, hours) in cases {
        let query = between(since.map(|hour| hour * HOUR), until.map(|hour| hour * HOUR));
        // The long one began a millisecond after all tests begin.
        let expected: Vec<i64> = hours.iter().map(|hour| if *hour < 0 { 1 } else { hour * HOUR }).collect();
        assert_eq!(starts(store, query).await, expected, "{since:?} {until:?}");
    }
    for (since, until, count) in [
        (Timestamp::MIN, Timestamp::MAX, 10),
        (Timestamp::MAX, Timestamp::MAX, 0),
        (Timestamp::MIN, Timestamp::MIN, 0),
    ] {
        let query = RequestQuery { since: Some(since), until: Some(until), ..RequestQuery::default() };
        assert_eq!(starts(store, query).await.len(), count, "{since} {until}");
    }
}

pub async fn request_records_are_found_by_time_although_they_are_not_quite_in_order(store: &dyn Store) {
    for second in [0, 3, 1, 2, 9, 5, 7, 6, 8, 4] {
        let record = RequestRecord { duration_us: 0, ..record(second * 1000) };
        store.append_requests(vec![record]).await.unwrap();
    }

    for (since, until) in [(0, 4), (3, 6), (2, 9), (9, 10), (0, 1)] {
        let query =
            RequestQuery { since: Some(at(since * 1000)), until: Some(at(until * 1000)), ..of(1, None) };
        let mut found = starts(store, query).await;
        found.sort_unstable();
        assert_eq!(found, (since..until).map(|second| second * 1000).collect::<Vec<_>>());
    }
}

pub async fn request_records_are_found_by_duration_attempts_and_trace(store: &dyn Store) {
    let min_duration =
        |us| starts(store, RequestQuery { min_duration_us: Some(us), ..RequestQuery::default() });
    let min_attempts = |n| starts(store, RequestQuery { min_attempts: Some(n), ..RequestQuery::default() });
    let has_trace = |has| starts(store, RequestQuery { has_trace: Some(has), ..RequestQuery::default() });
    let slow = |record: &mut RequestRecord| {
        (record.duration_us, record.attempts, record.trace) = (5_000_000, u8::MAX, None);
    };
    one_and_another(store, slow).await;

    for (us, expected) in
        [(0, &[2, 1][..]), (1_234_567, &[2, 1]), (1_234_568, &[1]), (5_000_000, &[1]), (u64::MAX, &[])]
    {
        assert_eq!(min_duration(us).await, expected, "{us}");
    }
    for (attempts, expected) in [(0, &[2, 1][..]), (1, &[2, 1]), (2, &[1]), (u8::MAX, &[1])] {
        assert_eq!(min_attempts(attempts).await, expected, "{attempts}");
    }
    assert_eq!((has_trace(true).await, has_trace(false).await), (vec![2], vec![1]));
}

pub async fn a_request_record_is_found_if_everything_holds(store: &dyn Store) {
    store.append_requests(vec![record(1), sparse_record(2)]).await.unwrap();
    let everything = RequestQuery {
        config_id: Some(ConfigId(7)),
        key_id: Some(KeyId(70)),
        outcome: Some(RequestOutcome::Completed),
        status: Some(200..=299),
        method: Some(Method::POST),
        path: Some("OpenAI".into()),
        client: Some(record(1).client),
        since: Some(at(1)),
        until: Some(at(HOUR)),
        min_duration_us: Some(1),
        min_attempts: Some(1),
        has_trace: Some(true),
        page: page(10, None),
    };
    let nearly = [
        RequestQuery { key_id: Some(KeyId(71)), ..everything.clone() },
        RequestQuery { status: Some(0..=0), ..everything.clone() },
        RequestQuery { path: Some("gemini".into()), ..everything.clone() },
        RequestQuery { has_trace: Some(false), ..everything.clone() },
    ];

    assert_eq!(found(store, everything).await, [record(1)]);
    for query in nearly {
        assert_eq!(starts(store, query).await, [0; 0]);
    }
}
