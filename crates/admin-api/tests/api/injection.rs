//! Text that means something to SQL means nothing here: it is refused, found nowhere, or kept as it is.

use serde_json::json;

use crate::support::{Api, PASSWORD, USERNAME, llm_config};

const ATTACKS: [&str; 9] = [
    "' OR '1'='1",
    "' OR 1=1 --",
    "admin'--",
    "\" OR \"\"=\"",
    "'; DROP TABLE proxy_configs; --",
    "') UNION SELECT key_value FROM api_keys --",
    "1; ATTACH DATABASE '/tmp/evil' AS evil",
    "%' OR randomblob(1000000000) OR '%",
    "\\' OR 1=1 #",
];

/// As it stands in a query.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |all, byte| all + &format!("%{byte:02x}"))
}

#[tokio::test]
async fn no_name_or_password_signs_in_by_what_it_means_to_sql() {
    let api = Api::start().await;
    for (number, attack) in ATTACKS.iter().enumerate() {
        for (place, (name, password)) in
            [(*attack, PASSWORD), (USERNAME, attack), (attack, attack)].into_iter().enumerate()
        {
            // Guessing is throttled by address: each comes from one of its own.
            let answer = api.stranger_at(&format!("198.51.{number}.{place}")).sign_in(name, password).await;
            assert!(matches!(answer.status.as_u16(), 401 | 429), "{name} {password}: {}", answer.status);
        }
        assert_eq!(api.stranger().with_bearer(attack).get("/session").await.status, 401, "{attack}");
    }
}

#[tokio::test]
async fn no_query_finds_more_than_its_text() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    admin.add_key(config, "sk-0123456789abcdef").await;

    for text in ATTACKS.iter().chain(&["%", "_", "%%", "o%i", "sk_0123", "*", "?", "[a-z]"]) {
        for list in ["/proxy-configs".to_owned(), format!("/proxy-configs/{config}/keys")] {
            let found = admin.get(&format!("{list}?q={}", encoded(text))).await;
            assert_eq!((found.status.as_u16(), &found.body["items"]), (200, &json!([])), "{list} {text}");
        }
    }
    for attack in ATTACKS {
        for field in ["limit", "cursor", "sort", "state", "type"] {
            for list in ["/proxy-configs".to_owned(), format!("/proxy-configs/{config}/keys")] {
                let answer = admin.get(&format!("{list}?{field}={}", encoded(attack))).await;
                assert_eq!(answer.code(), "invalid_fields", "{list} {field} {attack}");
            }
        }
        for field in
            ["config_id", "outcome", "status", "client", "since", "min_duration_us", "has_trace", "cursor"]
        {
            let answer = admin.get(&format!("/requests?{field}={}", encoded(attack))).await;
            assert_eq!(answer.code(), "invalid_fields", "{field} {attack}");
        }
        for place in ["/requests?path=", "/requests?method=", "/requests/"] {
            let status = admin.get(&format!("{place}{}", encoded(attack))).await.status;
            assert!(matches!(status.as_u16(), 200 | 400 | 422), "{place}{attack}: {status}");
        }
        let answer = admin.get(&format!("/audit-log?limit={}", encoded(attack))).await;
        assert_eq!(answer.code(), "invalid_fields", "{attack}");
        let answer = admin.delete(&format!("/proxy-configs/{config}/keys?state={}", encoded(attack))).await;
        assert_eq!(answer.code(), "invalid_fields", "{attack}");
    }
    assert_eq!(admin.get(&format!("/proxy-configs/{config}/keys")).await.body["total"], 1);
}

#[tokio::test]
async fn what_may_be_any_text_is_kept_as_it_is() {
    let api = Api::start().await;
    let admin = api.admin().await;

    for (number, attack) in ATTACKS.iter().enumerate() {
        let mut config = llm_config(&format!("service-{number}"));
        config["name"] = json!(attack);
        let id = admin.post("/proxy-configs", config.clone()).await.id();
        let key = json!({ "key_value": attack, "note": attack });
        let key = admin.post(&format!("/proxy-configs/{id}/keys"), key).await.id();
        let revealed = admin.post(&format!("/keys/{key}/reveal"), json!({ "password": PASSWORD })).await;
        config["slug"] = json!(attack);

        assert_eq!(admin.get(&format!("/proxy-configs/{id}")).await.body["name"], *attack);
        assert_eq!(admin.get(&format!("/keys/{key}")).await.body["note"], *attack);
        assert_eq!(revealed.body["key_value"], *attack);
        assert_eq!(
            admin.post("/proxy-configs", config).await.code(),
            "invalid_fields",
            "as a slug: {attack}"
        );
    }
    assert_eq!(admin.get("/proxy-configs").await.body["total"], ATTACKS.len());
}
