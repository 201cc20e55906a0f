//! Whatever befalls MySQL and Redis, no client's request fails.

use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use contract_tests::redis_server::RedisServer;
use serde_json::{Value, json};

use crate::{
    instances::terms,
    load::Load,
    mysql::{at, get, shared_port},
    own_server::OwnServer,
    support::{Admin, Folder, PASSWORD, Running, service, until, within},
    upstream::{Manner, start},
};

/// Requests that are served in each condition.
const SOME: usize = 100;
/// How soon each is used again when it is back.
const REDIS_IS_BACK: Duration = Duration::from_secs(5);
const MYSQL_IS_BACK: Duration = Duration::from_secs(10);
/// How soon all instances know of a change, by Redis and by the database.
const IS_HEARD: Duration = Duration::from_secs(1);
const IS_HEARD_WITHOUT_REDIS: Duration = Duration::from_secs(5);
/// An operator knows by then that a write was refused.
const REFUSED_IN: Duration = Duration::from_secs(3);

/// Three instances on one MySQL and one Redis, with a service that works in all of them.
fn three(
    folder: &Folder,
    redis: &RedisServer,
    database: &str,
    more: &[(&'static str, &str)],
) -> ([Running; 3], Admin) {
    let (url, port) = (redis.url(), shared_port());
    let mut variables = at(&port, database);
    variables.push(("REDIS_URL", &url));
    variables.extend(more);
    let servers = [(); 3].map(|()| folder.serve(&variables));
    let admin = servers[0].sign_in(PASSWORD).unwrap();
    let id = admin.add_service("echo", &format!("http://{}", start(Manner::Friendly)), "sk-upstream-key-1");
    // With one key there would be no turn to ask for.
    let key = json!({ "key_value": "sk-upstream-key-2" });
    assert_eq!(admin.call("POST", &format!("/proxy-configs/{id}/keys"), &key).0, 201);
    until(|| servers.iter().all(|server| get(server, "echo").0 == 200));
    (servers, admin)
}

#[test]
fn no_request_of_three_instances_fails_whatever_befalls_their_redis() {
    const PASSWORD_SET: [&[&str]; 3] = [
        &["CONFIG", "SET", "requirepass", "new"],
        &["CLIENT", "KILL", "TYPE", "pubsub"],
        &["CLIENT", "KILL", "TYPE", "normal"],
    ];
    const PASSWORD_TAKEN_BACK: [&[&str]; 2] = [&["AUTH", "new"], &["CONFIG", "SET", "requirepass", ""]];
    let mut redis = RedisServer::start_with(&["--enable-debug-command", "local"]);
    let folder = Folder::new();
    let (servers, _) = three(&folder, &redis, "redis_faults", &[]);
    let is_well = || servers.iter().all(|server| server.get("/readyz").1.contains("\"ok\""));
    let loads = servers.each_ref().map(|server| Load::start(server.address));
    let serve_more = || loads.iter().for_each(|load| load.serve_more(SOME));

    serve_more();
    redis.pause();
    serve_more();
    // Nobody waited for it longer than a decision may take, but for a machine that is busy.
    assert!(loads.iter().all(|load| load.slowest() < Duration::from_secs(1)));
    redis.resume();
    within(REDIS_IS_BACK, is_well);
    serve_more();
    redis.commands(&[&["CONFIG", "SET", "maxmemory", "1"]]);
    serve_more();
    redis.commands(&[&["CONFIG", "SET", "maxmemory", "0"], &["REPLICAOF", "127.0.0.1", "1"]]);
    serve_more();
    redis.commands(&[&["REPLICAOF", "NO", "ONE"]]);
    within(REDIS_IS_BACK, is_well);
    redis.kill();
    serve_more();
    redis.restart();
    serve_more();
    redis.commands(&[&["CLIENT", "KILL", "TYPE", "normal"]]);
    serve_more();
    within(REDIS_IS_BACK, is_well);
    redis.commands(&PASSWORD_SET);
    until(|| servers.iter().all(|server| server.get("/readyz").1.contains("degraded")));
    serve_more();
    redis.commands(&PASSWORD_TAKEN_BACK);
    within(REDIS_IS_BACK, is_well);
    let loading = redis.load_for(Duration::from_secs(3));
    until(|| !is_well());
    serve_more();
    loading.end();
    within(REDIS_IS_BACK, is_well);
    serve_more();

    for load in loads {
        load.end();
    }
}

/// A proxy key that is used in these instances, and switched in one of them.
struct Revocable<'a> {
    servers: &'a [Running],
    admin: &'a Admin,
    made: Value,
}

impl<'a> Revocable<'a> {
    fn make(servers: &'a [Running], admin: &'a Admin) -> Self {
        let made = admin.call("POST", "/proxy-keys", &json!({ "name": "team" })).1;
        let key = Self { servers, admin, made };
        within(IS_HEARD_WITHOUT_REDIS, || key.is_answered_by(200));
        key
    }

    fn switch(&self, is_active: bool) {
        let path = format!("/proxy-keys/{}", self.made["proxy_key"]["id"]);
        let form = json!({ "name": "team", "is_active": is_active });
        assert_eq!(self.admin.call("PUT", &path, &form).0, 200);
    }

    fn is_answered_by(&self, status: u16) -> bool {
        let shown = [("x-proxy-key", self.made["key"].as_str().unwrap())];
        self.servers.iter().all(|server| server.call("GET", "/proxy/echo/any", &shown, "").0 == status)
    }
}

#[test]
fn a_revoked_proxy_key_is_dead_in_all_instances_within_a_second() {
    let (redis, folder) = (RedisServer::start(), Folder::new());
    // On a machine that is busy an instance would give Redis up, and not hear of it for a moment.
    let (servers, admin) = three(&folder, &redis, "revoked", &[("REDIS_TIMEOUT", "1m")]);
    let key = Revocable::make(&servers, &admin);

    for _ in 0..3 {
        key.switch(false);
        within(IS_HEARD, || key.is_answered_by(401));
        key.switch(true);
        within(IS_HEARD, || key.is_answered_by(200));
    }
}

#[test]
fn a_revoked_proxy_key_is_dead_in_all_instances_within_five_seconds_of_which_redis_does_not_tell() {
    let (redis, folder) = (RedisServer::start(), Folder::new());
    let (servers, admin) = three(&folder, &redis, "revoked_untold", &[]);
    let key = Revocable::make(&servers, &admin);

    // What is told by Redis is missed, and found when the database is looked at.
    redis.commands(&[&["CLIENT", "KILL", "TYPE", "pubsub"]]);
    key.switch(false);
    within(IS_HEARD_WITHOUT_REDIS, || key.is_answered_by(401));
    redis.pause();
    key.switch(true);
    within(IS_HEARD_WITHOUT_REDIS, || key.is_answered_by(200));
    key.switch(false);
    within(IS_HEARD_WITHOUT_REDIS, || key.is_answered_by(401));
    redis.resume();
}

#[test]
fn who_leads_is_no_matter_of_redis() {
    let (mut redis, folder) = (RedisServer::start(), Folder::new());
    let (servers, _) = three(&folder, &redis, "leads_without_redis", &[]);
    let leads = |server: &Running| server.log().contains("this instance leads");
    until(|| servers.iter().any(leads));
    let (leaders, others): (Vec<_>, Vec<_>) = servers.into_iter().partition(leads);
    assert_eq!((leaders.len(), others.len()), (1, 2));

    redis.kill();
    for leader in leaders {
        leader.stop();
    }

    until(|| others.iter().any(leads));
    let admin = others[0].sign_in(PASSWORD).unwrap();
    until(|| terms(&admin).len() == 1);
}

/// Writes are refused while the store is away, and an operator hears of it soon. That is the program's doing: the
/// quickest of a few is measured, since a machine that is busy takes its own time.
fn write_is_refused(admin: &Admin, upstream: &str) {
    let refusal = || {
        let began = Instant::now();
        let (status, body) = admin.call("POST", "/proxy-configs", &service("other", upstream));
        assert_eq!(status, 503, "{body}");
        began.elapsed()
    };
    assert!((0..3).any(|_| refusal() < REFUSED_IN));
}

#[test]
fn no_request_fails_whatever_befalls_mysql_and_refused_writes_are_not_applied_later() {
    let (own, folder) = (OwnServer::start(), Folder::new());
    let port = own.port();
    let server = folder.serve(&at(&port, "mysql_faults"));
    let admin = server.sign_in(PASSWORD).unwrap();
    let upstream = format!("http://{}", start(Manner::Friendly));
    admin.add_service("echo", &upstream, "sk-upstream-key-1");
    let load = Load::start(server.address);
    let writes = || admin.call("PUT", "/proxy-configs/1/status", &json!({ "is_active": true })).0 == 200;
    // Connections that were given up on are no hindrance, to as many as there are.
    let takes_writes = || {
        within(MYSQL_IS_BACK, &writes);
        thread::scope(|scope| {
            let all: Vec<_> = (0..16).map(|_| scope.spawn(writes)).collect();
            assert!(all.into_iter().all(|one| one.join().unwrap()));
        });
    };
    let refuses = || {
        write_is_refused(&admin, &upstream);
        assert_eq!(admin.call("GET", "/proxy-configs", &Value::Null).0, 503);
    };

    load.serve_more(SOME);
    own.pause();
    refuses();
    load.serve_more(SOME);
    own.resume();
    takes_writes();

    own.kill();
    refuses();
    until(|| snapshot_age(&server) > Some(1));
    load.serve_more(SOME);
    own.start_again();
    takes_writes();

    own.end();
    refuses();
    load.serve_more(SOME);
    own.start_again();
    takes_writes();

    let mut console = own.console("mysql_faults");
    console.say("FLUSH TABLES WITH READ LOCK");
    write_is_refused(&admin, &upstream);
    load.serve_more(SOME);
    console.say("UNLOCK TABLES");
    takes_writes();

    let others = own.take_every_connection("mysql_faults");
    refuses();
    load.serve_more(SOME);
    drop(others);
    takes_writes();

    load.end();
    until(|| server.get("/readyz").1.contains("\"ok\""));
    assert_eq!(admin.call("GET", "/proxy-configs", &Value::Null).1["total"], json!(1), "not applied later");
    assert_eq!(admin.call("POST", "/proxy-configs", &service("other", &upstream)).0, 201);
}

/// How old what is served is, in seconds, as the instance says while its database is away.
fn snapshot_age(server: &Running) -> Option<u64> {
    let body: Value = serde_json::from_str(&server.get("/readyz").1).unwrap();
    body["snapshot_age_seconds"].as_u64()
}

/// Writes one service after the other until it is over; answers the slug of each, what was answered, and how long that
/// took.
fn write_on(
    admin: &Admin,
    writer: usize,
    upstream: &str,
    is_over: &AtomicBool,
) -> Vec<(String, String, Duration)> {
    let mut written = Vec::new();
    while !is_over.load(SeqCst) {
        let (slug, began) = (format!("by-{writer}-{}", written.len()), Instant::now());
        let (status, body) = admin.call("POST", "/proxy-configs", &service(&slug, upstream));
        let answer = body["code"].as_str().map_or_else(|| status.to_string(), str::to_owned);
        written.push((slug, answer, began.elapsed()));
    }
    written
}

#[test]
fn what_is_written_while_mysql_begins_to_hang_is_there_as_the_operator_was_told() {
    const HANGS: u64 = 3;
    let (own, folder, is_over) = (OwnServer::start(), Folder::new(), AtomicBool::new(false));
    let port = own.port();
    let server = folder.serve(&at(&port, "hangs"));
    let admin = server.sign_in(PASSWORD).unwrap();
    let upstream = format!("http://{}", start(Manner::Friendly));

    let writes: Vec<_> = thread::scope(|scope| {
        let (admin, upstream, is_over) = (&admin, &upstream, &is_over);
        let writers: Vec<_> =
            (0..4).map(|writer| scope.spawn(move || write_on(admin, writer, upstream, is_over))).collect();
        for hang in 0..HANGS {
            until(|| server.get("/readyz").1.contains("\"ok\""));
            // At another moment of a write each time.
            thread::sleep(Duration::from_millis(100 + 7 * hang));
            own.pause();
            until(|| server.get("/readyz").1.contains("degraded"));
            own.resume();
        }
        is_over.store(true, SeqCst);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });

    let there = own.console("hangs").say("SELECT slug FROM proxy_configs");
    for (slug, answer, took) in &writes {
        let is_as_told = match answer.as_str() {
            "201" => there.contains(slug),
            "unavailable" => !there.contains(slug),
            // It hung in the midst of the commit.
            "unconfirmed" => true,
            _ => false,
        };
        assert!(is_as_told, "{slug} was answered by {answer} after {took:?}");
    }
    assert!(writes.iter().any(|(_, answer, _)| answer == "unavailable"));
    let slowest = writes.iter().map(|(.., took)| *took).max().unwrap();
    assert!(
        slowest < 2 * REFUSED_IN,
        "a machine that is busy takes its time, and not that much: {slowest:?}"
    );
}

#[test]
fn a_deadlock_with_another_program_fails_no_request_and_loses_no_count() {
    let (own, folder) = (OwnServer::start(), Folder::new());
    let port = own.port();
    let server = folder.serve(&at(&port, "deadlocks"));
    let admin = server.sign_in(PASSWORD).unwrap();
    let upstream = format!("http://{}", start(Manner::Friendly));
    let service = admin.add_service("echo", &upstream, "sk-upstream-key-1");
    let keys = format!("/proxy-configs/{service}/keys");
    assert_eq!(admin.call("POST", &keys, &json!({ "key_value": "sk-upstream-key-2" })).0, 201);
    let load = Load::start(server.address);
    let mut other = own.console("deadlocks");
    // It has the more to lose, so the server takes ours back.
    let more = vec!["(0, '', '', '', '')"; 100].join(",");

    // The counts of the requests are written every few seconds, of the first key and then of the second.
    while other.status("Innodb_deadlocks") == 0 {
        other.say(&format!(
            "BEGIN; INSERT INTO audit_log (at, actor, action, detail, request_id) VALUES {more};
             UPDATE api_keys SET note = 'x' WHERE id = 2"
        ));
        until(|| other.status("Innodb_row_lock_current_waits") > 0);
        other.say("UPDATE api_keys SET note = 'x' WHERE id = 1; COMMIT");
    }
    load.serve_more(SOME);

    let requests = load.end();
    until(|| {
        let keys = admin.call("GET", &keys, &Value::Null).1;
        let counts = [0, 1].map(|key| keys["items"][key]["success_count"].as_u64().unwrap());
        counts.iter().sum::<u64>() == requests as u64
    });
}
