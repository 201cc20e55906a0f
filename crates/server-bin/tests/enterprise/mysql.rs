//! Durable data in MySQL.

use std::{
    net::{SocketAddr, TcpListener},
    process::Stdio,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    own_server::OwnServer,
    support::{Folder, PASSWORD, PROXY_KEY, Running, contents, service, try_call, until},
    upstream::{Manner, start},
};

pub(crate) const ENCRYPTION_KEY: &str = "a-passphrase-of-the-tests";
pub(crate) const SECRETS: [(&str, &str); 3] = [
    ("ADMIN_PASSWORD", PASSWORD),
    ("GLOBAL_PROXY_KEYS", PROXY_KEY),
    ("JWT_SECRET", "0123456789abcdef0123456789abcdef-tests"),
];

/// The port of the server that all of these tests share.
#[expect(clippy::disallowed_methods, reason = "it tells where the server is, and nothing else")]
pub(crate) fn shared_port() -> String {
    let url = std::env::var("TEST_MARIADB_URL").unwrap_or_else(|_| {
        panic!("these tests need a server: run them by `scripts/with-servers.sh cargo test`")
    });
    url.rsplit(':').next().unwrap().to_owned()
}

/// Variables that lead to a database.
pub(crate) fn at<'a>(port: &'a str, database: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut variables = SECRETS.to_vec();
    let place = [("DB_HOST", "127.0.0.1"), ("DB_PORT", port), ("DB_USER", "root"), ("DB_NAME", database)];
    variables.extend(place);
    variables.push(("ENCRYPTION_KEY", ENCRYPTION_KEY));
    variables
}

pub(crate) fn get(server: &Running, slug: &str) -> (u16, String) {
    server.call("GET", &format!("/proxy/{slug}/any"), &[("x-proxy-key", PROXY_KEY)], "")
}

#[test]
fn what_was_set_up_is_there_after_a_restart_and_the_folder_holds_no_more_than_the_sealed_snapshot() {
    let (folder, port) = (Folder::new(), shared_port());
    let variables = at(&port, "restart");
    let server = folder.serve(&variables);
    let admin = server.sign_in(PASSWORD).unwrap();
    let id = admin.add_service("echo", &format!("http://{}", start(Manner::Friendly)), "sk-upstream-key-1");
    assert_eq!(get(&server, "echo"), (200, "hi".into()));
    assert!(server.log().contains("Database Type: mysql"), "{}", server.log());
    let told = server.stop();
    assert!(!told.contains("secrets.env"), "{told}");

    let server = folder.serve(&variables);
    let (_, keys) =
        server.sign_in(PASSWORD).unwrap().call("GET", &format!("/proxy-configs/{id}/keys"), &Value::Null);
    assert_eq!(get(&server, "echo"), (200, "hi".into()));
    assert_eq!(keys["items"][0]["success_count"], json!(1), "{keys}");
    drop(server);
    let data = folder.path("data");
    let files = if data.exists() { contents(&data) } else { Vec::new() };
    let names: Vec<_> = files.into_iter().map(|(path, _)| path).collect();
    assert!(names.iter().all(|path| path.ends_with("last-snapshot.sealed")), "{names:?}");
}

#[test]
fn an_encryption_key_takes_over_from_the_one_made_of_the_jwt_secret() {
    let (folder, port) = (Folder::new(), shared_port());
    let with = at(&port, "takeover");
    let without = &with[..with.len() - 1];
    let upstream = format!("http://{}", start(Manner::Friendly));
    let server = folder.serve(without);
    server.sign_in(PASSWORD).unwrap().add_service("echo", &upstream, "sk-upstream-key-1");
    assert!(server.log().contains("ENCRYPTION_KEY is not set"), "{}", server.log());
    server.stop();

    let server = folder.serve(&with);
    assert!(server.log().contains("protected by the new ENCRYPTION_KEY"), "{}", server.log());
    assert_eq!(get(&server, "echo"), (200, "hi".into()));
    server.stop();

    let ended = folder.run(&[], without);
    assert!(ended.is_refusal_about("ENCRYPTION_KEY"), "{ended:?}");
}

#[test]
fn a_backup_is_left_to_mysqls_own_tool() {
    let (folder, port) = (Folder::new(), shared_port());

    let ended = folder.run(&["backup", "copy.db"], &at(&port, "backup"));

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("mysqldump"), "{}", ended.err);
}

#[test]
fn requests_are_served_and_writes_refused_while_the_database_is_away() {
    let (own, folder) = (OwnServer::start(), Folder::new());
    let port = own.port();
    let server = folder.serve(&at(&port, "away"));
    let admin = server.sign_in(PASSWORD).unwrap();
    let upstream = format!("http://{}", start(Manner::Friendly));
    admin.add_service("echo", &upstream, "sk-upstream-key-1");

    own.kill();
    assert_eq!(get(&server, "echo"), (200, "hi".into()));
    assert_eq!(admin.call("POST", "/proxy-configs", &service("other", &upstream)).0, 503);
    until(|| server.get("/readyz").1.contains("degraded"));
    assert_eq!(server.get("/livez").0, 200);

    own.start_again();
    until(|| server.get("/readyz").1.contains("\"ok\""));
    assert_eq!(admin.call("GET", "/proxy-configs", &Value::Null).1["total"], json!(1), "not applied later");
    assert_eq!(admin.call("POST", "/proxy-configs", &service("other", &upstream)).0, 201);
}

#[test]
fn a_start_waits_for_the_database_alive_and_not_ready() {
    let (own, folder) = (OwnServer::start(), Folder::new());
    own.kill();
    let port = own.port();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    drop(listener);
    let listens = address.port().to_string();
    let mut variables = at(&port, "late");
    variables.push(("BACKEND_PORT", &listens));
    let mut child =
        folder.command(&[], &variables).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let call = |path: &str| try_call(address, "GET", path, &[("x-proxy-key", PROXY_KEY)], "");

    until(|| call("/livez").is_some_and(|(status, _)| status == 200));
    assert!(matches!(call("/readyz"), Some((503, body)) if body.contains("starting")));
    assert!(matches!(call("/proxy/echo/any"), Some((503, body)) if body.contains("starting")));

    own.start_again();
    until(|| call("/readyz").is_some_and(|(status, _)| status == 200));
    assert_eq!(call("/proxy/echo/any").unwrap().0, 404);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_start_that_waits_for_the_database_can_be_ended() {
    let folder = Folder::new();
    // Nobody listens there.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let listens = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listens_at = listens.port().to_string();
    let mut variables = at(&gone, "never");
    variables.push(("BACKEND_PORT", &listens_at));
    let mut child =
        folder.command(&[], &variables).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until(|| try_call(listens, "GET", "/livez", &[], "").is_some());

    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::TERM).unwrap();
    for _ in 0..1000 {
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(0));
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    panic!("the server did not end");
}
