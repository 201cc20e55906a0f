//! The audit log.

use rotator_core::{
    model::{Caps, KeyId, ProxyKeySpec},
    notifications::Notifications,
    secret::Secret,
    store::{AuditAction, AuditDetail, KeyFilter, KeyPatch, Store},
};

use super::samples::{add, add_one, change, change_at, insert, key, keys, spec};

/// Every action and what it was done to, oldest first.
async fn log(store: &dyn Store) -> Vec<(String, Option<i64>)> {
    let entries = store.audit_entries(1000).await.unwrap();
    entries.into_iter().rev().map(|entry| (entry.action, entry.object_id)).collect()
}

pub async fn every_write_is_audited(store: &dyn Store) {
    let secret = Secret::parse("pk-of-the-tests").unwrap();
    let caps = Caps::default();
    let terms = ProxyKeySpec { name: "team".into(), is_active: true, services: None, expires_at: None, caps };
    let config = insert(store, "c").await.id;
    store.replace_config(config, spec("d"), &change()).await.unwrap();
    store.set_config_active(config, false, &change()).await.unwrap();
    let ids = add(store, config, keys(3)).await.ids;
    store.update_key(ids[0], KeyPatch::default(), &change()).await.unwrap();
    store.set_keys_active(config, &ids, false, &change()).await.unwrap();
    store.reset_keys(config, &ids, &change()).await.unwrap();
    store.delete_key(ids[0], &change()).await.unwrap();
    store.delete_keys(config, KeyFilter::default(), &change()).await.unwrap();
    store.delete_config(config, &change()).await.unwrap();
    let proxy_key = store.insert_proxy_key(&secret, terms.clone(), &change()).await.unwrap().id;
    store.replace_proxy_key(proxy_key, terms, &change()).await.unwrap();
    store.delete_proxy_key(proxy_key, &change()).await.unwrap();
    store.replace_prices(&[], &change()).await.unwrap();
    store.replace_notifications(&Notifications::default(), &change()).await.unwrap();

    let (config, key, proxy_key) = (Some(config.0), Some(ids[0].0), Some(proxy_key.0));
    let expected = [
        ("config.create", config),
        ("config.update", config),
        ("config.status", config),
        ("key.create", config),
        ("key.update", key),
        ("keys.update", config),
        ("keys.reset", config),
        ("key.delete", key),
        ("keys.delete", config),
        ("config.delete", config),
        ("proxy_key.create", proxy_key),
        ("proxy_key.update", proxy_key),
        ("proxy_key.delete", proxy_key),
        ("prices.update", None),
        ("notifications.update", None),
    ];
    assert_eq!(log(store).await, expected.map(|(action, object)| (action.to_owned(), object)));
}

pub async fn an_action_without_a_row_is_audited(store: &dyn Store) {
    let anonymous = rotator_core::store::Change { address: None, ..change_at(9) };
    store.audit(AuditAction::KeyRevealed(KeyId(7)), &change()).await.unwrap();
    store.audit(AuditAction::SignInFailed, &anonymous).await.unwrap();

    let entries = store.audit_entries(10).await.unwrap();

    assert_eq!((entries[1].action.as_str(), entries[1].object_id), ("key.reveal", Some(7)));
    assert_eq!((entries[1].address, entries[1].actor.as_str()), (change().address, "admin"));
    assert_eq!((entries[0].action.as_str(), entries[0].object_id), ("sign_in_failed", None));
    assert_eq!((entries[0].address, entries[0].at), (None, change_at(9).at));
    assert_eq!(entries[0].request_id, anonymous.request_id);
}

pub async fn an_action_on_many_keys_is_audited_with_their_number(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    let ids = add(store, config, keys(3)).await.ids;
    store.set_keys_active(config, &ids[1..], false, &change()).await.unwrap();
    store.reset_keys(config, &ids[1..], &change()).await.unwrap();
    store.reset_keys(config, &ids[..1], &change()).await.unwrap();
    store.audit(AuditAction::KeysExported(config, 3), &change()).await.unwrap();

    let entries = store.audit_entries(4).await.unwrap();

    assert_eq!((entries[0].action.as_str(), entries[0].object_id), ("keys.export", Some(config.0)));
    assert_eq!(entries[0].detail, AuditDetail::parse(r#"{"keys":3}"#));
    assert_eq!(
        entries[1].detail,
        AuditDetail::parse(&format!(r#"{{"key":{}}}"#, ids[0])),
        "which one it was"
    );
    assert_eq!(entries[2].detail, AuditDetail::parse(r#"{"keys":2}"#));
    assert_eq!(entries[3].detail, AuditDetail::parse(r#"{"keys":2,"is_active":false}"#));
}

pub async fn a_refused_write_leaves_no_audit_entry(store: &dyn Store) {
    insert(store, "c").await;

    assert!(store.insert_config(spec("c"), &change()).await.is_err());
    assert!(store.delete_key(KeyId(4711), &change()).await.is_err());

    assert_eq!(log(store).await.len(), 1);
}

pub async fn the_audit_log_holds_no_key(store: &dyn Store) {
    const CANARY: &str = "sk-canary-0123456789abcdef";
    let config = insert(store, "c").await.id;
    let id = add_one(store, config, CANARY).await;
    add(store, config, vec![key(CANARY), key("sk-other")]).await;
    let note = Some("a note".into());
    store.update_key(id, KeyPatch { note, ..KeyPatch::default() }, &change()).await.unwrap();
    store.audit(AuditAction::KeyRevealed(id), &change()).await.unwrap();
    store.delete_key(id, &change()).await.unwrap();
    store.delete_config(config, &change()).await.unwrap();

    let entries = store.audit_entries(1000).await.unwrap();

    assert_eq!(entries.len(), 7);
    assert!(!format!("{entries:?}").contains("canary"));
}

pub async fn audit_entries_come_newest_first(store: &dyn Store) {
    for n in 0..5 {
        store.audit(AuditAction::SignIn, &change_at(n)).await.unwrap();
    }

    let entries = store.audit_entries(2).await.unwrap();

    assert_eq!(entries.iter().map(|entry| entry.at).collect::<Vec<_>>(), [change_at(4).at, change_at(3).at]);
}
