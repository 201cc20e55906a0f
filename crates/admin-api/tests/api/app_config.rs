use serde_json::json;

use crate::support::Api;

#[tokio::test]
async fn a_stranger_learns_only_what_the_sign_in_page_needs() {
    let api = Api::start().await;

    let answer = api.stranger().get("/app-config").await;

    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        json!({ "proxy_public_base_url": "https://keys.example.com", "build": "lightweight" })
    );
}

#[tokio::test]
async fn an_admin_learns_what_is_installed() {
    let api = Api::start().await;

    let body = api.admin().await.get("/app-config").await.body;

    assert_eq!((&body["version"], &body["database_type"]), (&json!("1.2.3"), &json!("sqlite")));
    assert_eq!(body["cache_type"], "memory");
}

#[tokio::test]
async fn a_wrong_session_makes_a_stranger() {
    let api = Api::start().await;

    let answer = api.stranger().with_bearer("wrong").get("/app-config").await;

    assert_eq!((answer.status.as_u16(), &answer.body["version"]), (200, &json!(null)));
}
