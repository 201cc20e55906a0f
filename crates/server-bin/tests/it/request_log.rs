//! The way of a request into the log, and out of it again.

use serde_json::{Value, json};

use crate::{
    support::{Folder, PASSWORD, PROXY_KEY, until},
    upstream::{Manner, start},
};

#[test]
fn what_became_of_a_request_is_found_by_the_id_that_its_client_was_told() {
    let folder = Folder::new();
    let server = folder.serve_known();
    let admin = server.sign_in(PASSWORD).unwrap();
    let config = admin.add_service("rude", &format!("http://{}", start(Manner::Rude)), "sk-upstream-key-1");
    let (status, body) = server.call("GET", "/proxy/rude/any?a=b", &[("x-proxy-key", PROXY_KEY)], "");
    let told: Value = serde_json::from_str(&body).unwrap();
    let path = format!("/requests/{}", told["request_id"].as_str().unwrap());

    until(|| admin.call("GET", &path, &Value::Null).0 == 200);

    let found = admin.call("GET", &path, &Value::Null).1;
    assert_eq!((status, &found["status"], &found["outcome"]), (502, &json!(502), &json!("upstream_failed")));
    assert_eq!((&found["path"], &found["config_id"]), (&json!("/proxy/rude/any"), &json!(config)));
    let list = admin.call("GET", "/requests?status=5xx&path=/RUDE/", &Value::Null).1;
    assert_eq!(list["items"][0]["request_id"], found["request_id"]);
}
