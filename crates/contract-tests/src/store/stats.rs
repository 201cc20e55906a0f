//! What requests came to.

use std::time::Duration;

use rotator_core::{
    model::{ConfigId, KeyId},
    prices::Money,
    record::{RequestRecord, StatusClass, Tally, Tokens},
    store::{KeyStats, Stats, StatsQuery, Store, Term},
};

use super::{
    instances::instance,
    samples::{at, record, sparse_record},
};

/// In milliseconds. All tests begin at the beginning of an hour, and of a day.
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Hour by hour, from so many hours to so many others after all tests begin.
fn hours(from: i64, to: i64) -> StatsQuery {
    StatsQuery { since: at(from * HOUR), until: at(to * HOUR), step_ms: HOUR, config_id: None }
}

/// A request that ended so many minutes after all tests began, and took no time.
fn ended(minutes: i64) -> RequestRecord {
    RequestRecord { duration_us: 0, ..record(minutes * MINUTE) }
}

async fn stats(store: &dyn Store, query: StatsQuery) -> Stats {
    store.stats(&query).await.unwrap()
}

/// When each step of the series begins, in milliseconds after all tests begin, and how many requests it has.
fn series(stats: &Stats) -> Vec<(i64, u64)> {
    let step = |(begins, tally): &(jiff::Timestamp, Tally)| {
        (begins.as_millisecond() - at(0).as_millisecond(), tally.total())
    };
    stats.series.iter().map(step).collect()
}

pub async fn nothing_came_of_no_requests(store: &dyn Store) {
    let nothing = stats(store, hours(0, 24)).await;

    assert!(nothing.series.is_empty() && nothing.services.is_empty());
    assert!(nothing.models.is_empty() && nothing.keys.is_empty());
}

pub async fn requests_are_counted_step_by_step(store: &dyn Store) {
    // In two batches, of which the second adds to a minute of the first.
    store.append_requests(vec![ended(0), ended(59), ended(60)]).await.unwrap();
    store.append_requests(vec![ended(0), ended(60 * 5)]).await.unwrap();

    let by_hour = stats(store, hours(0, 24)).await;
    assert_eq!(series(&by_hour), [(0, 3), (HOUR, 1), (5 * HOUR, 1)]);
    let narrow = stats(store, hours(1, 5)).await;
    assert_eq!(series(&narrow), [(HOUR, 1)]);
    let by_minute = stats(store, StatsQuery { step_ms: MINUTE, ..hours(0, 1) }).await;
    assert_eq!(series(&by_minute), [(0, 2), (59 * MINUTE, 1)]);

    let (_, first) = by_minute.series[0];
    assert_eq!((first.requests(StatusClass::Success), first.rescued()), (2, 0));
    let used = Tokens { input: 172, cached_read: 3840, cache_write: 14, output: 216, reasoning: 384 };
    assert_eq!((first.tokens(), first.cost()), (used, Money::from_nanos(2 * 5_123_456_789)));
    assert_eq!(first.durations().percentile(99), Some(768));
    assert_eq!(first.first_bytes().percentile(50), Some(163_840));
}

pub async fn requests_are_counted_by_service_model_and_key(store: &dyn Store) {
    let to = |config: i64, key: i64, model: &str, status: u16| RequestRecord {
        config_id: Some(ConfigId(config)),
        key_id: Some(KeyId(key)),
        model: Some(model.into()),
        status,
        ..ended(1)
    };
    let records = vec![
        to(1, 10, "small", 200),
        to(2, 20, "large", 200),
        to(2, 21, "large", 503),
        to(2, 21, "small", 200),
        RequestRecord { config_id: None, key_id: None, status: 404, ..ended(1) },
    ];
    store.append_requests(records).await.unwrap();

    let found = stats(store, hours(0, 1)).await;

    let services: Vec<_> = found.services.iter().map(|(id, tally)| (id.0, tally.total())).collect();
    assert_eq!(services, [(2, 3), (1, 1)]);
    let models: Vec<_> = found.models.iter().map(|(model, tally)| (&**model, tally.total())).collect();
    // Of one that failed it is not known whether there is such a model.
    assert_eq!(models, [("small", 2), ("large", 1)]);
    let key = |key, config, requests, failed| KeyStats {
        key_id: KeyId(key),
        config_id: Some(ConfigId(config)),
        requests,
        failed,
    };
    assert_eq!(found.keys, [key(21, 2, 2, 1), key(10, 1, 1, 0), key(20, 2, 1, 0)]);
}

pub async fn requests_of_one_service_are_counted_alone(store: &dyn Store) {
    let other = RequestRecord { config_id: Some(ConfigId(8)), key_id: Some(KeyId(80)), ..ended(2) };
    store.append_requests(vec![ended(1), other, sparse_record(0)]).await.unwrap();

    let of_one = |id| StatsQuery { config_id: Some(ConfigId(id)), ..hours(0, 1) };
    let found = stats(store, of_one(8)).await;
    assert_eq!(series(&found), [(0, 1)]);
    assert_eq!((found.services.len(), found.keys.len(), found.keys[0].key_id), (1, 1, KeyId(80)));
    assert_eq!(series(&stats(store, of_one(9)).await), []);
    assert_eq!(series(&stats(store, hours(0, 1)).await), [(0, 3)]);
}

pub async fn absurd_counts_do_not_stop_the_counting(store: &dyn Store) {
    let most = u64::MAX;
    let usage = Tokens { input: most, cached_read: most, cache_write: most, output: most, reasoning: most };
    let absurd = RequestRecord {
        usage: Some(usage),
        cost: Some(Money::from_nanos(most)),
        first_byte_us: Some(most),
        model: Some("'; DROP TABLE requests; -- 日本語\0 ".into()),
        ..ended(1)
    };
    for _ in 0..3 {
        store.append_requests(vec![absurd.clone(); 10]).await.unwrap();
    }
    store.append_requests(vec![RequestRecord { duration_us: most, ..ended(1) }]).await.unwrap();

    let found = stats(store, hours(0, 1)).await;

    assert_eq!(series(&found), [(0, 30)]);
    assert_eq!(found.series[0].1.tokens().input, 30 << 40);
    assert_eq!(found.models[0].0.trim_end(), "'; DROP TABLE requests; -- 日本語\0");
}

pub async fn hours_are_condensed_without_losing_a_count(store: &dyn Store) {
    let minutes = [0, 1, 59, 60, 61, 125, 180];
    let records = minutes.map(|minutes| RequestRecord { attempts: 2, ..ended(minutes) });
    store.append_requests(records.to_vec()).await.unwrap();
    store.append_requests(vec![sparse_record(MINUTE)]).await.unwrap();
    let before = stats(store, hours(0, 24)).await;

    // The third hour has not ended by then.
    let term = lead(store, "one").await;
    for _ in 0..2 {
        store.condense_stats(at(2 * HOUR + 30 * MINUTE), at(0), term).await.unwrap();
    }

    let after = stats(store, hours(0, 24)).await;
    assert_eq!(
        (&after.series, &after.services, &after.models),
        (&before.series, &before.services, &before.models)
    );
    let by_minute = stats(store, StatsQuery { step_ms: MINUTE, ..hours(0, 24) }).await;
    assert_eq!(series(&by_minute), [(0, 4), (HOUR, 2), (125 * MINUTE, 1), (180 * MINUTE, 1)]);

    // What comes late is counted too.
    store.append_requests(vec![ended(0)]).await.unwrap();
    assert_eq!(series(&stats(store, hours(0, 1)).await), [(0, 5)]);
}

pub async fn old_counts_are_deleted(store: &dyn Store) {
    store.append_requests([0, 60, 120].map(ended).to_vec()).await.unwrap();

    let term = lead(store, "one").await;
    store.condense_stats(at(0), at(HOUR), term).await.unwrap();

    assert_eq!(series(&stats(store, hours(0, 24)).await), [(HOUR, 1), (2 * HOUR, 1)]);
}

pub async fn who_leads_no_more_condenses_and_deletes_nothing(store: &dyn Store) {
    store.append_requests([0, 1, 60].map(ended).to_vec()).await.unwrap();
    let by_minute = StatsQuery { step_ms: MINUTE, ..hours(0, 24) };
    let before = stats(store, by_minute).await;
    let former = lead(store, "one").await;
    store.leave("one").await.unwrap();
    let current = lead(store, "two").await;

    store.condense_stats(at(3 * HOUR), at(HOUR), former).await.unwrap();
    assert_eq!(series(&stats(store, by_minute).await), series(&before));

    store.condense_stats(at(3 * HOUR), at(HOUR), current).await.unwrap();
    assert_eq!(series(&stats(store, by_minute).await), [(HOUR, 1)]);
}

/// The term in which this one leads.
async fn lead(store: &dyn Store, id: &str) -> Term {
    store.beat(&instance(id), Duration::from_mins(1)).await.unwrap().unwrap()
}
