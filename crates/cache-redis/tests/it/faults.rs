//! Redis hangs, dies, forgets, or refuses. No turn fails or takes long, and sharing goes on when it is back.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use cache_redis::{Options, RedisCache};
use contract_tests::redis_server::RedisServer;
use rotator_core::cache::{Cache as _, Taken, Turn, Turns, Window};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::support::{LONG, POOL, instance, is_shared, next, open, patient, until_up};

/// Turns are shared again within this time; the promise is 5 s, and the machine may be slow.
const BACK_SOON: Duration = Duration::from_secs(10);

/// An instance that waits for Redis no longer than this.
async fn impatient(server: &RedisServer) -> RedisCache {
    open(Options { budget: Duration::from_secs(2), ..patient(server) }).await
}

async fn until_shared(cache: &RedisCache) {
    let turns = cache.turns(POOL);
    let shared = async {
        while !is_shared(&turns) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(BACK_SOON, shared).await.unwrap();
}

#[tokio::test]
async fn a_hung_redis_costs_its_budget_at_first_and_nothing_later() {
    let server = RedisServer::start();
    let cache = instance(&server).await;
    let turns = cache.turns(POOL);
    for turn in 0..7 {
        assert_eq!(next(&turns).await, turn);
    }
    let impatient = impatient(&server).await;
    let hurried = impatient.turns(POOL);
    assert_eq!(next(&hurried).await, 7);

    server.pause();
    let mut late = JoinSet::new();
    for _ in 0..64 {
        let hurried = hurried.clone();
        late.spawn(async move { next(&hurried).await });
    }
    let late: HashSet<u64> = late.join_all().await.into_iter().collect();
    assert_eq!(late, (8..72).collect(), "they go on where all instances were, each once");
    until_up(&impatient, false).await;
    assert!(matches!(hurried.next(), Turn::Now(72)));

    server.resume();
    until_shared(&impatient).await;
    assert!(next(&hurried).await >= 73, "turns go forward");
}

#[tokio::test]
async fn a_dead_redis_is_known_at_once_and_one_that_forgot_is_told_where_we_were() {
    let mut server = RedisServer::start();
    let (one, other) = (instance(&server).await, instance(&server).await);
    let (turns, others) = (one.turns(POOL), other.turns(POOL));
    for turn in 0..10 {
        assert_eq!(next(&turns).await, turn);
    }

    server.kill();
    assert_eq!(next(&turns).await, 10);
    until_up(&one, false).await;
    until_up(&other, false).await;
    for turn in 11..20 {
        assert!(matches!(turns.next(), Turn::Now(now) if now == turn));
    }

    server.restart();
    until_shared(&one).await;
    until_shared(&other).await;
    let both = [next(&turns).await, next(&others).await];
    assert!(both[0] >= 20 && both[1] > both[0], "{both:?}");
}

#[tokio::test]
async fn a_connection_that_is_cut_is_replaced() {
    let server = RedisServer::start();
    let cache = instance(&server).await;
    let turns = cache.turns(POOL);
    assert_eq!(next(&turns).await, 0);

    server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);

    assert_eq!(next(&turns).await, 1);
    until_up(&cache, false).await;
    until_shared(&cache).await;
    assert!(next(&turns).await >= 2);
}

/// The connections of workers that are in use; the one that listens is the keeper's.
fn of_workers(server: &RedisServer) -> Vec<String> {
    let clients = server.command(&["CLIENT", "LIST"]);
    let is_in_use = |client: &&str| client.contains("cmd=incrby") || client.contains("cmd=ping");
    let workers = clients.lines().filter(|client| client.contains(" sub=0 ")).filter(is_in_use);
    workers.filter_map(|client| client.split([' ', '=']).nth(1).map(str::to_owned)).collect()
}

async fn until_a_worker_has_its_own(server: &RedisServer, turns: &Arc<dyn Turns>) -> Vec<String> {
    let there = async {
        loop {
            next(turns).await;
            let workers = of_workers(server);
            if !workers.is_empty() {
                return workers;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, there).await.unwrap()
}

#[tokio::test]
async fn one_connection_of_a_worker_that_is_cut_is_replaced_and_harms_no_other() {
    let server = RedisServer::start();
    let cache = instance(&server).await;
    let turns = cache.turns(POOL);
    let before = until_a_worker_has_its_own(&server, &turns).await;

    server.command(&["CLIENT", "KILL", "ID", &before[0]]);

    for _ in 0..20 {
        next(&turns).await;
        assert!(is_shared(&turns) && cache.ping().await.is_ok(), "Redis is there");
        sleep(Duration::from_millis(10)).await;
    }
    assert_ne!(until_a_worker_has_its_own(&server, &turns).await, before);
}

#[tokio::test]
async fn a_connection_that_no_request_uses_is_not_given_up_as_idle() {
    let server = RedisServer::start_with(&["--timeout", "4"]);
    let cache = instance(&server).await;
    let before = until_a_worker_has_its_own(&server, &cache.turns(POOL)).await;

    sleep(Duration::from_secs(8)).await;

    assert_eq!(of_workers(&server), before);
}

#[tokio::test]
async fn an_instance_that_starts_without_redis_counts_by_itself_and_connects_later() {
    let mut server = RedisServer::start();
    server.kill();
    let started = Instant::now();
    let cache = impatient(&server).await;
    assert!(started.elapsed() < LONG);
    let turns = cache.turns(POOL);
    assert!(matches!([turns.next(), turns.next()], [Turn::Now(0), Turn::Now(1)]));
    assert!(cache.ping().await.is_err() && cache.bump_revision().await.is_err());

    server.restart();
    until_shared(&cache).await;
    assert!(next(&turns).await >= 2);
}

#[tokio::test]
async fn windows_are_counted_here_while_redis_is_away() {
    let mut server = RedisServer::start();
    let cache = instance(&server).await;
    server.kill();
    let window = Window { name: "sign-in", limit: 2, period: LONG };

    for _ in 0..2 {
        assert_eq!(cache.take(&window, 1).await.unwrap(), Taken::Yes);
    }
    assert!(matches!(cache.take(&window, 1).await.unwrap(), Taken::No { .. }));
}

#[tokio::test]
async fn a_redis_that_takes_no_writes_is_not_asked_until_it_does() {
    for (spoil, mend) in [
        (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]),
        (["REPLICAOF", "127.0.0.1", "9", ""], ["REPLICAOF", "NO", "ONE", ""]),
    ] {
        let words = |words: [&'static str; 4]| words.into_iter().filter(|word| !word.is_empty());
        let server = RedisServer::start();
        let cache = instance(&server).await;
        let turns = cache.turns(POOL);
        assert_eq!(next(&turns).await, 0);

        server.command(&words(spoil).collect::<Vec<_>>());
        for turn in 1..10 {
            assert_eq!(next(&turns).await, turn, "{spoil:?}");
        }
        until_up(&cache, false).await;
        // Longer than until the next try.
        for _ in 0..10 {
            assert!(!is_shared(&turns), "{spoil:?}");
            sleep(Duration::from_millis(50)).await;
        }

        server.command(&words(mend).collect::<Vec<_>>());
        until_shared(&cache).await;
        assert!(next(&turns).await >= 10, "{spoil:?}");
    }
}

#[tokio::test]
async fn a_redis_that_loads_its_data_is_not_asked_until_it_has() {
    let server = RedisServer::start_with(&["--enable-debug-command", "local"]);
    let cache = instance(&server).await;
    let turns = cache.turns(POOL);
    assert_eq!(next(&turns).await, 0);

    let _loading = server.load_for(Duration::from_secs(1));
    let mut turn = 0;
    let refused = async {
        while is_shared(&turns) {
            turn = next(&turns).await;
        }
    };
    timeout(LONG, refused).await.unwrap();

    until_shared(&cache).await;
    assert!(next(&turns).await > turn);
}

#[tokio::test]
async fn a_redis_that_lost_its_data_is_noticed_although_the_connection_held() {
    let server = RedisServer::start();
    let cache = open(patient(&server)).await;
    for _ in 0..3 {
        cache.bump_revision().await.unwrap();
    }
    let mut heard = cache.revisions();
    timeout(LONG, heard.wait_for(|heard| *heard == 3)).await.unwrap().unwrap();

    server.command(&["FLUSHALL"]);
    assert_eq!(cache.bump_revision().await.unwrap(), 1);

    timeout(LONG, heard.wait_for(|heard| *heard == 1)).await.unwrap().unwrap();
}
