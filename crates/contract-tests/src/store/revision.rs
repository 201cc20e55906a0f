//! By what instances learn that something was written.

use rotator_core::{
    model::{ConfigId, KeyId},
    notifications::Notifications,
    store::{AuditAction, KeyFilter, KeyPatch, KeyUsage, Store},
};

use super::{
    concurrency::together,
    proxy_keys::insert_proxy_key,
    samples::{add, at, change, insert, keys, spec},
};

pub async fn every_write_that_changes_the_snapshot_advances_the_revision(store: &dyn Store) {
    let mut last = store.revision().await.unwrap();
    let mut advanced = async |what: &str| {
        let now = store.revision().await.unwrap();
        assert!(now > last, "{what}");
        last = now;
    };

    let config = insert(store, "c").await.id;
    advanced("insert_config").await;
    store.replace_config(config, spec("d"), &change()).await.unwrap();
    advanced("replace_config").await;
    store.set_config_active(config, false, &change()).await.unwrap();
    advanced("set_config_active").await;
    let ids = add(store, config, keys(3)).await.ids;
    advanced("add_keys").await;
    store.update_key(ids[0], KeyPatch::default(), &change()).await.unwrap();
    advanced("update_key").await;
    store.set_keys_active(config, &ids, false, &change()).await.unwrap();
    advanced("set_keys_active").await;
    store.reset_keys(config, &ids, &change()).await.unwrap();
    advanced("reset_keys").await;
    store.delete_key(ids[0], &change()).await.unwrap();
    advanced("delete_key").await;
    store.delete_keys(config, KeyFilter::default(), &change()).await.unwrap();
    advanced("delete_keys").await;
    store.delete_config(config, &change()).await.unwrap();
    advanced("delete_config").await;
    let proxy_key = insert_proxy_key(store, "pk-first-of-the-tests").await;
    advanced("insert_proxy_key").await;
    store.replace_proxy_key(proxy_key.id, proxy_key.spec, &change()).await.unwrap();
    advanced("replace_proxy_key").await;
    store.delete_proxy_key(proxy_key.id, &change()).await.unwrap();
    advanced("delete_proxy_key").await;
    store.replace_prices(&[], &change()).await.unwrap();
    advanced("replace_prices").await;
}

pub async fn what_changes_no_snapshot_leaves_the_revision(store: &dyn Store) {
    let config = insert(store, "c").await.id;
    let key_id = add(store, config, keys(1)).await.ids[0];
    let before = store.revision().await.unwrap();

    assert!(store.insert_config(spec("c"), &change()).await.is_err());
    assert!(store.delete_key(KeyId(4711), &change()).await.is_err());
    assert!(store.delete_config(ConfigId(4711), &change()).await.is_err());
    store.replace_notifications(&Notifications::default(), &change()).await.unwrap();
    store.audit(AuditAction::SignIn, &change()).await.unwrap();
    store.revoke_session("s", at(1000)).await.unwrap();
    let usage = KeyUsage { key_id, successes: 1, failures: 0, last_used_at: at(0) };
    store.add_key_usage(&[usage]).await.unwrap();

    assert_eq!(store.revision().await.unwrap(), before);
}

pub async fn writes_at_once_all_count(store: &dyn Store) {
    let before = store.revision().await.unwrap();

    let slugs: Vec<String> = (0..20).map(|n| format!("c-{n}")).collect();
    together(slugs.iter().map(|slug| insert(store, slug))).await;

    assert_eq!(store.revision().await.unwrap(), before + 20);
}
