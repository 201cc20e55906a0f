use std::{
    io::Read as _,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    support::{Folder, PASSWORD, PROXY_KEY, Running, try_call, until},
    upstream::{Manner, start},
};

fn add_service(server: &Running, upstream: SocketAddr) -> i64 {
    server.sign_in(PASSWORD).unwrap().add_service("echo", &format!("http://{upstream}"), "sk-upstream-key-1")
}

#[test]
fn a_request_goes_through_and_its_counts_survive_the_end() {
    let folder = Folder::new();
    let server = folder.serve_known();
    let config = add_service(&server, start(Manner::Friendly));
    let answer = server.call("GET", "/proxy/echo/any", &[("x-proxy-key", PROXY_KEY)], "");
    let (_, metrics) = server.get("/metrics");
    server.stop();

    let server = folder.serve_known();
    let path = format!("/proxy-configs/{config}/keys");
    let (_, keys) = server.sign_in(PASSWORD).unwrap().call("GET", &path, &Value::Null);
    assert_eq!(answer, (200, "hi".into()));
    assert!(metrics.contains("akr_requests_total{type=\"generic\",class=\"2xx\"} 1\n"), "{metrics}");
    assert_eq!(keys["items"][0]["success_count"], json!(1), "{keys}");
    let log = rusqlite::Connection::open(folder.path("data/api_key_rotator-requests.db")).unwrap();
    let records: i64 = log.query_one("SELECT count(*) FROM requests", (), |row| row.get(0)).unwrap();
    assert_eq!(records, 1);
}

#[test]
fn a_termination_is_announced_before_the_listener_closes() {
    let folder = Folder::new();
    let mut server = folder.serve_known();
    server.terminate();
    let deadline = Instant::now() + Duration::from_secs(1);
    let announced = loop {
        match server.get("/readyz").0 {
            200 if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            status => break status,
        }
    };

    assert_eq!(announced, 503);
    assert_eq!(server.get("/livez").0, 200);
    assert_eq!(server.wait().code(), Some(0));
    assert!(server.log().contains("\"stopped\""), "{}", server.log());
}

#[test]
fn an_instance_tells_how_it_is_and_what_is_under_way() {
    let folder = Folder::new();
    let server = folder.serve_known();
    add_service(&server, start(Manner::Silent));
    let admin = server.sign_in(PASSWORD).unwrap();
    let current = || admin.call("GET", "/instances/current", &Value::Null).1;
    let address = server.address;
    thread::spawn(move || try_call(address, "GET", "/proxy/echo/", &[("x-proxy-key", PROXY_KEY)], ""));
    until(|| current()["active_requests"] == json!(1) && current()["is_leader"] == json!(true));

    let (now, list) = (current(), admin.call("GET", "/instances", &Value::Null).1);
    assert_eq!((&now["id"], &now["hostname"]), (&list["items"][0]["id"], &list["items"][0]["hostname"]));
    for dependency in ["database", "cache"] {
        assert_eq!(now[dependency]["status"], "ok", "{now}");
    }
    assert_eq!(now["request_log"], json!({ "batches_waiting": 0, "batches_at_most": 64, "records_lost": 0 }));
    assert_eq!((&now["active_streams"], &now["last_snapshot_at"]), (&json!(0), &Value::Null));
}

#[test]
fn a_second_signal_ends_what_the_first_one_waits_for() {
    let folder = Folder::new();
    let mut server = folder.serve_known();
    add_service(&server, start(Manner::Silent));
    let address = server.address;
    thread::spawn(move || try_call(address, "GET", "/proxy/echo/", &[("x-proxy-key", PROXY_KEY)], ""));
    until(|| server.get("/metrics").1.contains("akr_active_requests 1\n"));
    server.terminate();
    until(|| server.log().contains("draining"));
    let second = Instant::now();
    server.terminate();

    assert_eq!(server.wait().code(), Some(0));
    assert!(second.elapsed() < Duration::from_secs(2), "{:?}", second.elapsed());
}

#[test]
fn an_end_cancels_jobs_and_tells_those_who_follow_them() {
    let folder = Folder::new();
    let mut server = folder.serve_known();
    let config = add_service(&server, start(Manner::Silent));
    let admin = server.sign_in(PASSWORD).unwrap();
    let path = format!("/proxy-configs/{config}/keys/jobs");
    assert_eq!(admin.call("POST", &path, &json!({ "action": "test" })).0, 202);
    let mut events = admin.follow(1);
    server.terminate();

    let mut rest = String::new();
    events.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("\"state\":\"cancelled\""), "{rest}");
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "the stream ends, and is not broken off: {rest}");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_port_in_use_is_told_with_the_variable_to_change() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let ended = Folder::new().run(&[], &[("BACKEND_PORT", &server.port())]);

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("BACKEND_PORT"), "{}", ended.err);
}

#[test]
fn paths_of_nobody_are_json_errors() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    for path in ["/nothing", "/.env", "/data/api_key_rotator.db", "/..%2f..%2fetc/passwd", "/api/admin/none"]
    {
        let (status, body) = server.get(path);
        let body: Value = serde_json::from_str(&body).unwrap();
        // Beneath /api/admin nothing is told without a session.
        assert!(status == 404 || (status == 401 && path.starts_with("/api/admin")), "{path}: {status}");
        assert!(body["request_id"].is_string(), "{path}: {body}");
    }
    assert!(server.get("/").1.contains("API Key Rotator"));
}
