//! What keys, a service and a proxy key may do at most is kept by all instances together.

use std::{
    thread,
    time::{Duration, Instant},
};

use contract_tests::redis_server::RedisServer;
use serde_json::{Value, json};

use crate::{
    CONNECTIONS, KEYS, REQUESTS, answers, answers_to, ask, instance,
    support::{Folder, PASSWORD, PROXY_KEY, Running, service, try_call, until},
    upstream::Upstream,
};

/// Longer than any test takes: a claim that came too late would be decided by the instance alone.
const PATIENT: &str = "1m";
const MINUTE: Duration = Duration::from_mins(1);

/// An instance whose keys may do this much.
fn capped(
    folder: &Folder,
    redis: &RedisServer,
    upstream: &Upstream,
    timeout: &str,
    caps: &[(&str, u32)],
) -> Running {
    let server = instance(folder, redis, upstream, timeout);
    let mut form = service("echo", &upstream.url());
    for (name, most) in caps {
        form[name] = Value::from(*most);
    }
    let (status, answer) = server.sign_in(PASSWORD).unwrap().call("PUT", "/proxy-configs/1", &form);
    assert_eq!(status, 200, "{answer}");
    server
}

/// Sends many requests to all of them at once; counts the answers that are good, and asserts that the others are 429s.
fn ask_all(servers: &[Running], connections: usize, requests: usize) -> usize {
    let asked: Vec<_> = servers.iter().map(|server| (server, PROXY_KEY)).collect();
    ask_with(&asked, connections, requests)
}

/// The same with a proxy key for each.
fn ask_with(servers: &[(&Running, &str)], connections: usize, requests: usize) -> usize {
    thread::scope(|scope| {
        let connection = |(server, key)| scope.spawn(move || answers_to(server, key, requests));
        let asked = servers.iter().flat_map(|asked| (0..connections).map(move |_| connection(*asked)));
        let asked: Vec<_> = asked.collect();
        let answers: Vec<u16> = asked.into_iter().flat_map(|asked| asked.join().unwrap()).collect();
        assert!(answers.iter().all(|status| [200, 429].contains(status)), "{answers:?}");
        answers.into_iter().filter(|status| *status == 200).count()
    })
}

#[test]
fn no_key_does_more_in_a_minute_than_it_may_whoever_asks() {
    const MOST: usize = 40;
    let (redis, upstream) = (RedisServer::start(), Upstream::start());
    let folders = [(); 3].map(|()| Folder::new());
    let caps = [("key_max_per_minute", u32::try_from(MOST).unwrap())];
    let servers = folders.each_ref().map(|folder| capped(folder, &redis, &upstream, PATIENT, &caps));

    let started = Instant::now();
    let served = ask_all(&servers, CONNECTIONS, REQUESTS);
    let took = started.elapsed();

    let seen = upstream.seen();
    for seen in seen.values() {
        assert_no_minute_has_more(&seen.times, MOST);
    }
    if took < MINUTE {
        assert_eq!((served, seen.len()), (KEYS * MOST, KEYS), "each does all it may, {took:?}");
    }
}

#[test]
fn no_key_does_more_at_a_time_than_it_may_whoever_asks() {
    const MOST: usize = 2;
    let (redis, upstream) = (RedisServer::start(), Upstream::start());
    // Longer than all else on the way of a request, so that as many as may be are there at a time.
    upstream.take(Duration::from_millis(30));
    let folders = [(); 3].map(|()| Folder::new());
    let caps = [("key_max_concurrent", u32::try_from(MOST).unwrap())];
    let servers = folders.each_ref().map(|folder| capped(folder, &redis, &upstream, PATIENT, &caps));

    let served = ask_all(&servers, CONNECTIONS, REQUESTS);

    let most: Vec<_> = upstream.seen().into_values().map(|seen| seen.most).collect();
    assert_eq!(most, [MOST; KEYS]);
    assert!(served >= KEYS * MOST, "{served}");
    // All of them have ended, and are known to have.
    until(|| ask_all(&servers[..1], 1, KEYS * MOST) == KEYS * MOST);
}

/// Sends many requests with a proxy key for each instance, of which in a minute so many may be served, whatever their keys;
/// asserts that these are served, and no more.
fn assert_served_in_a_minute(upstream: &Upstream, asked: &[(&Running, &str)], most: usize) {
    let started = Instant::now();
    let served = ask_with(asked, CONNECTIONS, REQUESTS / 4);
    let took = started.elapsed();

    let mut times: Vec<_> = upstream.seen().into_values().flat_map(|seen| seen.times).collect();
    times.sort_unstable();
    assert_no_minute_has_more(&times, most);
    if took < MINUTE {
        assert_eq!((served, times.len()), (most, most), "all that may be, {took:?}");
    }
}

fn assert_no_minute_has_more(times: &[Instant], most: usize) {
    let mut minutes = times.iter().zip(times.iter().skip(most));
    assert!(minutes.all(|(first, too_many)| *too_many - *first >= MINUTE), "{times:?}");
}

#[test]
fn no_service_does_more_than_it_may_whoever_asks() {
    const MOST: usize = 100;
    let (redis, upstream) = (RedisServer::start(), Upstream::start());
    let folders = [(); 3].map(|()| Folder::new());
    let caps = [("max_per_minute", u32::try_from(MOST).unwrap())];
    let servers = folders.each_ref().map(|folder| capped(folder, &redis, &upstream, PATIENT, &caps));

    assert_served_in_a_minute(&upstream, &servers.each_ref().map(|server| (server, PROXY_KEY)), MOST);
}

#[test]
fn no_service_does_more_at_a_time_than_it_may_whoever_asks() {
    const MOST: usize = 2;
    let (redis, upstream) = (RedisServer::start(), Upstream::start());
    upstream.take(Duration::from_millis(3));
    let folders = [(); 3].map(|()| Folder::new());
    let caps = [("max_concurrent", u32::try_from(MOST).unwrap())];
    let servers = folders.each_ref().map(|folder| capped(folder, &redis, &upstream, PATIENT, &caps));

    let served = ask_all(&servers, CONNECTIONS, REQUESTS);

    assert!(served >= MOST && upstream.most_at_a_time() <= MOST, "{served}");
    // All of them have ended, and are known to have.
    until(|| ask_all(&servers[..1], 1, MOST) == MOST);
}

#[test]
fn no_proxy_key_does_more_than_it_may_whoever_asks() {
    const MOST: usize = 60;
    let (redis, upstream) = (RedisServer::start(), Upstream::start());
    let folders = [(); 3].map(|()| Folder::new());
    let servers = folders.each_ref().map(|folder| instance(folder, &redis, &upstream, PATIENT));
    // They have the same id, though not the same text: each instance has a database of its own here.
    let keys = servers.each_ref().map(|server| {
        let form = json!({ "name": "team", "max_per_minute": MOST, "max_concurrent": 1000 });
        let (status, made) = server.sign_in(PASSWORD).unwrap().call("POST", "/proxy-keys", &form);
        assert_eq!(status, 201, "{made}");
        made["key"].as_str().unwrap().to_owned()
    });
    let asked: Vec<_> = servers.iter().zip(&keys).map(|(server, key)| (server, key.as_str())).collect();

    assert_served_in_a_minute(&upstream, &asked, MOST);
    assert_eq!(answers(&servers[0], 1), [200], "other keys are open");
}

#[test]
fn whoever_waits_for_a_key_gets_one_that_another_instance_gives_back() {
    let (redis, upstream) = (RedisServer::start(), Upstream::start());
    upstream.take(Duration::from_millis(3));
    let folders = [(); 3].map(|()| Folder::new());
    let caps = [("key_max_concurrent", 1), ("max_queue_wait_ms", 60_000)];
    let servers = folders.each_ref().map(|folder| capped(folder, &redis, &upstream, PATIENT, &caps));

    let served = ask_all(&servers, 8, 4);

    assert_eq!(served, 3 * 8 * 4);
    assert!(upstream.seen().values().all(|seen| seen.most == 1), "{:?}", upstream.seen());
}

#[test]
fn what_a_killed_instance_was_doing_is_forgotten_soon() {
    let (redis, upstream) = (RedisServer::start(), Upstream::start());
    let folders = [(); 2].map(|()| Folder::new());
    let caps = [("key_max_concurrent", 1)];
    let [killed, other] = folders.each_ref().map(|folder| capped(folder, &redis, &upstream, PATIENT, &caps));

    upstream.hang(true);
    let address = killed.address;
    for _ in 0..KEYS {
        // It is not answered.
        let ask = move || try_call(address, "GET", "/proxy/echo/", &[("x-proxy-key", PROXY_KEY)], "");
        thread::spawn(ask);
    }
    until(|| upstream.counts().len() == KEYS);
    assert_eq!(ask(&other), 429, "every key is at work");
    killed.kill();
    let since = Instant::now();
    upstream.hang(false);

    while ask(&other) != 200 {
        thread::sleep(Duration::from_millis(20));
    }
    let took = since.elapsed();
    assert!(took > Duration::from_secs(5) && took < Duration::from_secs(30), "{took:?}");
}

#[test]
fn while_redis_hangs_each_instance_keeps_caps_by_itself() {
    const MOST: usize = 5;
    let (redis, upstream) = (RedisServer::start(), Upstream::start());
    let folder = Folder::new();
    let caps = [("key_max_per_minute", u32::try_from(MOST).unwrap()), ("key_max_concurrent", 3)];
    let server = capped(&folder, &redis, &upstream, "25ms", &caps);
    (0..KEYS).for_each(|_| assert_eq!(ask(&server), 200));

    redis.pause();
    let started = Instant::now();
    (KEYS..KEYS * MOST).for_each(|_| assert_eq!(ask(&server), 200));
    let refused = ask(&server);

    if started.elapsed() < MINUTE / 2 {
        assert_eq!(refused, 429, "they have done all they may, as far as this instance knows");
    }
    redis.resume();
}
