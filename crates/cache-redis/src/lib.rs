//! The [`Cache`] port on Redis, for an installation of several instances: Redis 6 and later, or Valkey.
//!
//! Nothing waits for Redis for long: a command of a request has a small budget, and while Redis is away each instance
//! counts on by itself, from where all of them were. Each worker has a connection, and a thread of its own keeps one more.
//!
//! To add something that is shared, give its key a name in `names`, and make it one command or one script: whatever takes
//! two steps may be half done.

mod error;
mod keeper;
mod ledger;
mod link;
mod message;
mod names;
mod server;
mod turns;

use std::{num::NonZeroU32, sync::Arc, thread, time::Duration};

use async_trait::async_trait;
use deadpool_redis::redis::{self, Script};
use rotator_core::{
    cache::{Cache, CacheError, Ledger, Scope, Taken, Turns, Window},
    model::ConfigId,
    pool::News,
};
use tokio::{
    runtime::Builder,
    sync::{broadcast, oneshot, watch},
};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use error::Error;
use keeper::{Keeper, NewsDesk, PATIENCE, Revision, Shared};
use ledger::Ledgers;
use link::{Link, Live};
use names::Names;
pub use server::Server;
use turns::Pools;

/// Which Redis, and how it is used.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it is.
    pub server: Server,
    /// What the names of all keys begin with.
    pub prefix: String,
    /// How many turns an instance takes at a time: with one, keys serve in exact rotation over all instances; with
    /// more, Redis is asked less often.
    pub turns_at_a_time: NonZeroU32,
    /// How long a request waits for Redis.
    pub budget: Duration,
}

/// Shared, expiring data in Redis.
pub struct RedisCache {
    shared: Arc<Shared>,
    /// Counts in windows while Redis is away.
    stand_in: Arc<dyn Cache>,
    take: Script,
    /// Ends the thread.
    _running: DropGuard,
}

impl Options {
    /// The usual ones.
    pub fn new(server: Server) -> Self {
        let budget = Duration::from_millis(25);
        Self { server, prefix: "akr:".into(), turns_at_a_time: NonZeroU32::MIN, budget }
    }
}

impl RedisCache {
    /// Connects, and goes on trying in the background if that fails. `stand_in` counts in windows while Redis is away.
    pub async fn open(options: Options, stand_in: Arc<dyn Cache>) -> Result<Self, Error> {
        let Options { server, prefix, turns_at_a_time, budget } = options;
        // An error says that there is one already, which does as well.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (link, names) = (Arc::<Link>::default(), Arc::new(Names::new(prefix, server.database())));
        let pools = Pools::new(Arc::clone(&names), Arc::clone(&link), turns_at_a_time, budget);
        let (revision, news) = (Revision::new(), NewsDesk::new());
        let ledgers = Ledgers::new(Arc::clone(&names), Arc::clone(&link), budget, news.instance);
        let shared = Arc::new(Shared { link, names, pools, ledgers, revision, news });
        let keeper = Keeper::new(server, Arc::clone(&shared))?;
        let stop = CancellationToken::new();
        start(keeper, stop.clone())?.await.map_err(|_| Error::Away)?;
        Ok(Self {
            shared,
            stand_in,
            take: Script::new(include_str!("scripts/take.lua")),
            _running: stop.drop_guard(),
        })
    }

    async fn take(&self, live: &Live, window: &Window<'_>, cost: u32) -> Result<Taken, Error> {
        let period = u64::try_from(window.period.as_micros()).unwrap_or(u64::MAX);
        let mut call = self.take.key(self.shared.names.window(window.name));
        call.arg(window.limit).arg(period).arg(cost);
        let wait: i64 = live.ask(PATIENCE, call.invoke_async(&mut live.connection())).await?;
        Ok(match u64::try_from(wait) {
            Ok(micros) => Taken::No { retry_after: Duration::from_micros(micros) },
            Err(_) => Taken::Yes,
        })
    }
}

/// Starts the thread that speaks with Redis. Requests must not wait for whatever else runs in the background, nor one
/// worker for another.
fn start(keeper: Keeper, stop: CancellationToken) -> Result<oneshot::Receiver<()>, Error> {
    let (sender, tried) = oneshot::channel();
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Thread)?;
    let run = move || {
        runtime.block_on(stop.run_until_cancelled(keeper.run(sender)));
    };
    thread::Builder::new().name("redis".into()).spawn(run).map_err(Error::Thread)?;
    Ok(tried)
}

#[async_trait]
impl Cache for RedisCache {
    fn turns(&self, pool: ConfigId) -> Arc<dyn Turns> {
        self.shared.pools.turns(pool)
    }

    fn ledger(&self, scope: Scope) -> Option<Arc<dyn Ledger>> {
        Some(self.shared.ledgers.ledger(scope, &self.shared.pools))
    }

    async fn take(&self, window: &Window<'_>, cost: u32) -> Result<Taken, CacheError> {
        if let Ok(live) = self.shared.link.live()
            && let Ok(taken) = self.take(&live, window, cost).await
        {
            return Ok(taken);
        }
        self.stand_in.take(window, cost).await
    }

    async fn bump_revision(&self) -> Result<u64, CacheError> {
        let live = self.shared.link.live()?;
        Ok(live.ask(PATIENCE, self.shared.revision.tell(&self.shared.names, &live)).await?)
    }

    fn revisions(&self) -> watch::Receiver<u64> {
        self.shared.revision.known.subscribe()
    }

    async fn tell(&self, news: &[(ConfigId, News)]) -> Result<(), CacheError> {
        let Shared { link, names, news: desk, .. } = &*self.shared;
        let live = link.live()?;
        Ok(live.ask(PATIENCE, desk.tell(names, &live, news)).await?)
    }

    fn news(&self) -> Option<broadcast::Receiver<Vec<(ConfigId, News)>>> {
        Some(self.shared.news.heard.subscribe())
    }

    async fn ping(&self) -> Result<(), CacheError> {
        let live = self.shared.link.live()?;
        let command = redis::cmd("PING");
        Ok(live.ask(PATIENCE, command.exec_async(&mut live.connection())).await?)
    }
}
