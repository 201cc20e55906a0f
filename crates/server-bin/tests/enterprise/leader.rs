//! Who leads, on a real server, at a pace that tests can wait for.

use std::time::Duration;

use rotator_core::{
    access::ProxyKeys,
    pool::RestPolicy,
    store::Term,
    vault::{KeyEncryptionKey, KeyEncryptionKeys},
};
use server_bin::{
    backends::OpenStore,
    clock,
    config::{CacheKind, Database, DatabaseKind, MySqlServer, MySqlTls},
    data::Data,
    identity::Identity,
    membership::{Leading, Membership, Pace},
};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::mysql::{ENCRYPTION_KEY, shared_port};

const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(20);

async fn open(database: &str) -> (Data, OpenStore) {
    let server = MySqlServer {
        host: "127.0.0.1".into(),
        port: shared_port().parse().unwrap(),
        user: "root".into(),
        password: Zeroizing::default(),
        database: database.into(),
        tls: MySqlTls::Off,
        ca_file: None,
    };
    let kind = DatabaseKind::MySql("DB_HOST", server);
    let database = Database { kind, path: "data/unused.db".into(), reset: false };
    let primary = KeyEncryptionKey::parse(ENCRYPTION_KEY).unwrap();
    let keys = KeyEncryptionKeys { primary, previous: Vec::new() };
    let (store, _) = OpenStore::open(&database, keys, clock::now()).await.unwrap();
    let (nobody, rests) = (ProxyKeys::default(), RestPolicy::default());
    (Data::read(&store, nobody, rests, &CacheKind::Memory).await.unwrap(), store)
}

async fn leads(leading: &mut Leading) -> Term {
    leading.wait_for(Option::is_some).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_leader_that_dies_is_followed_when_its_time_is_over() {
    let (data, _store) = open("leader_dies").await;
    let pace = Pace { beat: LONG, ttl: 10 * SHORT, look: SHORT };
    let (mut one, dies) = Membership::join(&data, Identity::begin(), pace, CancellationToken::new());
    let first = leads(&mut one).await;
    dies.abort();

    let (data, _store) = open("leader_dies").await;
    let pace = Pace { ttl: LONG, ..pace };
    let (mut other, _) = Membership::join(&data, Identity::begin(), pace, CancellationToken::new());
    assert!(leads(&mut other).await > first);
}

#[tokio::test]
async fn a_leader_that_is_not_heard_leads_no_more() {
    let (data, store) = open("leader_unheard").await;
    let pace = Pace { beat: SHORT, ttl: 10 * SHORT, look: SHORT };
    let (mut one, _) = Membership::join(&data, Identity::begin(), pace, CancellationToken::new());
    leads(&mut one).await;

    store.close().await;
    one.wait_for(Option::is_none).await.unwrap();
}
