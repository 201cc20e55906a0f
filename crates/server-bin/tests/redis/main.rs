//! The enterprise build's binary, and several of them, on one Redis.
#![expect(clippy::unwrap_used, clippy::panic, reason = "assertions")]

mod caps;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../it/support.rs"]
mod support;
mod upstream;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use contract_tests::redis_server::RedisServer;
use serde_json::{Value, json};
use support::{Admin, Folder, PASSWORD, PROXY_KEY, Running, until, within};
use upstream::Upstream;

const KEYS: usize = 7;
/// To each instance, and requests on each of them.
const CONNECTIONS: usize = 64;
const REQUESTS: usize = 16;
/// So that three instances are sent 30 000 requests.
const MANY: usize = 157;

/// An instance that shares this Redis, and a service with seven keys. Each instance has a database of its own; as all
/// of them are filled in the same way, their services and keys have the same ids.
fn instance(folder: &Folder, redis: &RedisServer, upstream: &Upstream, timeout: &str) -> Running {
    let server = folder.serve(&[
        ("ADMIN_PASSWORD", PASSWORD),
        ("GLOBAL_PROXY_KEYS", PROXY_KEY),
        ("REDIS_URL", &redis.url()),
        ("REDIS_TIMEOUT", timeout),
    ]);
    let admin = server.sign_in(PASSWORD).unwrap();
    let id = admin.add_service("echo", &upstream.url(), "sk-upstream-key-0");
    for key in 1..KEYS {
        let key = json!({ "key_value": format!("sk-upstream-key-{key}") });
        assert_eq!(admin.call("POST", &format!("/proxy-configs/{id}/keys"), &key).0, 201);
    }
    server
}

fn ask(server: &Running) -> u16 {
    server.call("GET", "/proxy/echo/any", &[("x-proxy-key", PROXY_KEY)], "").0
}

/// Sends requests one after the other on one connection; answers with which statuses they were answered.
fn answers(server: &Running, requests: usize) -> Vec<u16> {
    answers_to(server, PROXY_KEY, requests)
}

/// The same for whoever has this proxy key.
fn answers_to(server: &Running, proxy_key: &str, requests: usize) -> Vec<u16> {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let mut stream = BufReader::new(stream);
    let answer = |_| {
        let request = format!("GET /proxy/echo/ HTTP/1.1\r\nhost: a\r\nx-proxy-key: {proxy_key}\r\n\r\n");
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let start = head.len();
            assert!(stream.read_line(&mut head).unwrap() > 0, "{head}");
            if let Some(value) = head[start..].to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        stream.read_exact(&mut vec![0; length]).unwrap();
        head.split(' ').nth(1).unwrap().parse().unwrap()
    };
    (0..requests).map(answer).collect()
}

fn status(server: &Running) -> String {
    server.get("/readyz").1
}

#[test]
fn instances_on_one_redis_rotate_as_one() {
    let (redis, upstream) = (RedisServer::start(), Upstream::start());
    let folders = [(); 3].map(|()| Folder::new());
    let servers = folders.each_ref().map(|folder| instance(folder, &redis, &upstream, "1m"));
    assert!(servers[0].log().contains("Cache Type: redis"), "{}", servers[0].log());

    thread::scope(|scope| {
        for server in &servers {
            (0..CONNECTIONS)
                .for_each(|_| drop(scope.spawn(|| assert_eq!(answers(server, MANY), [200; MANY]))));
        }
    });

    let (counts, all) = (upstream.counts(), servers.len() * CONNECTIONS * MANY);
    assert_eq!((counts.len(), counts.values().sum::<usize>()), (KEYS, all), "{counts:?}");
    assert!(counts.values().max().unwrap() - counts.values().min().unwrap() <= 1, "{counts:?}");
}

#[test]
fn a_limit_that_one_instance_meets_rests_the_key_in_all_and_a_reset_ends_that() {
    let (redis, upstream) = (RedisServer::start(), Upstream::start());
    let folders = [(); 3].map(|()| Folder::new());
    let servers = folders.each_ref().map(|folder| instance(folder, &redis, &upstream, "1m"));
    let admins = servers.each_ref().map(|server| server.sign_in(PASSWORD).unwrap());
    let keys = |admin: &Admin| admin.call("GET", "/proxy-configs/1/keys", &Value::Null).1["items"].clone();
    let state = |admin: &Admin| keys(admin)[0]["state"].clone();
    let limited = "sk-upstream-key-0";

    upstream.limit(limited);
    (0..KEYS).for_each(|_| assert_eq!(ask(&servers[0]), 200));
    within(Duration::from_secs(1), || admins.iter().all(|admin| state(admin) == "cooling"));
    for server in &servers[1..] {
        (0..2 * KEYS).for_each(|_| assert_eq!(ask(server), 200));
    }
    assert_eq!(upstream.counts()[limited], 1, "the other instances had no need to find out");

    let id = keys(&admins[1])[0]["id"].clone();
    assert_eq!(admins[1].call("POST", &format!("/keys/{id}/reset"), &Value::Null).0, 200);
    until(|| state(&admins[0]) == "active");
}

#[test]
fn no_request_fails_while_redis_is_away_and_the_instance_says_that_it_is() {
    let (redis, upstream) = (RedisServer::start(), Upstream::start());
    let folder = Folder::new();
    let server = instance(&folder, &redis, &upstream, "25ms");
    assert!(status(&server).contains("ok"));

    redis.pause();
    (0..20).for_each(|_| assert_eq!(ask(&server), 200));
    until(|| status(&server).contains("degraded"));
    assert!(server.get("/metrics").1.contains("akr_cache_up 0\n"));
    redis.resume();
    until(|| status(&server).contains("ok"));
    assert_eq!(ask(&server), 200);
}

#[test]
fn a_server_starts_without_its_redis() {
    let (mut redis, upstream) = (RedisServer::start(), Upstream::start());
    redis.kill();
    let (folder, started) = (Folder::new(), Instant::now());
    let server = instance(&folder, &redis, &upstream, "25ms");

    assert_eq!(ask(&server), 200, "after {:?}", started.elapsed());
    until(|| status(&server).contains("degraded"));
    redis.restart();
    until(|| status(&server).contains("ok"));
}

#[test]
fn an_address_that_cannot_be_used_is_refused_by_name() {
    for (name, variables) in [
        ("REDIS_URL", &[("REDIS_URL", "redis://:canary@host:port")][..]),
        ("REDIS_URL", &[("REDIS_URL", "redis://:canary#@host")]),
        ("REDIS_CA_FILE", &[("REDIS_HOST", "redis"), ("REDIS_CA_FILE", "ca.pem")]),
    ] {
        let folder = Folder::new();
        folder.write("ca.pem", "canary");
        let ended = folder.run(&["check-config"], variables);

        assert!(ended.is_refusal_about(name) && !ended.err.contains("canary"), "{ended:?}");
    }
    assert_eq!(Folder::new().run(&["check-config"], &[("REDIS_HOST", "redis")]).code, Some(0));
}
