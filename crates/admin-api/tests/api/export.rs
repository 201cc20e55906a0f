//! The texts of many keys, as a file.

use axum::{
    body::Body,
    http::{Method, header},
};
use http_body_util::BodyExt;
use rotator_core::store::{AuditEntry, Store};
use serde_json::{Value, json};

use crate::support::{Api, Client, PASSWORD, request, unavailable};

const KEY: &str = "sk-0123456789abcdef";

/// A service with a key, and where to export its keys.
async fn scene() -> (Api, Client, i64, String) {
    let api = Api::start().await;
    let admin = api.admin().await;
    let config = admin.add_config("openai").await;
    admin.add_key(config, KEY).await;
    let path = format!("/proxy-configs/{config}/keys/export");
    (api, admin, config, path)
}

async fn latest(api: &Api) -> AuditEntry {
    api.store.audit_entries(1).await.unwrap().remove(0)
}

/// The body of an export, still to be read.
async fn open(admin: &Client, path: &str) -> Body {
    let request = request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
    let proof = json!({ "password": PASSWORD }).to_string();
    let answer = admin.open(request.body(proof.into()).unwrap()).await;
    assert_eq!(answer.status(), 200);
    answer.into_body()
}

#[tokio::test]
async fn the_password_gives_the_keys_as_a_file_and_leaves_a_trace() {
    let (api, admin, config, path) = scene().await;
    let second = json!({ "key_value": "sk-good", "is_active": false, "weight": 7, "quota_group": "=Acme", "note": "from Ann" });
    admin.post(&format!("/proxy-configs/{config}/keys"), second).await;

    let answer = admin.post(&path, json!({ "password": PASSWORD })).await;

    assert_eq!((answer.status.as_u16(), answer.header(header::CACHE_CONTROL)), (200, "no-store"));
    assert_eq!(answer.header(header::CONTENT_TYPE), "text/csv; charset=utf-8");
    assert_eq!(answer.header(header::CONTENT_DISPOSITION), "attachment; filename=\"openai-keys.csv\"");
    let expected = "id,key_value,state,weight,quota_group,note\r\n\
                    1,sk-0123456789abcdef,active,1,,\r\n\
                    2,sk-good,disabled,7,'=Acme,from Ann\r\n";
    assert_eq!(answer.text, expected);
    let entry = latest(&api).await;
    assert_eq!((entry.action.as_str(), entry.object_id), ("keys.export", Some(config)));
    assert_eq!(entry.detail.0["keys"], 2);
}

#[tokio::test]
async fn keys_are_exported_by_state() {
    let (api, admin, config, path) = scene().await;
    let off = json!({ "key_value": "sk-off-0123456789", "is_active": false });
    admin.post(&format!("/proxy-configs/{config}/keys"), off).await;

    let disabled = admin.post(&path, json!({ "password": PASSWORD, "state": "disabled" })).await;
    assert!(disabled.text.contains("sk-off-") && !disabled.text.contains(KEY), "{}", disabled.text);
    assert_eq!(latest(&api).await.detail.0["keys"], 1);
    let invalid = admin.post(&path, json!({ "password": PASSWORD, "state": "invalid" })).await;
    assert_eq!(invalid.text, "id,key_value,state,weight,quota_group,note\r\n");
    let unknown = admin.post(&path, json!({ "password": PASSWORD, "state": "tired" })).await;
    assert_eq!((unknown.status.as_u16(), unknown.code()), (422, "invalid_fields"));
}

#[tokio::test]
async fn no_note_and_no_key_runs_in_a_spreadsheet_or_leaves_its_cell() {
    let (_api, admin, config, path) = scene().await;
    for (key, note) in
        [("=cmd|'/C_calc'!A0", "=HYPERLINK(\"http://evil.example\")"), ("-plain_key+/=", "-1, \"quoted\"")]
    {
        let key = json!({ "key_value": key, "note": note });
        assert_eq!(admin.post(&format!("/proxy-configs/{config}/keys"), key).await.status, 201);
    }

    let answer = admin.post(&path, json!({ "password": PASSWORD })).await;

    let rows: Vec<&str> = answer.text.split("\r\n").skip(2).collect();
    let expected = [
        "2,'=cmd|'/C_calc'!A0,active,1,,\"'=HYPERLINK(\"\"http://evil.example\"\")\"",
        "3,-plain_key+/=,active,1,,\"'-1, \"\"quoted\"\"\"",
        "",
    ];
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn a_wrong_password_gives_nothing_and_leaves_a_trace() {
    let (api, admin, config, path) = scene().await;

    for proof in [json!({ "password": "guess" }), json!({})] {
        let answer = admin.post(&path, proof).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (403, "wrong_password"));
        let entry = latest(&api).await;
        assert_eq!((entry.action.as_str(), entry.object_id), ("keys.export_refused", Some(config)));
    }
    assert_eq!(admin.get(&path).await.status, 405);
    assert_eq!(admin.post(&path, Value::Null).await.code(), "malformed");
}

#[tokio::test]
async fn guesses_count_together_with_those_for_a_single_key() {
    let (_api, admin, _, path) = scene().await;
    for path in [path.as_str(), "/keys/1/reveal", path.as_str(), "/keys/1/reveal", path.as_str()] {
        assert_eq!(admin.post(path, json!({ "password": "guess" })).await.status, 403);
    }

    for path in [path.as_str(), "/keys/1/reveal"] {
        let answer = admin.post(path, json!({ "password": PASSWORD })).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (429, "too_many_attempts"));
    }
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_exported() {
    let (api, admin, _, path) = scene().await;

    api.store.fail("audit", unavailable);
    let answer = admin.post(&path, json!({ "password": PASSWORD })).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (503, "unavailable"));
    assert!(!answer.text.contains(KEY));
}

#[tokio::test]
async fn keys_of_an_unknown_service_are_not_found() {
    let (_api, admin, ..) = scene().await;

    let answer = admin.post("/proxy-configs/99/keys/export", json!({ "password": PASSWORD })).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (404, "not_found"));
}

#[tokio::test]
async fn a_key_that_does_not_open_is_an_empty_cell() {
    let (api, admin, _, path) = scene().await;

    api.store.tamper();
    let answer = admin.post(&path, json!({ "password": PASSWORD })).await;

    assert_eq!(answer.text, "id,key_value,state,weight,quota_group,note\r\n1,,active,1,,\r\n");
}

#[tokio::test]
async fn many_keys_come_piece_by_piece_as_the_client_takes_them() {
    let (_api, admin, config, path) = scene().await;
    admin.add_keys(config, (0..1200).map(|number| format!("sk-many-0123456789-{number}"))).await;
    let whole = admin.post(&path, json!({ "password": PASSWORD })).await.text;
    let mut body = open(&admin, &path).await;

    let mut taken = Vec::new();
    for _ in 0..2 {
        taken.extend_from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap());
    }
    admin.delete(&format!("/proxy-configs/{config}/keys")).await;
    let rest = body.collect().await.unwrap().to_bytes();

    let ids: Vec<String> = (1..=1201).map(|id| id.to_string()).collect();
    let listed: Vec<&str> = whole.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(listed, ids);
    let taken = String::from_utf8(taken).unwrap();
    assert_eq!((taken.lines().count(), rest.len()), (501, 0), "nothing is read before it is asked for");
    assert!(whole.starts_with(&taken));
}

#[tokio::test]
async fn a_download_that_is_broken_off_is_written_down_too() {
    let (api, admin, config, path) = scene().await;

    drop(open(&admin, &path).await);

    let entry = latest(&api).await;
    assert_eq!((entry.action.as_str(), entry.object_id), ("keys.export", Some(config)));
    assert_eq!(entry.detail.0["keys"], 1);
}

#[tokio::test]
async fn a_file_that_cannot_be_finished_does_not_look_complete() {
    let (api, admin, _, path) = scene().await;
    let body = open(&admin, &path).await;

    api.store.fail("keys", unavailable);

    assert!(body.collect().await.is_err());
}
