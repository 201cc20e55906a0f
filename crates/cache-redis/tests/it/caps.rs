//! What keys may do is kept over all instances, and what an instance forgets to tell harms nobody for long.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use cache_redis::RedisCache;
use contract_tests::redis_server::RedisServer;
use rotator_core::{
    cache::{Cache as _, Claim, Claimed, Ledger, Scope, Turn},
    model::{Caps, KeyId, ProxyKeyId},
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::support::{LONG, POOL, hoarder, instance, next, until_up};

const KEY: KeyId = KeyId(7);
const ONE_AT_A_TIME: Caps = Caps { concurrent: Some(NonZeroU32::MIN), ..NO_CAPS };
const ONE_IN_A_MINUTE: Caps = Caps { per_minute: Some(NonZeroU32::MIN), ..NO_CAPS };
const NO_CAPS: Caps = Caps { concurrent: None, per_minute: None, tokens_per_minute: None };

fn question<'a>(keys: &'a [KeyId], caps: &'a Caps) -> Claim<'a> {
    Claim { keys, caps, turn: 0, rotates: false }
}

async fn claim(ledger: &Arc<dyn Ledger>, caps: &Caps) -> Claimed {
    ledger.claim(question(&[KEY], caps)).unwrap().await.unwrap()
}

/// Claims until the key has room for one at a time; answers the number of the hold.
async fn until_granted(ledger: &Arc<dyn Ledger>, key: KeyId) -> u64 {
    let granted = async {
        loop {
            let claimed = ledger.claim(question(&[key], &ONE_AT_A_TIME)).unwrap().await.unwrap();
            if let Some(granted) = claimed.granted {
                return granted.hold.unwrap();
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, granted).await.unwrap()
}

async fn ledgers(server: &RedisServer) -> ([RedisCache; 2], [Arc<dyn Ledger>; 2]) {
    let caches = [instance(server).await, instance(server).await];
    let ledgers = caches.each_ref().map(|cache| cache.ledger(Scope::Keys(POOL)).unwrap());
    (caches, ledgers)
}

#[tokio::test]
async fn instances_keep_caps_together() {
    let server = RedisServer::start();
    let (_caches, [one, other]) = ledgers(&server).await;

    assert!(claim(&one, &ONE_IN_A_MINUTE).await.granted.is_some());
    let refused = claim(&other, &ONE_IN_A_MINUTE).await;
    assert!(refused.granted.is_none() && refused.full.len() == 1, "{refused:?}");

    let hold = claim(&one, &ONE_AT_A_TIME).await.granted.unwrap().hold.unwrap();
    assert_eq!(claim(&other, &ONE_AT_A_TIME).await, Claimed::default());
    one.release(hold);
    until_granted(&other, KEY).await;
    other.charge(KEY, 5);
    let tokens = Caps { tokens_per_minute: NonZeroU32::new(5), ..NO_CAPS };
    let used_up = async {
        while claim(&one, &tokens).await.granted.is_some() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, used_up).await.unwrap();
}

#[tokio::test]
async fn instances_rotate_as_one_where_keys_have_caps() {
    const KEYS: u64 = 7;
    let server = RedisServer::start();
    let (_caches, ledgers) = ledgers(&server).await;
    let mut claims = JoinSet::new();
    for client in 0..16 {
        let ledger = Arc::clone(&ledgers[client % 2]);
        claims.spawn(async move {
            let mut granted = Vec::new();
            for _ in 0..35 {
                let Turn::Now(turn) = ledger.next() else { panic!("the expected turn is at hand") };
                let keys: Vec<KeyId> =
                    (turn..turn + KEYS).map(|turn| KeyId((turn % KEYS).cast_signed())).collect();
                let caps = Caps { per_minute: NonZeroU32::new(1000), ..NO_CAPS };
                let claim = Claim { keys: &keys, caps: &caps, turn, rotates: true };
                let claimed = ledger.claim(claim).unwrap().await.unwrap();
                granted.push(keys[claimed.granted.unwrap().place]);
            }
            granted
        });
    }

    let mut counts = HashMap::new();
    claims.join_all().await.concat().into_iter().for_each(|key| *counts.entry(key).or_insert(0) += 1);
    assert!(counts.len() == 7 && counts.values().all(|count| *count == 16 * 35 / 7), "{counts:?}");
}

#[tokio::test]
async fn a_claim_takes_a_turn_of_the_pool_and_costs_one_question() {
    let server = RedisServer::start();
    let cache = hoarder(&server, 1).await;
    let (turns, ledger) = (cache.turns(POOL), cache.ledger(Scope::Keys(POOL)).unwrap());
    let claim = async || {
        let claim = Claim { rotates: true, ..question(&[KEY], &ONE_AT_A_TIME) };
        ledger.claim(claim).unwrap().await.unwrap();
    };
    assert_eq!(next(&turns).await, 0);
    claim().await;
    server.command(&["CONFIG", "RESETSTAT"]);

    for _ in 0..100 {
        claim().await;
    }

    let stats = server.command(&["INFO", "commandstats"]);
    let calls = |command: &str| {
        let calls = stats.split(&format!("cmdstat_{command}:calls=")).nth(1)?;
        calls.split(',').next()?.parse::<u32>().ok()
    };
    // Holds are renewed by a script as well, every few seconds.
    assert!(calls("incr") == Some(100) && calls("evalsha").is_some_and(|calls| calls < 110), "{stats}");
    assert_eq!((ledger.upcoming(), next(&turns).await), (102, 102));
}

#[tokio::test]
async fn a_claim_where_no_turns_decide_takes_none() {
    let server = RedisServer::start();
    let cache = instance(&server).await;

    for scope in [Scope::Keys(POOL), Scope::Service(POOL), Scope::ProxyKey(ProxyKeyId(1001))] {
        claim(&cache.ledger(scope).unwrap(), &ONE_IN_A_MINUTE).await;
    }

    assert!(server.command(&["KEYS", "*:turns"]).starts_with("*0\r\n"));
    assert_eq!(next(&cache.turns(POOL)).await, 0);
}

#[tokio::test]
async fn a_request_that_nobody_was_asked_for_counts_when_redis_is_back() {
    let mut server = RedisServer::start();
    let (caches, [one, other]) = ledgers(&server).await;
    let granted = claim(&one, &ONE_AT_A_TIME).await.granted.unwrap().hold.unwrap();
    server.kill();
    for cache in &caches {
        until_up(cache, false).await;
    }
    assert!(one.claim(question(&[KEY], &ONE_AT_A_TIME)).is_none(), "it counts by itself");
    let hold = one.hold(KEY);
    one.release(granted);

    server.restart();
    for cache in &caches {
        until_up(cache, true).await;
    }
    assert_eq!(claim(&other, &ONE_AT_A_TIME).await, Claimed::default());
    one.release(hold);
    until_granted(&other, KEY).await;
}

#[tokio::test]
async fn a_claim_that_nobody_waits_for_any_more_takes_no_room() {
    let server = RedisServer::start();
    let (_caches, [one, other]) = ledgers(&server).await;
    // The connection of this thread is there, and knows the script.
    one.release(until_granted(&one, KEY).await);

    let giving_up = async {
        let mut given_up = 0;
        while given_up < 20 {
            // On a machine that is busy, Redis itself may have been given up for a moment.
            if let Some(mut asked) = one.claim(question(&[KEY], &ONE_AT_A_TIME)) {
                let is_pending = asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
                given_up += usize::from(is_pending);
                // Time in which it may be granted.
                sleep(Duration::from_millis(1)).await;
            }
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, giving_up).await.unwrap();

    let started = Instant::now();
    other.release(until_granted(&other, KEY).await);
    assert!(started.elapsed() < Duration::from_secs(15), "before it would have expired");
}

#[tokio::test]
async fn requests_of_an_instance_that_died_are_forgotten_and_those_of_others_are_not() {
    let server = RedisServer::start();
    let ([dead, _alive], [one, other]) = ledgers(&server).await;
    until_granted(&one, KEY).await;
    let [ended, _] = [until_granted(&other, KeyId(8)).await, until_granted(&other, KeyId(9)).await];
    let started = Instant::now();
    drop(dead);

    until_granted(&other, KEY).await;
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    let claimed = other.claim(question(&[KeyId(9)], &ONE_AT_A_TIME)).unwrap().await.unwrap();
    assert_eq!(claimed, Claimed::default(), "it is renewed");
    let started = Instant::now();
    other.release(ended);
    until_granted(&other, KeyId(8)).await;
    assert!(started.elapsed() < Duration::from_secs(10), "before it would have expired");
}

#[tokio::test]
async fn what_is_counted_expires() {
    let server = RedisServer::start();
    let (_caches, [one, _]) = ledgers(&server).await;
    let caps = Caps { per_minute: Some(NonZeroU32::MIN), ..ONE_AT_A_TIME };
    claim(&one, &caps).await.granted.unwrap();

    for (name, most) in [("akr:{1}:minute:7", 62), ("akr:{1}:at_work:7", 20)] {
        let answer = server.command(&["TTL", name]);
        let left: i64 = answer.trim().trim_start_matches(':').parse().unwrap();
        assert!((1..=most).contains(&left), "{name} {left}");
    }
}
