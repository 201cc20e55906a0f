//! Keys that rest, over a restart.

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
