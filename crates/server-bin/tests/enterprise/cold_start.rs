//! A start while MySQL is away.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _};

use rotator_core::{
    snapshot::{Reading, Snapshot, SnapshotSealer},
    vault::KeyEncryptionKey,
};
use serde_json::{Value, json};

use crate::{
    mysql::{ENCRYPTION_KEY, at, get},
    own_server::OwnServer,
    support::{Folder, PASSWORD, Running, service, try_call, until},
    upstream::{Manner, start},
};

const KEPT: &str = "data/last-snapshot.sealed";
const API_KEY: &str = "sk-upstream-key-canary";

pub(crate) fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// Waits until an instance that logs everything has kept what the last of so many writes left.
fn until_kept(server: &Running, writes: u64) {
    let says_so = |line: &Value| line["message"] == "snapshot kept" && line["revision"] == writes;
    until(|| server.log().lines().any(|line| says_so(&serde_json::from_str(line).unwrap())));
}

#[test]
fn an_instance_that_starts_without_its_database_serves_what_it_knew() {
    let (own, folder, listens) = (OwnServer::start(), Folder::new(), free_port());
    let port = own.port();
    let mut variables = at(&port, "cold");
    // Where it was, so that who has signed in stays so.
    variables.extend([("BACKEND_PORT", listens.as_str()), ("LOG_LEVEL", "debug")]);
    let server = folder.serve(&variables);
    let admin = server.sign_in(PASSWORD).unwrap();
    let upstream = format!("http://{}", start(Manner::Friendly));
    admin.add_service("echo", &upstream, API_KEY);
    until_kept(&server, 2);
    server.kill();
    // Another instance finds that the key is not accepted.
    let now = "unix_timestamp() * 1000";
    own.console("cold").say(&format!(
        "INSERT INTO key_rests (key_id, model, ailment, reason, since, until, strikes)
         VALUES (1, '', 'invalid', 'refused', {now}, {now} + 600000, 1)"
    ));
    own.kill();
    assert_eq!(fs::metadata(folder.path(KEPT)).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = fs::read_to_string(folder.path(KEPT)).unwrap();
    assert!(!kept.contains("canary") && !kept.contains("echo") && !kept.contains(&upstream), "{kept}");

    let server = folder.serve(&variables);
    assert_eq!(get(&server, "echo"), (200, "hi".into()));
    let (status, ready) = server.get("/readyz");
    assert!(status == 200 && ready.contains("degraded") && ready.contains("snapshot_age_seconds"), "{ready}");
    assert_eq!(server.get("/livez").0, 200);
    assert_eq!(admin.call("POST", "/proxy-configs", &service("other", &upstream)).0, 503);
    assert!(server.log().contains("serving what was known"), "{}", server.log());
    let (status, now) = admin.call("GET", "/instances/current", &Value::Null);
    assert_eq!((status, &now["database"]["status"]), (200, &json!("degraded")), "{now}");
    assert!(now["last_snapshot_at"].is_string(), "{now}");

    own.start_again();
    until(|| server.get("/readyz").1.contains("\"ok\""));
    assert_eq!(admin.call("GET", "/proxy-configs", &Value::Null).1["total"], json!(1), "not applied later");
    let keys = || admin.call("GET", "/proxy-configs/1/keys", &Value::Null).1["items"].clone();
    until(|| keys()[0]["state"] == "invalid");
    admin.add_service("other", &upstream, API_KEY);
    assert_eq!(get(&server, "other"), (200, "hi".into()));
    server.stop();
}

#[test]
fn a_snapshot_that_cannot_be_trusted_is_not_served() {
    let (folder, gone) = (Folder::new(), free_port());
    let snapshot = Snapshot {
        database: format!("mysql://root@127.0.0.1:{gone}/cold"),
        taken_at: jiff::Timestamp::UNIX_EPOCH,
        reading: Reading { revision: 1, sources: Vec::new(), proxy_keys: Vec::new(), prices: None },
    };
    let seal = |key: &str| {
        let key = KeyEncryptionKey::parse(key).unwrap();
        SnapshotSealer::new(&key).unwrap().seal(snapshot.clone()).unwrap()
    };
    let good = seal(ENCRYPTION_KEY);
    let wrong = [
        (seal("another-passphrase-of-the-tests"), "another key"),
        (good[..good.len() / 2].to_owned(), "damaged"),
        (good.replacen("v1", "v2", 1), "not one that this version writes"),
        (good.replacen('\n', "\nA", 1), "damaged"),
    ];
    fs::create_dir(folder.path("data")).unwrap();
    for (text, reason) in wrong {
        folder.write(KEPT, &text);
        let listens = free_port();
        let mut variables = at(&gone, "cold");
        variables.push(("BACKEND_PORT", &listens));
        let log = folder.write("log", "");
        let out = fs::File::create(&log).unwrap();
        let mut child = folder.command(&[], &variables).stdout(out).spawn().unwrap();
        let address = format!("127.0.0.1:{listens}").parse().unwrap();
        let ready = || try_call(address, "GET", "/readyz", &[], "");

        until(|| ready().is_some());
        let waits = ready().is_some_and(|(status, body)| status == 503 && body.contains("starting"));
        child.kill().unwrap();
        child.wait().unwrap();
        let log = fs::read_to_string(log).unwrap();
        assert!(
            waits && log.contains("the last snapshot is not used") && log.contains(reason),
            "{reason}: {log}"
        );
    }
}
