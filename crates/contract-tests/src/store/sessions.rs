//! Sessions that were ended.

use rotator_core::store::Store;

use super::samples::at;

pub async fn a_revoked_session_is_listed_until_it_expires(store: &dyn Store) {
    store.revoke_session("soon", at(1000)).await.unwrap();
    store.revoke_session("later", at(9000)).await.unwrap();

    let mut now = store.revoked_sessions(at(999)).await.unwrap();
    now.sort();
    assert_eq!(now, ["later", "soon"]);
    assert_eq!(store.revoked_sessions(at(1000)).await.unwrap(), ["later"]);
    assert_eq!(store.revoked_sessions(at(9000)).await.unwrap(), [""; 0]);
}

pub async fn a_session_may_be_revoked_twice(store: &dyn Store) {
    store.revoke_session("s' OR '1'='1", at(1000)).await.unwrap();
    store.revoke_session("s' OR '1'='1", at(1000)).await.unwrap();

    assert_eq!(store.revoked_sessions(at(0)).await.unwrap(), ["s' OR '1'='1"]);
}
