use std::{
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Admin, Folder, PASSWORD, service};

const ROUNDS: u64 = 20;

/// Adds services until the server is gone; answers the ids of those that were acknowledged.
fn add_services(admin: &Admin, round: u64) -> Vec<i64> {
    let mut acknowledged = Vec::new();
    for n in 0.. {
        let form = service(&format!("r{round}-{n}"), "http://127.0.0.1:9");
        match admin.try_call("POST", "/proxy-configs", &form) {
            Some((201, config)) => acknowledged.push(config["id"].as_i64().unwrap()),
            _ => break,
        }
    }
    acknowledged
}

#[test]
fn every_acknowledged_write_survives_twenty_kills() {
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
        let writer = thread::spawn(move || add_services(&admin, round));
        // Each round ends at another moment of a write.
        thread::sleep(Duration::from_micros(40_000 + round * 3_701));
        server.kill();
        acknowledged.extend(writer.join().unwrap());
        for file in ["data/api_key_rotator.db", "data/api_key_rotator-requests.db"] {
            let database = Connection::open(folder.path(file)).unwrap();
            let verdict: String = database.query_one("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
            assert_eq!(verdict, "ok", "round {round}, {file}");
        }
    }

    assert!(acknowledged.len() >= 20, "only {} writes in {ROUNDS} rounds", acknowledged.len());
    let server = folder.serve_known();
    let admin = server.sign_in(PASSWORD).unwrap();
    for id in acknowledged {
        assert_eq!(
            admin.call("GET", &format!("/proxy-configs/{id}"), &Value::Null).0,
            200,
            "config {id} is lost"
        );
    }
}
