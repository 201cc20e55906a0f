//! The document is the routes', and what is committed is the document.

use std::{env, fs};

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::Value;

use crate::support::Api;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
/// What a stranger may call: one path to sign in by, and one that the sign-in page reads.
const PUBLIC: [(&str, &str); 2] = [("get", "/api/admin/app-config"), ("post", "/api/admin/login")];

fn document() -> Value {
    serde_json::from_str(&admin_api::openapi_json().unwrap()).unwrap()
}

/// Every method and path of the admin API in the document, with what is said of it.
fn operations() -> Vec<(String, String, Value)> {
    let document = document();
    let paths =
        document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/api/admin/"));
    paths
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .iter()
                .map(|(method, said)| (method.clone(), path.clone(), said.clone()))
        })
        .collect()
}

#[test]
fn the_committed_document_is_current() {
    let current = admin_api::openapi_json().unwrap() + "\n";
    if env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(COMMITTED, &current).unwrap();
    }

    let committed = fs::read_to_string(COMMITTED).unwrap_or_default();

    assert!(
        committed == current,
        "docs/openapi.json is stale; renew it with UPDATE_OPENAPI=1 cargo test -p admin-api openapi"
    );
}

#[tokio::test]
async fn an_admin_is_shown_the_document() {
    let answer = Api::start().await.admin().await.get("/openapi.json").await;

    assert_eq!(answer.body, document());
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/json");
}

#[test]
fn every_operation_has_a_name_of_its_own_and_says_who_may_call_it() {
    let operations = operations();
    let mut names: Vec<&str> =
        operations.iter().map(|(.., said)| said["operationId"].as_str().unwrap()).collect();
    names.sort_unstable();
    names.dedup();

    assert_eq!(names.len(), operations.len());
    for (method, path, said) in &operations {
        let is_public = PUBLIC.contains(&(method.as_str(), path.as_str()));
        assert_eq!(said["security"] != Value::Null, is_public, "{method} {path}");
        assert!(said["summary"].is_string() && said["tags"][0].is_string(), "{method} {path}");
    }
}

#[tokio::test]
async fn every_documented_path_is_closed_to_strangers_but_for_the_public_list() {
    let api = Api::start().await;

    for (method, path, _) in operations() {
        let uri = path.replace("{id}", "1");
        let request = Request::builder().method(&*method.to_uppercase()).uri(&uri);
        let request =
            request.header(header::CONTENT_TYPE, "application/json").body(Body::from("{}")).unwrap();
        let answer = api.stranger().send(request).await;
        let expected = match (method.as_str(), path.as_str()) {
            ("get", "/api/admin/app-config") => (200, "none"),
            ("post", "/api/admin/login") => (401, "wrong_credentials"),
            _ => (401, "unauthenticated"),
        };
        assert_eq!((answer.status.as_u16(), answer.code()), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn a_path_serves_the_documented_methods_and_no_other() {
    let api = Api::start().await;
    let operations = operations();

    for (_, path, _) in &operations {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let request = Request::builder()
                .method(&method)
                .uri(path.replace("{id}", "1"))
                .body(Body::empty())
                .unwrap();
            let served = api.stranger().send(request).await.status != 405;
            let documented =
                operations.iter().any(|(m, p, _)| p == path && m.to_uppercase() == method.as_str());
            assert_eq!(served, documented, "{method} {path}");
        }
    }
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, inner)| match (name.as_str(), inner) {
                ("$ref", Value::String(target)) => found.push(target.clone()),
                _ => references(inner, found),
            }),
            Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);

    assert!(!found.is_empty());
    for target in found {
        assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
    }
}
