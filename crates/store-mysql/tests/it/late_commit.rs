//! A commit that the server reads after the caller has given up, as one does that hung.

use contract_tests::fixtures::{change, insert};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use rotator_core::store::{Store, StoreError};
use store_mysql::{OpenOptions, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
    time::sleep,
};

use crate::support::{Scratch, open_with};

/// Longer than anybody waits for the store.
const LATE: Duration = Duration::from_secs(3);

/// Passes on what is said to the server, and holds commits back when it is told to.
#[derive(Default)]
struct Relay {
    holds_commits: AtomicBool,
    /// A connection whose commit was held back has ended.
    ended: Notify,
}

impl Relay {
    /// Listens in front of a server; answers the server as one reaches it through this.
    async fn start(self: &Arc<Self>, server: Server) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, behind) = (listener.local_addr().unwrap().port(), (server.host.clone(), server.port));
        let relay = Arc::clone(self);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(behind.clone()).await.unwrap();
                let ((from_client, mut to_client), (mut from_server, to_server)) =
                    (client.into_split(), server.into_split());
                let answers = tokio::spawn(async move {
                    // The client may be gone; what the server says is read to the end all the same.
                    if copy(&mut from_server, &mut to_client).await.is_err() {
                        let _ = copy(&mut from_server, &mut tokio::io::sink()).await;
                    }
                });
                let relay = Arc::clone(&relay);
                tokio::spawn(async move {
                    let is_held = relay.pass_on(from_client, to_server).await;
                    answers.await.unwrap();
                    if is_held {
                        relay.ended.notify_one();
                    }
                });
            }
        });
        Server { port, ..server }
    }

    /// Whether a commit was held back.
    async fn pass_on(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> bool {
        let (mut is_held, mut said) = (false, vec![0; 64 * 1024]);
        while let Ok(length @ 1..) = from.read(&mut said).await {
            let is_commit = said[..length].ends_with(b"COMMIT");
            if is_commit && self.holds_commits.load(SeqCst) {
                is_held = true;
                sleep(LATE).await;
            }
            to.write_all(&said[..length]).await.unwrap();
        }
        is_held
    }
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_any_more_is_not_made_when_the_server_comes_to_its_commit() {
    let (relay, scratch) = (Arc::<Relay>::default(), Scratch::new());
    let server = relay.start(scratch.server.clone()).await;
    let (store, _) = open_with(OpenOptions { server, ..scratch.options() }).await.unwrap();
    let config = insert(&store, "c").await;

    relay.holds_commits.store(true, SeqCst);
    let refused = store.set_config_active(config, false, &change()).await;
    relay.ended.notified().await;
    assert!(matches!(refused, Err(StoreError::Unconfirmed(_))), "{refused:?}");
    relay.holds_commits.store(false, SeqCst);

    assert!(store.config(config).await.unwrap().unwrap().config.spec.is_active);
    store.set_config_active(config, false, &change()).await.unwrap();
    assert!(!store.config(config).await.unwrap().unwrap().config.spec.is_active);
}
