//! What tests of stores put in and look at, whatever the store, beside the suite's own.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "assertions")]

use std::net::Ipv4Addr;

use http::Method;
use jiff::Timestamp;
use rotator_core::{
    model::{ConfigFields, ConfigId, ConfigSpec, KeyId, QuotaGroup, Weight},
    record::{RequestId, RequestOutcome, RequestRecord},
    secret::Secret,
    store::{Change, NewKey, Store},
    vault::KeyEncryptionKey,
};

/// When everything happens.
pub fn now() -> Timestamp {
    Timestamp::from_millisecond(1_714_536_000_000).unwrap()
}

/// A key-encryption key, one per hexadecimal digit.
pub fn kek(digit: char) -> KeyEncryptionKey {
    KeyEncryptionKey::parse(&digit.to_string().repeat(64)).unwrap()
}

/// Who changes things.
pub fn change() -> Change {
    Change { at: now(), actor: "admin".into(), address: None, request_id: "r".into() }
}

/// Adds an LLM service.
pub async fn insert(store: &dyn Store, slug: &str) -> ConfigId {
    insert_at(store, slug, "https://api.example.com").await
}

/// Adds an LLM service whose API is there.
pub async fn insert_at(store: &dyn Store, slug: &str, url: &str) -> ConfigId {
    let fields = ConfigFields {
        name: slug.into(),
        slug: slug.into(),
        config_type: "LLM".into(),
        is_active: true,
        target_base_url: Some(url.into()),
        ..ConfigFields::default()
    };
    store.insert_config(ConfigSpec::try_from(&fields).unwrap(), &change()).await.unwrap().id
}

/// An active key without a note.
pub fn key(text: &str) -> NewKey {
    NewKey {
        secret: Secret::parse(text).unwrap(),
        is_active: true,
        weight: Weight::ONE,
        quota_group: QuotaGroup::default(),
        note: String::new(),
    }
}

/// Adds keys.
pub async fn add(store: &dyn Store, config: ConfigId, texts: &[&str]) -> Vec<KeyId> {
    store.add_keys(config, texts.iter().map(|text| key(text)).collect(), &change()).await.unwrap().ids
}

/// The text of a key; `None` when it does not open.
pub async fn text(store: &dyn Store, id: KeyId) -> Option<String> {
    store.key(id).await.unwrap().unwrap().secret.map(|secret| secret.expose().to_owned())
}

/// The record of a request that found no service.
pub fn refused_request(started_at: Timestamp) -> RequestRecord {
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
        usage_estimated: false,
        cost: None,
        trace: None,
    }
}
