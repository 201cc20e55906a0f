use serde_json::{Value, json};

use crate::{
    support::{Admin, Folder, Running, contents, until},
    upstream::{Manner, start},
};

/// Everything that nobody may see, each with the same word in it.
const PASSWORD: &str = "password-canary-1";
const PROXY_KEY: &str = "pk-canary-2-0123456789";
const UPSTREAM_KEY: &str = "sk-canary-3-0123456789";
const SECRETS: [(&str, &str); 5] = [
    ("ADMIN_PASSWORD", PASSWORD),
    ("GLOBAL_PROXY_KEYS", PROXY_KEY),
    ("JWT_SECRET", "jwt-canary-4-0123456789-0123456789-0123456789"),
    ("ENCRYPTION_KEY", "encryption-canary-5-0123456789"),
    ("METRICS_TOKEN", "metrics-canary-6-0123456789"),
];

/// Registers a service whose key goes into a header or into the query.
fn add_service(admin: &Admin, slug: &str, target: &str, location: &str) {
    let form = json!({
        "name": slug, "slug": slug, "config_type": "GENERIC", "target_url": target,
        "api_key_location": location, "api_key_name": "appid",
    });
    let (status, config) = admin.call("POST", "/proxy-configs", &form);
    assert_eq!(status, 201, "{config}");
    let path = format!("/proxy-configs/{}/keys", config["id"]);
    assert_eq!(admin.call("POST", &path, &json!({ "key_value": UPSTREAM_KEY })).0, 201);
}

/// Calls services that work and that fail in every way; answers all that it was told.
fn use_it(server: &Running) -> String {
    let admin = server.sign_in(PASSWORD).unwrap();
    let mut told = String::new();
    let targets = [
        ("friendly", format!("http://{}", start(Manner::Friendly))),
        ("indiscreet", format!("http://{}", start(Manner::Indiscreet))),
        ("rude", format!("http://{}", start(Manner::Rude))),
        ("no-tls", format!("https://{}", start(Manner::Friendly))),
        ("nobody", "http://127.0.0.1:1".to_owned()),
        ("no-name", "http://name.invalid".to_owned()),
        ("forbidden", "http://169.254.169.254".to_owned()),
    ];
    for (slug, target) in targets {
        for location in ["header", "query"] {
            let slug = format!("{slug}-{location}");
            add_service(&admin, &slug, &target, location);
            let path = format!("/proxy/{slug}/path?appid=client");
            told += &server.call("POST", &path, &[("x-proxy-key", PROXY_KEY)], "a body").1;
        }
    }
    told += &server.call("GET", "/proxy/friendly-header/", &[("x-proxy-key", "wrong-canary-7")], "").1;
    assert!(server.sign_in("wrong-canary-8").is_none());
    // Those of the indiscreet ones.
    for id in [3, 4] {
        let path = format!("/proxy-configs/{id}/error-samples");
        until(|| admin.call("GET", &path, &Value::Null).1["items"] != json!([]));
        told += &admin.call("GET", &path, &Value::Null).1.to_string();
    }
    for path in ["/proxy-configs/1/keys", "/keys/1", "/proxy-configs?q=canary", "/audit-log"] {
        told += &admin.call("GET", path, &Value::Null).1.to_string();
    }
    told += &admin.call("POST", "/keys/1/test", &json!({})).1.to_string();
    told + &server.get("/metrics").1
}

#[test]
fn no_secret_is_in_any_log_database_metric_or_answer() {
    // Libraries at their loudest too, which a plain level never asks for.
    let folder = Folder::new();
    let server = folder.serve(&[&SECRETS[..], &[("LOG_LEVEL", "trace,hyper=trace")]].concat());
    let told = use_it(&server);
    let metrics = server.get("/metrics").1;
    assert!(metrics.contains("class=\"2xx\"} 2\n"), "the friendly ones were not reached: {metrics}");
    let log = server.log();
    let banner = server.stop();

    assert!(log.contains("rude-query"), "nothing was logged: {log}");
    for (sink, text) in [("answers", &told), ("log", &log), ("banner", &banner)] {
        let leak = text.lines().find(|line| line.contains("canary-"));
        assert_eq!(leak, None, "in the {sink}");
    }
    for (file, bytes) in contents(&folder.path("data")) {
        let leak = bytes.windows(7).any(|window| window == b"canary-");
        assert!(!leak, "in {}", file.display());
    }
}
