//! What keys, services and the holders of proxy keys do over all instances, where caps bound that.
//!
//! A claim is one script: it takes the turn, looks for a key with room, and counts the request there. Rates are counted to the
//! second, by the clock of Redis alone. A request under way is a member of a set that expires unless it is renewed, so that
//! those of an instance that died are soon forgotten, and telling the same twice does no harm. That requests have ended, and
//! what they used, is told afterwards, and nobody waits for it; what has ended is told along with every claim as well, so that
//! whoever asks next finds the room.

mod book;

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use deadpool_redis::redis::{RedisResult, Script};
use rotator_core::cache::{Ledger, Scope};
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    keeper::PATIENCE,
    link::{Link, Live},
    names::Names,
    turns::Pools,
};
use book::Book;

/// How often requests that are under way are renewed.
const RENEWAL: Duration = Duration::from_secs(5);
/// What has ended is told together with what ends meanwhile.
const SOON: Duration = Duration::from_millis(5);

/// The books of all scopes with caps. One is kept for the life of the process: what it is of may be built anew.
pub(crate) struct Ledgers {
    books: Mutex<HashMap<Scope, Arc<Book>>>,
    office: Arc<Office>,
}

/// What all books need.
struct Office {
    names: Arc<Names>,
    link: Arc<Link>,
    /// How long a claim may take.
    budget: Duration,
    /// Tells our requests from those of other instances.
    instance: u64,
    requests: AtomicU64,
    /// Something is to be told.
    owing: Notify,
    claim: Script,
    settle: Script,
    renew: Script,
}

impl Ledgers {
    pub(crate) fn new(names: Arc<Names>, link: Arc<Link>, budget: Duration, instance: u64) -> Self {
        let office = Office {
            names,
            link,
            budget,
            instance,
            requests: AtomicU64::new(0),
            owing: Notify::new(),
            claim: Script::new(concat!(
                include_str!("scripts/minute.lua"),
                include_str!("scripts/claim.lua")
            )),
            settle: Script::new(concat!(
                include_str!("scripts/minute.lua"),
                include_str!("scripts/settle.lua")
            )),
            renew: Script::new(include_str!("scripts/renew.lua")),
        };
        Self { books: Mutex::default(), office: Arc::new(office) }
    }

    pub(crate) fn ledger(&self, scope: Scope, pools: &Pools) -> Arc<dyn Ledger> {
        let turns = || match scope {
            Scope::Keys(pool) => pools.counter(pool),
            Scope::Service(_) | Scope::ProxyKey(_) => pools.counter_of(scope),
        };
        let new = || Arc::new(Book::new(self.office.names.of(scope), turns(), Arc::clone(&self.office)));
        Arc::clone(self.books().entry(scope).or_insert_with(new)) as Arc<dyn Ledger>
    }

    /// Tells on a new connection which requests are under way: Redis may have lost its data, and some began while it was away.
    pub(crate) async fn catch_up(&self, live: &Live) -> RedisResult<()> {
        for book in self.all() {
            book.renew(live).await?;
        }
        Ok(())
    }

    /// Tells what is owed, and renews, as long as the connection works.
    pub(crate) async fn keep(&self, live: &Live) -> Infallible {
        let mut renewals = interval(RENEWAL);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_due = tokio::select! {
                _ = renewals.tick() => true,
                () = self.office.owing.notified() => {
                    sleep(SOON).await;
                    false
                }
            };
            for book in self.all() {
                if is_due {
                    // What fails is told by the connection, and done again by the next one.
                    let _ = live.ask(PATIENCE, book.renew(live)).await;
                }
                let _ = live.ask(PATIENCE, book.settle(live)).await;
            }
        }
    }

    fn all(&self) -> Vec<Arc<Book>> {
        self.books().values().cloned().collect()
    }

    fn books(&self) -> MutexGuard<'_, HashMap<Scope, Arc<Book>>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Office {
    /// What a request is called in Redis.
    fn member(&self, number: u64) -> String {
        format!("{:x}-{number}", self.instance)
    }
}
