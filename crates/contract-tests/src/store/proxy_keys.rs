//! Keys that clients show to us.

use std::{collections::BTreeSet, num::NonZeroU32};

use rotator_core::{
    access::sha256_of,
    model::{Caps, ConfigId, ProxyKey, ProxyKeyId, ProxyKeySpec},
    secret::Secret,
    store::{Store, StoreError},
};

use super::samples::{at, change, change_at};

const GONE: ProxyKeyId = ProxyKeyId(999_999);

fn secret(text: &str) -> Secret {
    Secret::parse(text).unwrap()
}

fn open(name: &str) -> ProxyKeySpec {
    let caps = Caps::default();
    ProxyKeySpec { name: name.into(), is_active: true, services: None, expires_at: None, caps }
}

pub(super) fn bounded() -> ProxyKeySpec {
    ProxyKeySpec {
        name: "a team's \"key\"; '密钥'".into(),
        is_active: false,
        services: Some(BTreeSet::from([ConfigId(3), ConfigId(i64::MAX)])),
        expires_at: Some(at(9)),
        caps: Caps {
            concurrent: NonZeroU32::new(1),
            per_minute: NonZeroU32::new(2),
            tokens_per_minute: NonZeroU32::new(u32::MAX),
        },
    }
}

pub(super) async fn insert_proxy_key(store: &dyn Store, text: &str) -> ProxyKey {
    store.insert_proxy_key(&secret(text), open(text), &change()).await.unwrap()
}

pub async fn proxy_keys_read_back_as_they_were_written(store: &dyn Store) {
    let first = insert_proxy_key(store, "pk-first-of-the-tests").await;
    let key = secret("pk-second-of-the-tests");
    let second = store.insert_proxy_key(&key, bounded(), &change_at(5)).await.unwrap();

    assert_eq!(store.proxy_keys().await.unwrap(), [first.clone(), second.clone()]);
    let ProxyKey { id, spec, digest, masked, last_used_at, created_at } = second;
    assert!(first.id.number().is_some() && id > first.id, "{id} follows {}", first.id);
    assert_eq!((spec, digest, masked.as_str()), (bounded(), sha256_of(&key), "pk-sec***sts"));
    assert_eq!((last_used_at, created_at), (None, at(5)));
}

pub async fn a_proxy_key_is_there_once(store: &dyn Store) {
    insert_proxy_key(store, "pk-first-of-the-tests").await;
    let again = store.insert_proxy_key(&secret("pk-first-of-the-tests"), open("again"), &change()).await;

    assert!(matches!(again, Err(StoreError::Conflict { field: "key_value" })), "{again:?}");
    assert_eq!(store.proxy_keys().await.unwrap().len(), 1);
}

pub async fn replacing_a_proxy_key_changes_its_terms_alone(store: &dyn Store) {
    let before = insert_proxy_key(store, "pk-first-of-the-tests").await;

    let after = store.replace_proxy_key(before.id, bounded(), &change_at(5)).await.unwrap();

    assert_eq!(after, ProxyKey { spec: bounded(), ..before });
    assert_eq!(store.proxy_keys().await.unwrap(), [after]);
}

pub async fn a_deleted_proxy_key_is_gone_and_its_id_is_not_used_again(store: &dyn Store) {
    let first = insert_proxy_key(store, "pk-first-of-the-tests").await.id;
    store.delete_proxy_key(first, &change()).await.unwrap();
    assert_eq!(store.proxy_keys().await.unwrap(), []);

    assert_ne!(insert_proxy_key(store, "pk-first-of-the-tests").await.id, first);
}

pub async fn changing_an_unknown_proxy_key_is_not_found(store: &dyn Store) {
    let replaced = store.replace_proxy_key(GONE, open("gone"), &change()).await;
    let deleted = store.delete_proxy_key(GONE, &change()).await;

    assert!(matches!(replaced, Err(StoreError::NotFound)), "{replaced:?}");
    assert!(matches!(deleted, Err(StoreError::NotFound)), "{deleted:?}");
    assert!(store.audit_entries(10).await.unwrap().is_empty());
}

pub async fn the_last_use_of_a_proxy_key_never_goes_back(store: &dyn Store) {
    let id = insert_proxy_key(store, "pk-first-of-the-tests").await.id;
    for used_at in [at(7), at(3)] {
        store.note_proxy_key_uses(&[(GONE, used_at), (id, used_at)]).await.unwrap();
    }

    assert_eq!(store.proxy_keys().await.unwrap()[0].last_used_at, Some(at(7)));
}
