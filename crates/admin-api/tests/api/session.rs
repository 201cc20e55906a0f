use std::time::Duration;

use admin_api::hash_password;
use axum::http::header;
use serde_json::json;

use crate::support::{Api, PASSWORD, USERNAME};

#[tokio::test]
async fn the_password_opens_a_session() {
    let api = Api::start().await;

    let answer = api.stranger().sign_in(USERNAME, PASSWORD).await;

    assert_eq!(answer.status, 200);
    assert_eq!((&answer.body["token_type"], &answer.body["expires_in"]), (&json!("bearer"), &json!(3600)));
    assert_eq!(answer.header(header::SET_COOKIE), "", "a script gets no cookie");
    let token = answer.body["access_token"].as_str().unwrap();
    let session = api.stranger().with_bearer(token).get("/session").await;
    assert_eq!(session.body["username"], USERNAME);
    assert_eq!(session.body["expires_at"], "2026-01-01T01:00:00Z");
    assert_eq!(session.body["csrf_token"], answer.body["csrf_token"]);
}

#[tokio::test]
async fn a_hashed_password_opens_a_session() {
    let api = Api::start_with(&hash_password(PASSWORD).unwrap()).await;

    assert_eq!(api.stranger().sign_in(USERNAME, "wrong").await.status, 401);
    assert_eq!(api.stranger().sign_in(USERNAME, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_wrong_user_and_a_wrong_password_look_the_same() {
    let api = Api::start().await;

    let wrong_password = api.stranger().sign_in(USERNAME, "wrong").await;
    let wrong_user = api.stranger().sign_in("root", PASSWORD).await;

    assert_eq!((wrong_password.status.as_u16(), wrong_password.code()), (401, "wrong_credentials"));
    assert_eq!((wrong_user.status, &wrong_user.text), (wrong_password.status, &wrong_password.text));
}

#[tokio::test]
async fn incomplete_credentials_are_wrong_credentials() {
    let api = Api::start().await;

    for body in
        [json!({}), json!({ "username": USERNAME }), json!({ "username": USERNAME, "password": null })]
    {
        assert_eq!(api.stranger().post("/login", body.clone()).await.code(), "wrong_credentials", "{body}");
    }
}

#[tokio::test]
async fn a_browser_gets_the_token_in_a_cookie_that_no_script_reads() {
    let api = Api::start().await;
    let login = json!({ "username": USERNAME, "password": PASSWORD, "cookie": true });

    let plain = api.stranger().post("/login", login.clone()).await;
    let over_tls = api.stranger().over_tls().post("/login", login).await;

    assert_eq!(plain.body["access_token"], json!(null));
    let (_, attributes) = plain.header(header::SET_COOKIE).split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/api/admin; Max-Age=3600; HttpOnly; SameSite=Strict");
    assert!(over_tls.header(header::SET_COOKIE).ends_with("; SameSite=Strict; Secure"));
}

#[tokio::test]
async fn the_cookie_opens_what_the_token_opens() {
    let api = Api::start().await;
    let login = json!({ "username": USERNAME, "password": PASSWORD, "cookie": true });
    let cookie = api.stranger().post("/login", login).await.header(header::SET_COOKIE).to_owned();
    let (pair, _) = cookie.split_once(';').unwrap();

    let browser = api.stranger().with(header::COOKIE, &format!("theme=dark; {pair}; lang=en"));

    assert_eq!(browser.get("/session").await.status, 200);
}

#[tokio::test]
async fn signing_out_ends_this_session_and_no_other() {
    let api = Api::start().await;
    let (leaving, staying) = (api.admin().await, api.admin().await);

    let answer = leaving.post("/logout", json!({})).await;

    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    assert!(answer.header(header::SET_COOKIE).starts_with("akr_session=; Path=/api/admin; Max-Age=0;"));
    assert_eq!(leaving.get("/session").await.status, 401);
    assert_eq!(leaving.post("/logout", json!({})).await.status, 401);
    assert_eq!(staying.get("/session").await.status, 200);
}

#[tokio::test]
async fn a_session_that_was_signed_out_stays_ended_after_a_restart() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let token = admin.token();
    admin.post("/logout", json!({})).await;

    let restarted = api.restart_with(PASSWORD);

    assert_eq!(restarted.stranger().with_bearer(&token).get("/session").await.status, 401);
}

#[tokio::test]
async fn a_session_ends_by_itself_to_the_second() {
    let api = Api::start().await;
    let admin = api.admin().await;

    api.wait(Duration::from_secs(3599));
    assert_eq!(admin.get("/session").await.status, 200);
    api.wait(Duration::from_secs(1));
    assert_eq!(admin.get("/session").await.status, 401);
}

#[tokio::test]
async fn a_new_password_ends_every_session() {
    let api = Api::start().await;
    let token = api.admin().await.token();

    let same = api.restart_with(PASSWORD).stranger().with_bearer(&token).get("/session").await;
    let other = api.restart_with("another password").stranger().with_bearer(&token).get("/session").await;

    assert_eq!((same.status.as_u16(), other.status.as_u16()), (200, 401));
}
