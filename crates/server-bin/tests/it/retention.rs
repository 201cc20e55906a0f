//! How a request log that has grown large becomes small again.

use std::{fs, time::Duration};

use rusqlite::Connection;

use crate::{
    load::Load,
    support::{Folder, PASSWORD, until},
    upstream::{Manner, start},
};

const LOG: &str = "data/api_key_rotator-requests.db";

/// Puts a million records of forty days ago into the log, like the one that is there.
fn fill(folder: &Folder) {
    let log = Connection::open(folder.path(LOG)).unwrap();
    let records = "
        CREATE TEMP TABLE one AS SELECT * FROM requests LIMIT 1;
        UPDATE one SET id = NULL, started_at = started_at - 40 * 86400000;
        WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT 1000000)
            INSERT INTO requests SELECT one.* FROM one, number;";
    log.execute_batch(records).unwrap();
}

#[test]
fn a_million_old_records_go_while_requests_are_served_and_logged() {
    let folder = Folder::new();
    let server = folder.serve_known();
    let upstream = format!("http://{}", start(Manner::Friendly));
    server.sign_in(PASSWORD).unwrap().add_service("echo", &upstream, "sk-upstream-key-1");
    let load = Load::start(server.address);
    load.serve_more(1);
    let before = load.end();
    server.stop();
    fill(&folder);
    let large = fs::metadata(folder.path(LOG)).unwrap().len();

    let server = folder.serve_known();
    let load = Load::start_keeping(server.address);
    let is_pruned = || server.log().contains("old request records deleted");
    load.serve_more(10);
    assert!(!is_pruned(), "it was too quick to be watched");
    until(is_pruned);
    // A machine that is busy takes its time, and not that much.
    assert!(load.slowest() < Duration::from_secs(1), "{:?}", load.slowest());
    let asked = before + load.end();

    server.stop();
    let log = Connection::open(folder.path(LOG)).unwrap();
    let logged: i64 = log.query_one("SELECT count(*) FROM requests", (), |row| row.get(0)).unwrap();
    assert_eq!(usize::try_from(logged).unwrap(), asked);
    let small = fs::metadata(folder.path(LOG)).unwrap().len();
    assert!(small < large / 20, "{large} bytes became {small}");
}
