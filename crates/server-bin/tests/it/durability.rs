use std::{
    iter,
    net::SocketAddr,
    sync::mpsc::{Sender, channel},
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    support::{Admin, Folder, PASSWORD, PROXY_KEY, service, try_call, until},
    upstream::{Manner, start},
};

const DATABASE: &str = "data/api_key_rotator.db";
const ROUNDS: u64 = 20;
/// Of each service.
const KEYS: usize = 300;

/// Adds services and their keys until the server is gone; answers the ids of those services that were acknowledged, and
/// whether their keys were. Says when the first is there.
fn add_services(admin: &Admin, round: u64, begun: &Sender<()>) -> Vec<(i64, bool)> {
    let keys: Vec<_> = (0..KEYS).map(|key| format!("sk-upstream-key-{key}")).collect();
    let mut acknowledged = Vec::new();
    for n in 0.. {
        let form = service(&format!("r{round}-{n}"), "http://127.0.0.1:9");
        let Some((201, config)) = admin.try_call("POST", "/proxy-configs", &form) else { break };
        let id = config["id"].as_i64().unwrap();
        let path = format!("/proxy-configs/{id}/keys/batch");
        let added = admin.try_call("POST", &path, &json!({ "keys": keys }));
        let is_whole = added.is_some_and(|(status, _)| status == 200);
        acknowledged.push((id, is_whole));
        let _ = begun.send(());
        if !is_whole {
            break;
        }
    }
    acknowledged
}

fn open(folder: &Folder, file: &str) -> Connection {
    Connection::open(folder.path(file)).unwrap()
}

fn number(database: &Connection, sql: &str) -> usize {
    let number: i64 = database.query_one(sql, (), |row| row.get(0)).unwrap();
    usize::try_from(number).unwrap()
}

#[test]
fn every_acknowledged_write_survives_twenty_kills_and_none_is_half_there() {
    let folder = Folder::new();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let started = Instant::now();
        let server = folder.serve_known();
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "round {round}: {:?} to start",
            started.elapsed()
        );
        let admin = server.sign_in(PASSWORD).unwrap();
        let (begun, first) = channel();
        let writer = thread::spawn(move || add_services(&admin, round, &begun));
        first.recv().unwrap();
        // Each round ends at another moment of a write.
        thread::sleep(Duration::from_micros(round * 3_701));
        server.kill();
        acknowledged.extend(writer.join().unwrap());
        for file in [DATABASE, "data/api_key_rotator-requests.db"] {
            let database = open(&folder, file);
            let verdict: String = database.query_one("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
            assert_eq!(verdict, "ok", "round {round}, {file}");
        }
    }

    assert!(acknowledged.len() >= 20, "only {} writes in {ROUNDS} rounds", acknowledged.len());
    let server = folder.serve_known();
    let admin = server.sign_in(PASSWORD).unwrap();
    for (id, is_whole) in acknowledged {
        let (status, keys) = admin.call("GET", &format!("/proxy-configs/{id}/keys"), &Value::Null);
        assert_eq!(status, 200, "config {id} is lost");
        let keys = &keys["total"];
        assert!(*keys == json!(KEYS) || *keys == json!(0) && !is_whole, "config {id} has {keys} keys");
    }
    let database = open(&folder, DATABASE);
    for (action, written) in [
        ("config.create", "SELECT count(*) FROM proxy_configs"),
        ("key.create", "SELECT count(DISTINCT proxy_config_id) FROM api_keys"),
    ] {
        let audited = number(&database, &format!("SELECT count(*) FROM audit_log WHERE action = '{action}'"));
        assert_eq!(audited, number(&database, written), "{action}");
    }
}

/// Asks until the server is gone; answers how often it was served.
fn ask_on(address: SocketAddr) -> usize {
    let shown = [("x-proxy-key", PROXY_KEY)];
    let ask = || try_call(address, "GET", "/proxy/echo/any", &shown, "").map(|(status, _)| status);
    iter::from_fn(|| ask().filter(|status| *status == 200)).count()
}

#[test]
fn no_request_is_counted_twice_when_the_server_dies_as_it_writes_the_counts() {
    const COUNTS: &str = "SELECT sum(success_count) FROM api_keys";
    let folder = Folder::new();
    let server = folder.serve_known();
    let upstream = format!("http://{}", start(Manner::Friendly));
    server.sign_in(PASSWORD).unwrap().add_service("echo", &upstream, "sk-upstream-key-1");
    let database = open(&folder, DATABASE);
    let (mut server, mut answered, mut counted) = (Some(server), 0, 0);

    for _ in 0..3 {
        let running = server.take().unwrap_or_else(|| folder.serve_known());
        let address = running.address;
        let client = thread::spawn(move || ask_on(address));
        until(|| number(&database, COUNTS) > counted);
        running.kill();
        answered += client.join().unwrap();
        counted = number(&database, COUNTS);
        assert!(counted <= answered, "{counted} of {answered}");
    }

    let running = folder.serve_known();
    let address = running.address;
    let client = thread::spawn(move || ask_on(address));
    thread::sleep(Duration::from_millis(200));
    running.stop();
    let more = client.join().unwrap();
    assert_eq!(number(&database, COUNTS), counted + more);
}
