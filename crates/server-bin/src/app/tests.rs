use http_body_util::Empty;
use rotator_core::secret::Secret;
use serde_json::Value;

use super::*;

fn app() -> App {
    App {
        admin: Router::new(),
        health: Arc::default(),
        metrics: Box::new(|| "akr_up 1\n".into()),
        metrics_token: ProxyKeys::new([&Secret::parse("a-token-of-metrics").unwrap()]),
        panel: Panel::embedded(),
        clock: || Timestamp::UNIX_EPOCH,
    }
}

fn caller(address: &str) -> Caller {
    Caller { address: address.parse().unwrap(), over_tls: false, request_id: "r1".into() }
}

async fn ask(
    app: &App,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    from: &str,
) -> (StatusCode, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = app.respond(request.body(Empty::<Bytes>::new()).unwrap(), caller(from)).await;
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn unknown_paths_are_json_errors_with_the_request_id() {
    let (status, body) = ask(&app(), "GET", "/nothing?q=1", &[], "192.0.2.1").await;

    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!({ "error": "there is nothing at this path", "code": "not_found", "request_id": "r1" })
    );
}

#[tokio::test]
async fn paths_that_could_be_read_in_two_ways_lead_nowhere() {
    let app = app();
    for path in [
        "/api/admin/../livez",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/data/api_key_rotator.db",
        "//livez",
        "/./livez",
        "/livez/",
        "/LIVEZ",
        "/api/adminx",
        "/api%2fadmin/login",
        "/.env",
    ] {
        assert_eq!(ask(&app, "GET", path, &[], "127.0.0.1").await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn readiness_tells_of_a_missing_store_and_of_the_end() {
    let app = app();
    assert_eq!(
        ask(&app, "GET", "/readyz", &[], "192.0.2.1").await,
        (StatusCode::OK, r#"{"status":"ok"}"#.into())
    );

    app.health.note_store(false);
    let (status, body) = ask(&app, "GET", "/health", &[], "192.0.2.1").await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::OK, r#"{"snapshot_age_seconds":0,"status":"degraded"}"#)
    );

    app.health.drain();
    assert_eq!(ask(&app, "GET", "/readyz", &[], "192.0.2.1").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&app, "GET", "/livez", &[], "192.0.2.1").await.0, StatusCode::OK);
}

#[tokio::test]
async fn metrics_are_for_this_machine_or_a_bearer_of_the_token() {
    let app = app();
    let bearer = [("authorization", "Bearer a-token-of-metrics")];
    let wrong = [("authorization", "Bearer a-token-of-metricS")];
    let forwarded = [("x-forwarded-for", "192.0.2.1")];

    for (headers, from, status) in [
        (&[][..], "127.0.0.1", StatusCode::OK),
        (&[], "::ffff:127.0.0.1", StatusCode::OK),
        (&[], "192.0.2.1", StatusCode::UNAUTHORIZED),
        (&bearer, "192.0.2.1", StatusCode::OK),
        (&wrong, "192.0.2.1", StatusCode::UNAUTHORIZED),
        (&forwarded, "127.0.0.1", StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(ask(&app, "GET", "/metrics", headers, from).await.0, status, "{headers:?} from {from}");
    }
}

#[tokio::test]
async fn pages_are_read_only() {
    assert_eq!(ask(&app(), "POST", "/livez", &[], "127.0.0.1").await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(ask(&app(), "HEAD", "/", &[], "127.0.0.1").await.0, StatusCode::OK);
}
