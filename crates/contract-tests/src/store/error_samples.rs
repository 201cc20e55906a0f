//! Samples of answers that were no success.

use rotator_core::{model::ConfigId, outcome::Kind, record::ErrorSample, store::Store};

use super::samples::{at, change, insert};

fn sample(config_id: ConfigId, milliseconds: i64) -> ErrorSample {
    ErrorSample {
        config_id,
        seen_at: at(milliseconds),
        status: 429,
        headers: vec![("retry-after".into(), "7".into()), ("x-a".into(), "\"é\"".into())],
        body: "{\"error\": \"'; DROP TABLE error_samples; --\"}".into(),
        outcome: Kind::RateLimited,
        rule: "too many requests".into(),
    }
}

pub async fn an_error_sample_reads_back_as_it_was_put(store: &dyn Store) {
    let (one, other) = (ConfigId(1), ConfigId(2));
    let sparse = ErrorSample { headers: Vec::new(), body: "".into(), rule: "".into(), ..sample(one, 1) };
    let samples = vec![sample(one, 2), sparse.clone(), sample(other, 3)];

    store.put_error_samples(samples).await.unwrap();
    store.put_error_samples(Vec::new()).await.unwrap();

    assert_eq!(store.error_samples(one).await.unwrap(), [sample(one, 2), sparse]);
    assert_eq!(store.error_samples(other).await.unwrap(), [sample(other, 3)]);
    assert_eq!(store.error_samples(ConfigId(3)).await.unwrap(), []);
}

pub async fn of_error_samples_with_the_same_status_and_rule_the_newest_is_kept(store: &dyn Store) {
    let config = ConfigId(1);
    let like = |milliseconds: i64| ErrorSample {
        headers: Vec::new(),
        body: milliseconds.to_string().into(),
        outcome: Kind::QuotaExhausted,
        ..sample(config, milliseconds)
    };
    let status = ErrorSample { status: 500, ..sample(config, 1) };
    let rule = ErrorSample { rule: "another".into(), ..sample(config, 2) };

    store.put_error_samples(vec![sample(config, 3), status.clone(), rule.clone(), like(5)]).await.unwrap();
    store.put_error_samples(vec![like(4)]).await.unwrap();

    assert_eq!(store.error_samples(config).await.unwrap(), [like(5), rule, status]);
}

pub async fn so_many_error_samples_of_a_config_are_kept_and_no_more(store: &dyn Store) {
    let most = i64::from(ErrorSample::MAX_PER_CONFIG);
    let (one, other) = (ConfigId(1), ConfigId(2));
    let of = |config, n: i64| ErrorSample { rule: n.to_string().into(), ..sample(config, n) };
    store.put_error_samples(vec![of(other, 0)]).await.unwrap();

    for n in 0..most + 3 {
        store.put_error_samples(vec![of(one, n)]).await.unwrap();
    }
    store.put_error_samples(vec![of(one, 0)]).await.unwrap();

    let kept: Vec<_> = (3..most + 3).rev().map(|n| of(one, n)).collect();
    assert_eq!(store.error_samples(one).await.unwrap(), kept);
    assert_eq!(store.error_samples(other).await.unwrap(), [of(other, 0)]);
}

pub async fn error_samples_go_with_their_config(store: &dyn Store) {
    let (one, other) = (insert(store, "one").await.id, insert(store, "other").await.id);
    store.put_error_samples(vec![sample(one, 1), sample(other, 1)]).await.unwrap();

    store.delete_config(one, &change()).await.unwrap();

    assert_eq!(store.error_samples(one).await.unwrap(), []);
    assert_eq!(store.error_samples(other).await.unwrap(), [sample(other, 1)]);
}

pub async fn old_error_samples_are_pruned(store: &dyn Store) {
    let config = ConfigId(1);
    let old = ErrorSample { status: 500, ..sample(config, 4) };
    store.put_error_samples(vec![old, sample(config, 5)]).await.unwrap();

    assert_eq!(store.prune_requests(at(5), u64::MAX).await.unwrap(), 0);

    assert_eq!(store.error_samples(config).await.unwrap(), [sample(config, 5)]);
}
