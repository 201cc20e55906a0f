//! A server that hangs, ends, or takes no writes: each test has one to itself.

use contract_tests::fixtures::{add, change, insert, text};
use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
    time::{Duration, Instant},
};

use mysql_async::prelude::Queryable as _;
use rotator_core::store::{Store, StoreError};
use store_mysql::{MySqlStore, Server};
use tempfile::TempDir;
use tokio::{task::JoinSet, time::sleep};

use crate::support::{Scratch, server_at};

/// The store's own bound on waiting is 3 seconds; the rest is for a machine with too much to do.
const PATIENCE: Duration = Duration::from_secs(8);

/// A server of one's own.
struct OwnServer {
    folder: TempDir,
    server: Server,
}

fn script(verb: &str, folder: &Path) -> Output {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scripts/test-servers/mariadb.sh");
    Command::new(script).arg(verb).arg(folder).output().unwrap()
}

impl OwnServer {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let server = Self::start_in(folder.path());
        Self { folder, server }
    }

    fn start_in(folder: &Path) -> Server {
        let started = script("start", folder);
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        server_at(String::from_utf8(started.stdout).unwrap().trim())
    }

    fn signal(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).unwrap();
        assert!(Command::new("kill").args([signal, pid.trim()]).status().unwrap().success());
    }

    fn scratch(&self) -> Scratch {
        Scratch::on(self.server.clone())
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        script("stop", self.folder.path());
    }
}

fn assert_unavailable<T: std::fmt::Debug>(result: &Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
}

/// Waits until the store answers again.
async fn until_it_answers(store: &MySqlStore) {
    let began = Instant::now();
    while let Err(error) = store.ping().await {
        assert!(began.elapsed() < Duration::from_mins(1), "{error:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_server_that_hangs_holds_nobody_up_and_is_used_again_when_it_answers() {
    let own = OwnServer::start();
    let scratch = own.scratch();
    let store = scratch.open().await;
    let config = insert(&store, "c").await;
    let id = add(&store, config, &["sk-1"]).await[0];

    own.signal("-STOP");
    let (store, began) = (Arc::new(store), Instant::now());
    // More callers than connections: some wait for one.
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (reader, writer) = (Arc::clone(&store), Arc::clone(&store));
        calls.spawn(async move { (reader.config(config).await.map(drop), began.elapsed()) });
        calls.spawn(
            async move { (writer.set_config_active(config, false, &change()).await, began.elapsed()) },
        );
    }
    while let Some(call) = calls.join_next().await {
        let (result, took) = call.unwrap();
        assert_unavailable(&result);
        assert!(took < PATIENCE, "{took:?}");
    }

    own.signal("-CONT");
    until_it_answers(&store).await;
    assert_eq!(text(&*store, id).await.as_deref(), Some("sk-1"));
    store.set_config_active(config, false, &change()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_was_killed_is_used_again_when_it_is_back_and_has_kept_what_was_acknowledged() {
    let own = OwnServer::start();
    let scratch = own.scratch();
    let store = scratch.open().await;
    let config = insert(&store, "c").await;
    let id = add(&store, config, &["sk-1"]).await[0];

    script("stop", own.folder.path());
    let began = Instant::now();
    assert_unavailable(&store.config(config).await);
    assert_unavailable(&store.set_config_active(config, false, &change()).await);
    assert!(began.elapsed() < PATIENCE);

    OwnServer::start_in(own.folder.path());
    assert_eq!(text(&store, id).await.as_deref(), Some("sk-1"));
    store.set_config_active(config, false, &change()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_takes_no_writes_refuses_them_in_time_and_serves_reads() {
    let own = OwnServer::start();
    let scratch = own.scratch();
    let store = scratch.open().await;
    let config = insert(&store, "c").await;
    let mut other = scratch.connect().await;
    other.query_drop("FLUSH TABLES WITH READ LOCK").await.unwrap();

    let began = Instant::now();
    assert_unavailable(&store.set_config_active(config, false, &change()).await);
    assert!(began.elapsed() < PATIENCE);
    assert!(store.config(config).await.unwrap().unwrap().config.spec.is_active);

    other.query_drop("UNLOCK TABLES").await.unwrap();
    store.set_config_active(config, false, &change()).await.unwrap();
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is_unavailable() {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    let config = insert(&store, "c").await;

    store.close().await;
    store.close().await;

    assert_unavailable(&store.ping().await);
    assert_unavailable(&store.delete_config(config, &change()).await);
}
