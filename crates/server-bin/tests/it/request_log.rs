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

#[test]
fn a_price_that_an_admin_writes_is_that_of_the_next_request() {
    let folder = Folder::new();
    let server = folder.serve_known();
    let admin = server.sign_in(PASSWORD).unwrap();
    let target = format!("http://{}", start(Manner::Chatty));
    let form = json!({ "name": "ai", "slug": "ai", "config_type": "LLM", "target_base_url": target });
    let config = admin.call("POST", "/proxy-configs", &form).1["id"].clone();
    let key = json!({ "key_value": "sk-upstream-key-1" });
    assert_eq!(admin.call("POST", &format!("/proxy-configs/{config}/keys"), &key).0, 201);
    let ask = || {
        let question = r#"{"model":"gpt-4o","messages":[]}"#;
        let headers = [("x-proxy-key", PROXY_KEY), ("content-type", "application/json")];
        assert_eq!(server.call("POST", "/llm/ai/v1/chat/completions", &headers, question).0, 200);
    };
    let logged = || admin.call("GET", "/requests", &Value::Null).1["items"].as_array().unwrap().clone();

    ask();
    // The second one may go to another worker, whose records could be written first.
    until(|| logged().len() == 1);
    let prices = json!({ "prices": [{ "model": "gpt-4o", "input": 0.000_001, "output": 0 }] });
    assert_eq!(admin.call("PUT", "/prices", &prices).0, 200);
    ask();
    until(|| logged().len() == 2);

    let costs: Vec<Value> = logged().iter().map(|request| request["cost"].clone()).collect();
    assert_eq!(costs, [json!(0.000_001), json!(2.5)]);
    let metrics = server.get("/metrics").1;
    assert!(metrics.contains("\nakr_cost_dollars_total{slug=\"ai\"} 2.500001\n"), "{metrics}");
}
