//! Keys that rest: for how long, and over a restart.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    support::{Folder, PASSWORD, PROXY_KEY, Running},
    upstream::{Manner, start},
};

fn ask(server: &Running) -> u16 {
    server.call("GET", "/proxy/echo/any", &[("x-proxy-key", PROXY_KEY)], "").0
}

fn key(server: &Running, config: i64) -> Value {
    let path = format!("/proxy-configs/{config}/keys");
    server.sign_in(PASSWORD).unwrap().call("GET", &path, &Value::Null).1["items"][0].clone()
}

#[test]
fn a_key_that_was_rejected_rests_on_after_a_restart_until_it_is_reset() {
    let folder = Folder::new();
    let server = folder.serve_known();
    let upstream = format!("http://{}", start(Manner::Indiscreet));
    let config = server.sign_in(PASSWORD).unwrap().add_service("echo", &upstream, "sk-upstream-key-1");
    assert_eq!((ask(&server), ask(&server)), (401, 503));
    let before = key(&server, config);
    server.stop();

    let server = folder.serve_known();
    let after = key(&server, config);
    assert_eq!((&after["state"], &after["state_until"]), (&json!("invalid"), &before["state_until"]));
    assert_eq!(ask(&server), 503, "the upstream is not asked");

    let path = format!("/keys/{}/reset", after["id"]);
    server.sign_in(PASSWORD).unwrap().call("POST", &path, &json!({}));
    assert_eq!(key(&server, config)["state"], "active");
    assert_eq!(ask(&server), 401, "the upstream is asked again");
}

#[test]
fn a_key_that_was_rejected_rests_as_long_as_the_settings_say() {
    let folder = Folder::new();
    let known = [("ADMIN_PASSWORD", PASSWORD), ("GLOBAL_PROXY_KEYS", PROXY_KEY)];
    let server = folder.serve(&[known[0], known[1], ("KEY_REJECTED_REST", "20h")]);
    let upstream = format!("http://{}", start(Manner::Indiscreet));
    let config = server.sign_in(PASSWORD).unwrap().add_service("echo", &upstream, "sk-upstream-key-1");
    assert_eq!(ask(&server), 401);

    let key = key(&server, config);
    let [added, until] =
        ["created_at", "state_until"].map(|name| key[name].as_str().unwrap().parse::<Timestamp>().unwrap());
    // Half of it is by chance.
    assert!(until.duration_since(added) >= SignedDuration::from_hours(10), "{until}");
}
