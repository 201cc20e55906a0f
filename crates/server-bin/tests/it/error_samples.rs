//! The way of a failure into the samples, and of the samples into a test of rules.

use serde_json::{Value, json};

use crate::{
    support::{Folder, PASSWORD, PROXY_KEY, contents, until},
    upstream::{Manner, start},
};

const KEY: &str = "sk-upstream-key-1";

#[test]
fn rules_can_be_tried_on_what_an_upstream_answered_and_no_file_holds_the_key_it_showed() {
    let folder = Folder::new();
    let server = folder.serve_known();
    let admin = server.sign_in(PASSWORD).unwrap();
    let config = admin.add_service("strict", &format!("http://{}", start(Manner::Indiscreet)), KEY);
    let (status, _) = server.call("GET", "/proxy/strict/any", &[("x-proxy-key", PROXY_KEY)], "");
    let path = format!("/proxy-configs/{config}/error-samples");
    let samples = || admin.call("GET", &path, &Value::Null).1["items"].clone();
    until(|| samples() != json!([]));

    let [sample] = samples().as_array().unwrap().clone().try_into().unwrap();
    let rules =
        json!([{ "name": "mine", "status": ["401"], "body": ["GET /any"], "outcome": "rate_limited" }]);
    let path = format!("/proxy-configs/{config}/rules/test");
    let (_, tried) = admin.call("POST", &path, &json!({ "rules": rules, "samples": "stored" }));

    assert_eq!((status, &sample["status"], &sample["outcome"]), (401, &json!(401), &json!("key_rejected")));
    let stars = format!("x-upstream-key: {}", "*".repeat(KEY.len()));
    assert!(sample["body"].as_str().unwrap().contains(&stars), "{sample}");
    assert_eq!(tried["samples"], json!([sample]));
    assert_eq!(
        (&tried["verdicts"][0]["outcome"], &tried["verdicts"][0]["rule"]),
        (&json!("rate_limited"), &json!("mine"))
    );
    server.stop();
    let files = contents(&folder.path("data"));
    let holds =
        |text: &str| files.iter().any(|(_, bytes)| bytes.windows(text.len()).any(|w| w == text.as_bytes()));
    assert!(holds(&stars) && !holds(KEY));

    let server = folder.serve_known();
    let admin = server.sign_in(PASSWORD).unwrap();
    assert_eq!(
        admin.call("GET", &format!("/proxy-configs/{config}/error-samples"), &Value::Null).1["items"],
        json!([sample])
    );
}
