//! Opens the connection, watches over it, and opens another when it fails.

use std::{sync::Arc, time::Duration};

use deadpool_redis::{
    Manager, Pool, PoolError, Runtime, Timeouts,
    redis::{self, AsyncConnectionConfig, Msg, PushInfo, PushKind, RedisResult, Script},
};
use rotator_core::{model::ConfigId, pool::News};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tracing::{info, warn};

use crate::{
    Error,
    ledger::Ledgers,
    link::{Link, Live},
    message,
    names::Names,
    server::Server,
    turns::Pools,
};

/// How long anything may take that no request waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// How often the connection is tried, and the revision read, which catches messages that were lost.
const PERIOD: Duration = Duration::from_secs(2);
/// Until the first try to open another connection, at most; until the next one, twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Commands that may wait to be written before those who send them have to wait.
const QUEUE: usize = 1024;
/// Threads that may open a connection at the same time.
const THREADS: usize = 64;
/// Messages that may wait to be read by whoever listens.
const UNREAD: usize = 1024;

/// What the keeper and the port share.
pub(crate) struct Shared {
    pub(crate) link: Arc<Link>,
    pub(crate) names: Arc<Names>,
    pub(crate) pools: Pools,
    pub(crate) ledgers: Ledgers,
    pub(crate) revision: Revision,
    pub(crate) news: NewsDesk,
}

/// What instances tell each other of keys.
pub(crate) struct NewsDesk {
    /// Who we are, as long as we run.
    pub(crate) instance: u64,
    pub(crate) heard: broadcast::Sender<Vec<(ConfigId, News)>>,
}

/// The revision, as far as this instance knows.
pub(crate) struct Revision {
    pub(crate) known: watch::Sender<u64>,
    bump: Script,
}

/// Keeps the link open.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    connections: Pool,
    pushes: mpsc::UnboundedReceiver<PushInfo>,
}

impl Keeper {
    pub(crate) fn new(server: Server, shared: Arc<Shared>) -> Result<Self, Error> {
        let (sender, pushes) = mpsc::unbounded_channel();
        // Every command has a time limit of its own, and so has all that a new connection begins with.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE)
            .set_push_sender(sender);
        let timeouts = Timeouts { wait: Some(PATIENCE), create: Some(PATIENCE), recycle: Some(PATIENCE) };
        let connections = Pool::builder(Manager::new_with_config(server.0, config)?)
            .max_size(THREADS)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Error::Broken(error.to_string()))?;
        Ok(Self { shared, connections, pushes })
    }

    /// Keeps the link open for ever. `first_try` ends when the first try has.
    pub(crate) async fn run(mut self, first_try: oneshot::Sender<()>) {
        let (mut first_try, mut was_up, mut pauses) = (Some(first_try), true, Pauses::default());
        loop {
            let opened = self.open().await;
            if let Ok(live) = &opened {
                self.shared.link.open(Arc::clone(live));
            }
            // Nobody may be waiting for it any more.
            let _ = first_try.take().map(|first_try| first_try.send(()));
            match opened {
                Ok(live) => {
                    info!("connected to Redis; turns are shared");
                    let opened_at = Instant::now();
                    let shared = Arc::clone(&self.shared);
                    let fault = tokio::select! {
                        fault = self.watch_over(&live) => fault,
                        never = shared.ledgers.keep(&live) => match never {},
                        never = live.keep_in_use(PERIOD, PATIENCE) => match never {},
                    };
                    self.shared.link.close();
                    was_up = true;
                    // One that works for a moment only must not be opened again and again.
                    if opened_at.elapsed() > LONGEST_PAUSE {
                        pauses = Pauses::default();
                    }
                    warn!(fault, "Redis is away; this instance counts by itself");
                }
                Err(error) if was_up => {
                    was_up = false;
                    warn!(%error, "Redis cannot be used; this instance counts by itself until it can");
                }
                Err(_) => {}
            }
            sleep(pauses.next()).await;
        }
    }

    /// A connection that can do all that is needed, when everything that has happened meanwhile is caught up with.
    async fn open(&mut self) -> Result<Arc<Live>, Error> {
        let connection = self.connections.get().await.map_err(unopened)?;
        let live = Live::new(connection, self.connections.clone());
        let revision = live.ask(PATIENCE, self.catch_up(&live)).await?;
        // Whatever was told meanwhile was not heard: all is read anew, unless this is the first connection.
        self.shared.revision.known.send_replace(revision);
        Ok(Arc::new(live))
    }

    async fn catch_up(&self, live: &Live) -> RedisResult<u64> {
        let mut connection = live.connection();
        connection.subscribe(&[self.shared.names.revisions(), self.shared.names.news()]).await?;
        let turns = self.shared.pools.catch_up();
        if !turns.is_empty() {
            turns.exec_async(&mut connection).await?;
        }
        self.shared.ledgers.catch_up(live).await?;
        self.read_revision(live).await
    }

    /// Hears what other instances tell, until the connection fails; answers why.
    async fn watch_over(&mut self, live: &Live) -> String {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                fault = live.broken() => return fault.to_owned(),
                Some(push) = self.pushes.recv() => {
                    // It may be about an earlier connection.
                    if push.kind == PushKind::Disconnection {
                        ticks.reset_immediately();
                    }
                    if let Some(message) = Msg::from_push_info(push) {
                        self.hear(&message);
                    }
                }
                _ = ticks.tick() => match live.ask(PATIENCE, self.read_revision(live)).await {
                    Ok(revision) => self.shared.revision.hear(revision),
                    Err(error) => return error.to_string(),
                },
            }
        }
    }

    fn hear(&self, message: &Msg) {
        let Shared { names, revision, news, .. } = &*self.shared;
        if message.get_channel_name() == names.news() {
            let told = message::decode(news.instance, message.get_payload_bytes(), Instant::now().into_std());
            if !told.is_empty() {
                // Nobody may be listening.
                let _ = news.heard.send(told);
            }
        } else if let Ok(told) = message.get_payload() {
            revision.hear(told);
        }
    }

    /// Reads by adding nothing, which fails as a turn would where Redis cannot be written to.
    async fn read_revision(&self, live: &Live) -> RedisResult<u64> {
        redis::cmd("INCRBY")
            .arg(self.shared.names.revision())
            .arg(0)
            .query_async(&mut live.connection())
            .await
    }
}

impl NewsDesk {
    pub(crate) fn new() -> Self {
        Self { instance: fastrand::u64(..), heard: broadcast::Sender::new(UNREAD) }
    }

    /// Tells all other instances.
    pub(crate) async fn tell(
        &self,
        names: &Names,
        live: &Live,
        news: &[(ConfigId, News)],
    ) -> RedisResult<()> {
        let message = message::encode(self.instance, news, Instant::now().into_std());
        redis::cmd("PUBLISH").arg(names.news()).arg(message).exec_async(&mut live.connection()).await
    }
}

impl Revision {
    pub(crate) fn new() -> Self {
        Self { known: watch::Sender::default(), bump: Script::new(include_str!("scripts/bump.lua")) }
    }

    /// Counts a change and tells it.
    pub(crate) async fn tell(&self, names: &Names, live: &Live) -> RedisResult<u64> {
        let mut call = self.bump.key(names.revision());
        call.arg(names.revisions()).invoke_async(&mut live.connection()).await
    }

    /// Another number is news, whichever is greater: Redis may have lost its data.
    fn hear(&self, revision: u64) {
        self.known.send_if_modified(|known| std::mem::replace(known, revision) != revision);
    }
}

/// How long to wait before the next try, by chance, so that not all instances come at once.
#[derive(Default)]
struct Pauses(u32);

impl Pauses {
    fn next(&mut self) -> Duration {
        let longest = FIRST_PAUSE.saturating_mul(1 << self.0.min(10)).min(LONGEST_PAUSE);
        self.0 += 1;
        longest.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

fn unopened(error: PoolError) -> Error {
    match error {
        PoolError::Backend(error) => error.into(),
        PoolError::Timeout(_) => Error::Slow(PATIENCE),
        error => Error::Broken(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_that_lost_redis_at_once_come_back_one_by_one_and_ever_less_often() {
        let mut instances = [(); 100].map(|()| Pauses::default());
        let mut longest = FIRST_PAUSE;
        for _ in 0..6 {
            let mut pauses = instances.each_mut().map(Pauses::next);
            pauses.sort_unstable();

            assert!(pauses[0] >= longest / 2 && pauses[99] <= longest, "{pauses:?}");
            assert!(pauses[99] > pauses[0] + longest / 4, "{pauses:?}");
            longest = (2 * longest).min(LONGEST_PAUSE);
        }
    }
}
