//! What an admin sees of what is in effect.

use serde_json::json;

use crate::support::Api;

#[tokio::test]
async fn settings_are_shown_with_where_they_came_from_and_secrets_are_not() {
    let api = Api::start().await;

    let shown = api.admin().await.get("/settings").await.body;

    let setting = |name: &str, is_set: bool, is_secret: bool, value: Option<&str>| {
        json!({
            "name": name, "section": { "en": "Logs", "zh": "日志" },
            "meaning": { "en": "What it means.", "zh": "含义。" },
            "is_set": is_set, "is_secret": is_secret, "value": value,
            "source": if is_set { "the environment" } else { "" },
        })
    };
    assert_eq!(
        shown["settings"],
        json!([
            setting("LOG_LEVEL", true, false, Some("debug")),
            setting("JWT_SECRET", true, true, None),
            setting("WORKERS", false, false, None),
        ])
    );
    assert_eq!(shown["warnings"], json!(["GLOBAL_PROXY_KEYS is empty, so every client is refused"]));
}
