use std::{collections::HashSet, thread, time::Duration};

use cache_redis::{Options, Server};
use contract_tests::redis_server::RedisServer;
use jiff::Timestamp;
use rotator_core::{
    cache::{Cache as _, Taken, Window},
    model::{ConfigId, KeyId},
    pool::News,
};
use tokio::{
    runtime::Builder,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::support::{LONG, POOL, hoarder, instance, next, open, patient};

const INSTANCES: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_take_each_turn_once_and_leave_none_out() {
    let server = RedisServer::start();
    let (mut caches, mut taken) = (Vec::new(), JoinSet::new());
    for _ in 0..INSTANCES {
        caches.push(instance(&server).await);
    }
    for cache in &caches {
        let turns = cache.turns(POOL);
        for _ in 0..16 {
            let turns = turns.clone();
            taken.spawn(async move {
                let mut mine = Vec::new();
                for _ in 0..50 {
                    mine.push(next(&turns).await);
                }
                mine
            });
        }
    }

    let mut turns = taken.join_all().await.concat();
    turns.sort_unstable();
    assert!(turns.into_iter().eq(0..INSTANCES as u64 * 16 * 50));
}

#[tokio::test]
async fn a_new_instance_goes_on_where_the_others_are() {
    let server = RedisServer::start();
    let first = instance(&server).await;
    for turn in 0..5 {
        assert_eq!(next(&first.turns(POOL)).await, turn);
    }

    let second = instance(&server).await;
    assert_eq!([next(&second.turns(POOL)).await, next(&first.turns(POOL)).await], [5, 6]);
}

#[tokio::test]
async fn blocks_of_turns_are_the_takers_own_and_cost_one_question_each() {
    let server = RedisServer::start();
    let caches = [hoarder(&server, 16).await, hoarder(&server, 16).await];
    let [one, other] = caches.each_ref().map(|cache| cache.turns(POOL));
    server.command(&["CONFIG", "RESETSTAT"]);

    let mut taken = HashSet::new();
    for _ in 0..32 {
        assert!(taken.insert(next(&one).await) && taken.insert(next(&other).await));
    }

    assert_eq!(taken, (0..64).collect());
    let stats = server.command(&["INFO", "commandstats"]);
    // The revision is read by the same command, every two seconds.
    let calls = stats.split("cmdstat_incrby:calls=").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    assert!(calls.parse::<u32>().unwrap() < 32, "{stats}");
}

#[tokio::test]
async fn who_shares_a_block_waits_for_one_question_only() {
    let server = RedisServer::start();
    let cache = hoarder(&server, 100).await;
    let turns = cache.turns(POOL);
    let mut taken = JoinSet::new();
    for _ in 0..100 {
        let turns = turns.clone();
        taken.spawn(async move { next(&turns).await });
    }

    let mut turns = taken.join_all().await;
    turns.sort_unstable();
    assert_eq!(turns, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_upcoming_turn_of_a_block_is_its_next_one() {
    let server = RedisServer::start();
    let caches = [hoarder(&server, 4).await, hoarder(&server, 4).await];
    let [one, other] = caches.each_ref().map(|cache| cache.turns(POOL));
    assert_eq!([next(&one).await, next(&other).await], [0, 4]);

    assert_eq!([one.upcoming(), other.upcoming()], [1, 5]);
}

#[test]
fn a_thread_that_takes_turns_soon_has_a_connection_of_its_own() {
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let server = RedisServer::start();
    let cache = runtime().block_on(instance(&server));
    let turns = cache.turns(POOL);
    // One of them asks.
    let connections = || server.command(&["CLIENT", "LIST"]).matches(" addr=127").count() - 1;
    assert_eq!(connections(), 1);

    // Their connections are open as long as they are there.
    let mut workers = Vec::new();
    for expected in [2, 3] {
        let worker = || {
            let runtime = runtime();
            let take = async {
                while connections() < expected {
                    next(&turns).await;
                }
            };
            runtime.block_on(async { timeout(LONG, take).await.unwrap() });
            runtime
        };
        workers.push(thread::scope(|scope| scope.spawn(worker).join().unwrap()));
    }
}

#[tokio::test]
async fn a_change_is_heard_by_every_instance() {
    let server = RedisServer::start();
    let (one, other) = (instance(&server).await, instance(&server).await);
    let mut heard = other.revisions();

    let revision = one.bump_revision().await.unwrap();

    timeout(LONG, heard.wait_for(|heard| *heard == revision)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_change_whose_message_is_lost_is_found_out_soon() {
    let server = RedisServer::start();
    let cache = instance(&server).await;
    let mut heard = cache.revisions();

    server.command(&["INCR", "akr:revision"]);

    timeout(Duration::from_secs(5), heard.wait_for(|heard| *heard == 1)).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_befalls_a_key_is_told_to_all_other_instances_of_this_database() {
    let server = RedisServer::start();
    let (one, other) = (instance(&server).await, instance(&server).await);
    let elsewhere =
        open(Options { server: Server::new("127.0.0.1", server.port(), 1).unwrap(), ..patient(&server) })
            .await;
    let [mut own, mut heard, mut unheard] = [&one, &other, &elsewhere].map(|cache| cache.news().unwrap());
    let reset = |key| News::Reset { key: KeyId(key), at: Timestamp::UNIX_EPOCH };
    let news = vec![(POOL, reset(7)), (ConfigId(2), reset(8))];

    one.tell(&news).await.unwrap();
    assert_eq!(timeout(LONG, heard.recv()).await.unwrap().unwrap(), news);
    // Whatever was told before has come when this has.
    other.tell(&news[1..]).await.unwrap();
    assert_eq!(timeout(LONG, own.recv()).await.unwrap().unwrap(), news[1..]);
    elsewhere.ping().await.unwrap();
    assert!(unheard.try_recv().is_err());
}

#[tokio::test]
async fn windows_are_shared_and_those_of_another_prefix_are_not() {
    let server = RedisServer::start();
    let (one, other) = (instance(&server).await, instance(&server).await);
    let apart = open(Options { prefix: "elsewhere:".into(), ..patient(&server) }).await;
    let minute = Duration::from_mins(1);
    let window = Window { name: "sign-in", limit: 1, period: minute };

    assert_eq!(one.take(&window, 1).await.unwrap(), Taken::Yes);
    assert_ne!(other.take(&window, 1).await.unwrap(), Taken::Yes);
    assert_eq!(apart.take(&window, 1).await.unwrap(), Taken::Yes);
}

#[tokio::test]
async fn keys_expire_unless_they_count_what_never_ends() {
    let server = RedisServer::start();
    let cache = instance(&server).await;
    let period = Duration::from_millis(50);
    let window = Window { name: "short", limit: 1, period };
    cache.take(&window, 1).await.unwrap();
    next(&cache.turns(ConfigId(7))).await;

    sleep(2 * period).await;

    assert_eq!(server.command(&["EXISTS", "akr:window:short"]), ":0\r\n");
    assert_eq!(server.command(&["GET", "akr:{7}:turns"]), "$1\r\n1\r\n");
}
