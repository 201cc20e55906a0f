//! A Redis of one's own, and instances that share it.

use std::{
    num::NonZeroU32,
    ops::Deref,
    sync::Arc,
    time::{Duration, Instant},
};

use cache_memory::MemoryCache;
use cache_redis::{Options, RedisCache, Server};
use contract_tests::redis_server::RedisServer;
use rotator_core::{
    cache::{Cache, Turn, Turns},
    model::ConfigId,
};
use tokio::time::sleep;

pub(crate) const POOL: ConfigId = ConfigId(1);
/// However slow the machine is.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A cache with a Redis of its own.
pub(crate) struct Own {
    cache: RedisCache,
    _server: RedisServer,
}

impl Own {
    pub(crate) async fn new() -> Self {
        let server = RedisServer::start();
        Self { cache: instance(&server).await, _server: server }
    }
}

impl Deref for Own {
    type Target = RedisCache;

    fn deref(&self) -> &RedisCache {
        &self.cache
    }
}

/// The options of an instance that waits for Redis as long as it takes.
pub(crate) fn patient(server: &RedisServer) -> Options {
    Options { budget: LONG, ..Options::new(Server::parse(&server.url()).unwrap()) }
}

pub(crate) async fn open(options: Options) -> RedisCache {
    RedisCache::open(options, Arc::new(MemoryCache::new())).await.unwrap()
}

/// One of the instances that share this Redis.
pub(crate) async fn instance(server: &RedisServer) -> RedisCache {
    open(patient(server)).await
}

/// One that takes so many turns at a time.
pub(crate) async fn hoarder(server: &RedisServer, turns: u32) -> RedisCache {
    open(Options { turns_at_a_time: NonZeroU32::new(turns).unwrap(), ..patient(server) }).await
}

pub(crate) async fn next(turns: &Arc<dyn Turns>) -> u64 {
    match turns.next() {
        Turn::Now(turn) => turn,
        Turn::Later(turn) => turn.await,
    }
}

/// Whether turns come from Redis.
pub(crate) fn is_shared(turns: &Arc<dyn Turns>) -> bool {
    matches!(turns.next(), Turn::Later(_))
}

/// Waits until Redis is known to be there, or to be away.
pub(crate) async fn until_up(cache: &RedisCache, up: bool) {
    let deadline = Instant::now() + LONG;
    while cache.ping().await.is_ok() != up {
        assert!(Instant::now() < deadline, "Redis is not known to be {}", if up { "up" } else { "away" });
        sleep(Duration::from_millis(5)).await;
    }
}
