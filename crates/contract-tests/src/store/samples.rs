//! Data for the cases.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Method;
use jiff::Timestamp;
use rotator_core::{
    model::{ApiKey, ConfigFields, ConfigId, ConfigSpec, KeyId, ProxyConfig, QuotaGroup, Weight},
    prices::Money,
    record::{AttemptTrace, PassedOver, RequestId, RequestOutcome, RequestRecord, Tokens, Trace},
    secret::Secret,
    store::{AddedKeys, Change, NewKey, PageRequest, Store, StoreError},
};

/// A moment, so many milliseconds after all tests begin.
pub(super) fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_714_536_000_000 + milliseconds).unwrap()
}

/// Who changes things here.
pub(super) fn change() -> Change {
    change_at(0)
}

pub(super) fn change_at(milliseconds: i64) -> Change {
    Change {
        at: at(milliseconds),
        actor: "admin".into(),
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        request_id: "req-1".into(),
    }
}

/// A generic service as a form has it.
pub(super) fn fields(slug: &str) -> ConfigFields {
    ConfigFields {
        name: format!("The {slug} service"),
        slug: slug.into(),
        config_type: "GENERIC".into(),
        is_active: true,
        api_key_location: Some("header".into()),
        api_key_name: Some("x-api-key".into()),
        target_url: Some("https://api.example.com/v1".into()),
        ..ConfigFields::default()
    }
}

pub(super) fn spec_of(fields: &ConfigFields) -> ConfigSpec {
    ConfigSpec::try_from(fields).unwrap()
}

pub(super) fn spec(slug: &str) -> ConfigSpec {
    spec_of(&fields(slug))
}

/// An LLM service.
pub(super) fn llm(slug: &str) -> ConfigSpec {
    spec_of(&ConfigFields {
        config_type: "LLM".into(),
        target_base_url: Some("https://llm.example.com/v1".into()),
        api_format: Some("anthropic_native".into()),
        ..ConfigFields { api_key_location: None, api_key_name: None, target_url: None, ..fields(slug) }
    })
}

pub(super) fn secret(text: &str) -> Secret {
    Secret::parse(text).unwrap()
}

/// An active key without a note.
pub(super) fn key(text: &str) -> NewKey {
    NewKey {
        secret: secret(text),
        is_active: true,
        weight: Weight::ONE,
        quota_group: QuotaGroup::default(),
        note: String::new(),
    }
}

pub(super) fn disabled(text: &str) -> NewKey {
    NewKey { is_active: false, ..key(text) }
}

/// So many different keys.
pub(super) fn keys(count: usize) -> Vec<NewKey> {
    (0..count).map(|n| key(&format!("sk-{n:032}"))).collect()
}

pub(super) fn page(limit: u32, after: Option<i64>) -> PageRequest {
    PageRequest { limit, after }
}

/// The text of a key that opened.
pub(super) fn text(key: &ApiKey) -> &str {
    key.secret.as_ref().unwrap().expose()
}

pub(super) async fn insert(store: &dyn Store, slug: &str) -> ProxyConfig {
    store.insert_config(spec(slug), &change()).await.unwrap()
}

pub(super) async fn add(store: &dyn Store, config: ConfigId, keys: Vec<NewKey>) -> AddedKeys {
    store.add_keys(config, keys, &change()).await.unwrap()
}

/// Adds one key.
pub(super) async fn add_one(store: &dyn Store, config: ConfigId, text: &str) -> KeyId {
    add(store, config, vec![key(text)]).await.ids[0]
}

#[track_caller]
pub(super) fn assert_not_found<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, StoreError::NotFound), "{error:?}");
}

#[track_caller]
pub(super) fn assert_slug_conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { field: "slug" }), "{error:?}");
}

/// A record of a request that began so many milliseconds after all tests begin.
pub(super) fn record(milliseconds: i64) -> RequestRecord {
    RequestRecord {
        request_id: RequestId::from_bits(milliseconds.unsigned_abs().into()),
        started_at: at(milliseconds),
        config_id: Some(ConfigId(7)),
        key_id: Some(KeyId(70)),
        proxy_key: Some(1),
        method: Method::POST,
        path: "/llm/openai/v1/chat/completions".into(),
        status: 200,
        outcome: RequestOutcome::Completed,
        attempts: 1,
        duration_us: 1_234_567,
        first_byte_us: Some(234_567),
        bytes_in: 240,
        bytes_out: 976,
        client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        model: Some("gpt-5".into()),
        usage: Some(Tokens { input: 86, cached_read: 1920, cache_write: 7, output: 108, reasoning: 192 }),
        usage_estimated: true,
        cost: Some(Money::from_nanos(5_123_456_789)),
        trace: Some(Box::new(trace())),
    }
}

fn trace() -> Trace {
    let attempt = AttemptTrace {
        key_id: 70,
        target: Some("https://eu.example.com".into()),
        is_hedge: true,
        started_us: 12,
        duration_us: 1_234,
        status: Some(429),
        outcome: "rate_limited".into(),
        rule: Some("\"quoted\" é".into()),
    };
    Trace {
        keys: 3,
        passed_over: vec![PassedOver { key_id: 71, why: "cooling".into() }],
        passed_over_more: 1,
        waited_us: 5,
        attempts: vec![attempt, AttemptTrace::default()],
    }
}

/// A record with every optional field empty and every number at its end.
pub(super) fn sparse_record(milliseconds: i64) -> RequestRecord {
    RequestRecord {
        config_id: None,
        key_id: None,
        proxy_key: None,
        path: "".into(),
        status: 0,
        outcome: RequestOutcome::ClientGone,
        attempts: 0,
        duration_us: 0,
        first_byte_us: None,
        bytes_in: 0,
        bytes_out: i64::MAX.unsigned_abs(),
        client: IpAddr::V6(Ipv6Addr::LOCALHOST),
        model: None,
        usage: None,
        usage_estimated: false,
        cost: None,
        trace: None,
        ..record(milliseconds)
    }
}
