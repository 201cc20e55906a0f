//! Other transactions in the way.

use contract_tests::fixtures::{add, change, insert, now};
use std::{sync::Arc, time::Duration};

use mysql_async::{Conn, prelude::Queryable as _};
use rotator_core::store::{KeyUsage, Store, StoreError};
use tokio::time::{sleep, timeout};

use crate::support::{Scratch, other_connections};

/// Waits until a statement in this database waits for another transaction. The server looks anew only if nobody has asked
/// for a tenth of a second.
async fn until_somebody_waits(conn: &mut Conn) {
    loop {
        let here = other_connections(conn).await;
        let sql =
            "SELECT trx_mysql_thread_id FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'";
        let waiting: Vec<u64> = conn.query(sql).await.unwrap();
        if here.iter().any(|row| waiting.contains(&row.get("Id").unwrap())) {
            return;
        }
        sleep(Duration::from_millis(150)).await;
    }
}

#[tokio::test]
async fn a_row_that_another_program_locks_is_unavailable_to_writers_and_open_to_readers() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    let config = insert(&store, "c").await;
    let mut other = scratch.connect().await;
    other.query_drop("BEGIN; SELECT * FROM proxy_configs FOR UPDATE").await.unwrap();

    let refused = store.set_config_active(config, false, &change()).await;
    let read = store.config(config).await.unwrap().unwrap();

    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(read.config.spec.is_active);
    other.query_drop("ROLLBACK").await.unwrap();
    store.set_config_active(config, false, &change()).await.unwrap();
    assert!(!store.config(config).await.unwrap().unwrap().config.spec.is_active);
}

#[tokio::test]
async fn a_deadlock_is_nobodys_loss() {
    let scratch = Scratch::new();
    let store = Arc::new(scratch.open().await);
    let config = insert(&*store, "c").await;
    let ids = add(&*store, config, &["sk-1", "sk-2"]).await;
    let usage = |id| KeyUsage { key_id: id, successes: 1, failures: 0, last_used_at: now() };
    let mut other = scratch.connect().await;
    // It has the more to lose, so the server takes ours back.
    let more = vec!["(0, '', '', '', '')"; 100].join(",");
    let begin = format!(
        "BEGIN; INSERT INTO audit_log (at, actor, action, detail, request_id) VALUES {more};
         UPDATE api_keys SET note = 'x' WHERE id = {}",
        ids[1]
    );
    other.query_drop(begin).await.unwrap();

    let (ours, usage) = (Arc::clone(&store), [usage(ids[0]), usage(ids[1])]);
    let ours = tokio::spawn(async move { ours.add_key_usage(&usage).await });
    until_somebody_waits(&mut other).await;
    other.query_drop(format!("UPDATE api_keys SET note = 'x' WHERE id = {}; COMMIT", ids[0])).await.unwrap();

    ours.await.unwrap().unwrap();
    for id in ids {
        let key = store.key(id).await.unwrap().unwrap();
        assert_eq!((key.success_count, key.note.as_str()), (1, "x"));
    }
}

#[tokio::test]
async fn a_caller_who_leaves_holds_nothing() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    let (one, two) = (insert(&store, "a").await, insert(&store, "b").await);
    let mut other = scratch.connect().await;
    other
        .query_drop(format!("BEGIN; SELECT * FROM proxy_configs WHERE id = {two} FOR UPDATE"))
        .await
        .unwrap();
    add(&store, one, &["sk-1"]).await;

    let by = change();
    let mut waiting = Box::pin(store.delete_config(two, &by));
    let waits = async {
        let mut observer = scratch.connect().await;
        until_somebody_waits(&mut observer).await;
    };
    tokio::select! { _ = &mut waiting => {} () = waits => {} }
    drop(waiting);
    other.query_drop("ROLLBACK").await.unwrap();

    // The server may still be about to find out.
    let deleted = async {
        while store.delete_config(two, &change()).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), deleted).await.unwrap();
    assert!(store.config(one).await.unwrap().is_some());
}
