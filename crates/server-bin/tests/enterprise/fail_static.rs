//! Whatever befalls MySQL and Redis, no client's request fails.

use std::time::{Duration, Instant};

use contract_tests::redis_server::RedisServer;
use serde_json::{Value, json};

use crate::{
    load::Load,
    mysql::{at, shared_port},
    own_server::OwnServer,
    support::{Admin, Folder, PASSWORD, service, until},
    upstream::{Manner, start},
};

/// Requests that are served in each condition.
const SOME: usize = 100;
/// The store gives up after three seconds; a machine that is busy takes a moment more.
const REFUSED_IN: Duration = Duration::from_secs(6);

#[test]
fn no_request_of_three_instances_fails_whatever_befalls_their_redis() {
    let (mut redis, folder, port) = (RedisServer::start(), Folder::new(), shared_port());
    let url = redis.url();
    let mut variables = at(&port, "redis_faults");
    variables.push(("REDIS_URL", &url));
    let servers = [(); 3].map(|()| folder.serve(&variables));
    let admin = servers[0].sign_in(PASSWORD).unwrap();
    admin.add_service("echo", &format!("http://{}", start(Manner::Friendly)), "sk-upstream-key-1");
    let made = admin.call("POST", "/proxy-keys", &json!({ "name": "team" })).1;
    let shown = [("x-proxy-key", made["key"].as_str().unwrap())];
    let all_answer =
        |status| servers.iter().all(|server| server.call("GET", "/proxy/echo/any", &shown, "").0 == status);
    until(|| all_answer(200));
    let loads = servers.each_ref().map(|server| Load::start(server.address));
    let serve_more = || loads.iter().for_each(|load| load.serve_more(SOME));

    serve_more();
    redis.pause();
    serve_more();
    redis.resume();
    serve_more();
    redis.kill();
    serve_more();
    redis.restart();
    serve_more();
    redis.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    serve_more();

    until(|| servers.iter().all(|server| server.get("/readyz").1.contains("\"ok\"")));
    let path = format!("/proxy-keys/{}", made["proxy_key"]["id"]);
    assert_eq!(admin.call("DELETE", &path, &Value::Null).0, 204);
    until(|| all_answer(401));
    serve_more();
    assert_eq!(loads.map(Load::end), [0; 3]);
}

/// A write is refused soon.
fn refuses(admin: &Admin, upstream: &str) {
    let began = Instant::now();
    let (status, body) = admin.call("POST", "/proxy-configs", &service("other", upstream));
    assert!(status == 503 && began.elapsed() < REFUSED_IN, "{status} after {:?}: {body}", began.elapsed());
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
    let takes_writes =
        || admin.call("PUT", "/proxy-configs/1/status", &json!({ "is_active": true })).0 == 200;

    load.serve_more(SOME);
    own.pause();
    refuses(&admin, &upstream);
    load.serve_more(SOME);
    own.resume();
    until(takes_writes);

    own.kill();
    refuses(&admin, &upstream);
    load.serve_more(SOME);
    own.start_again();
    until(takes_writes);

    let mut console = own.console("mysql_faults");
    console.say("FLUSH TABLES WITH READ LOCK");
    refuses(&admin, &upstream);
    load.serve_more(SOME);
    console.say("UNLOCK TABLES");
    until(takes_writes);

    assert_eq!(load.end(), 0);
    until(|| server.get("/readyz").1.contains("\"ok\""));
    assert_eq!(admin.call("GET", "/proxy-configs", &Value::Null).1["total"], json!(1), "not applied later");
    assert_eq!(admin.call("POST", "/proxy-configs", &service("other", &upstream)).0, 201);
}
