//! What an admin sees of the requests that clients sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::Method;
use jiff::Timestamp;
use rotator_core::{
    model::{ConfigId, KeyId},
    prices::Money,
    record::{AttemptTrace, PassedOver, RequestId, RequestOutcome, RequestRecord, Tokens, Trace},
    store::Store,
};
use serde_json::{Value, json};

use crate::support::{Api, Client, unavailable};

/// 2026-01-01T00:00:00Z
const START: i64 = 1_767_225_600;

/// The plain request of this number, which began so many minutes after all tests begin.
pub(crate) fn record(number: u8) -> RequestRecord {
    RequestRecord {
        request_id: RequestId::from_bits(number.into()),
        started_at: Timestamp::from_second(START + 60 * i64::from(number)).unwrap(),
        config_id: Some(ConfigId(1)),
        key_id: Some(KeyId(70)),
        proxy_key: Some(2),
        method: Method::POST,
        path: "/llm/openai/v1/chat/completions".into(),
        status: 200,
        outcome: RequestOutcome::Completed,
        attempts: 1,
        duration_us: 1_500_000,
        first_byte_us: Some(250_000),
        bytes_in: 240,
        bytes_out: 976,
        client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        model: Some("gpt-5".into()),
        usage: Some(Tokens { input: 86, cached_read: 1920, cache_write: 7, output: 108, reasoning: 192 }),
        usage_estimated: true,
        cost: Some(Money::from_nanos(3_500_000_001)),
        trace: None,
    }
}

/// One that its first key did not answer.
pub(crate) fn failed_over(number: u8) -> RequestRecord {
    let refused = AttemptTrace {
        key_id: 69,
        target: Some("https://eu.example.com".into()),
        is_hedge: true,
        started_us: 40,
        duration_us: 90_000,
        status: Some(429),
        outcome: "rate_limited".into(),
        rule: Some("too many requests".into()),
    };
    let lost = AttemptTrace { key_id: 68, outcome: "lost".into(), ..AttemptTrace::default() };
    let trace = Trace {
        keys: 5,
        passed_over: vec![PassedOver { key_id: 67, why: "cooling".into() }],
        passed_over_more: 1,
        waited_us: 7,
        attempts: vec![refused, lost],
    };
    RequestRecord { attempts: 2, trace: Some(Box::new(trace)), ..record(number) }
}

/// An admin of an API with these requests in its log.
pub(crate) async fn scene(records: Vec<RequestRecord>) -> (Api, Client) {
    let api = Api::start().await;
    let admin = api.admin().await;
    api.store.append_requests(records).await.unwrap();
    (api, admin)
}

pub(crate) fn path(record: &RequestRecord) -> String {
    format!("/requests/{}", record.request_id)
}

/// The numbers of a list's requests.
fn numbers(list: &Value) -> Vec<u64> {
    let ids = list["items"].as_array().unwrap().iter().map(|item| item["request_id"].as_str().unwrap());
    ids.map(|id| u64::from_str_radix(id, 16).unwrap()).collect()
}

#[tokio::test]
async fn a_request_is_listed_with_all_that_is_known_of_it() {
    let (_api, admin) = scene(vec![record(3)]).await;
    let config = admin.add_config("openai").await;

    let list = admin.get("/requests").await.body;

    assert_eq!(list["next_cursor"], Value::Null);
    let expected = json!({
        "request_id": "00000000000000000000000000000003", "cursor": "1",
        "started_at": "2026-01-01T00:03:00Z",
        "config_id": config, "config_slug": "openai", "config_name": "openai", "key_id": 70, "proxy_key": 2,
        "method": "POST", "path": "/llm/openai/v1/chat/completions",
        "status": 200, "outcome": "completed", "attempts": 1,
        "duration_us": 1_500_000, "first_byte_us": 250_000, "bytes_in": 240, "bytes_out": 976,
        "client": "192.0.2.1", "model": "gpt-5", "has_trace": false,
        "usage": { "input": 86, "cached_read": 1920, "cache_write": 7, "output": 108, "reasoning": 192 }, "cost": 3.500_000_001, "usage_estimated": true,
    });
    assert_eq!(list["items"], json!([expected]));
}

#[tokio::test]
async fn a_request_that_came_to_nothing_is_listed_with_nulls() {
    let nothing = RequestRecord {
        config_id: None,
        key_id: None,
        proxy_key: None,
        status: 0,
        outcome: RequestOutcome::ClientGone,
        attempts: 0,
        first_byte_us: None,
        client: Ipv6Addr::LOCALHOST.into(),
        model: None,
        usage: None,
        usage_estimated: false,
        cost: None,
        ..record(1)
    };
    let (_api, admin) = scene(vec![nothing]).await;

    let item = &admin.get("/requests").await.body["items"][0];

    let unknown =
        ["config_id", "config_slug", "config_name", "key_id", "proxy_key", "first_byte_us", "model", "usage"];
    for field in unknown {
        assert_eq!(item.get(field), Some(&Value::Null), "{field}");
    }
    assert_eq!((&item["status"], &item["outcome"]), (&json!(0), &json!("client_gone")));
    assert_eq!((&item["attempts"], &item["client"]), (&json!(0), &json!("::1")));
}

#[tokio::test]
async fn a_service_is_named_until_it_is_gone() {
    let (_api, admin) = scene(vec![record(1)]).await;
    let config = format!("/proxy-configs/{}", admin.add_config("openai").await);
    let slug = async || admin.get(&path(&record(1))).await.body["config_slug"].clone();

    assert_eq!(slug().await, "openai");
    admin.put(&format!("{config}/status"), json!({ "is_active": false })).await;
    assert_eq!(slug().await, "openai");
    admin.delete(&config).await;
    assert_eq!(slug().await, Value::Null);
    assert_eq!(admin.get("/requests").await.body["items"][0]["config_id"], 1);
}

#[tokio::test]
async fn a_service_that_cannot_be_looked_up_hides_no_request() {
    let (api, admin) = scene(vec![record(1)]).await;
    let config = admin.add_config("openai").await;
    admin.put(&format!("/proxy-configs/{config}/status"), json!({ "is_active": false })).await;

    api.store.fail("config", unavailable);

    let item = &admin.get("/requests").await.body["items"][0];
    assert_eq!((&item["config_id"], &item["config_slug"]), (&json!(config), &Value::Null));
}

#[tokio::test]
async fn the_log_is_read_piece_by_piece_while_it_grows() {
    let (api, admin) = scene((0..5).map(record).collect()).await;

    let mut pieces = Vec::new();
    let mut cursor = json!(null);
    for round in 0..3 {
        let after = cursor.as_str().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let piece = admin.get(&format!("/requests?limit=2{after}")).await.body;
        pieces.push(numbers(&piece));
        cursor = piece["next_cursor"].clone();
        api.store.append_requests(vec![record(10 + round)]).await.unwrap();
    }

    assert_eq!(pieces, [vec![4, 3], vec![2, 1], vec![0]]);
    assert_eq!(cursor, json!(null));
}

#[tokio::test]
async fn a_list_goes_on_after_any_request() {
    let (_api, admin) = scene((0..5).map(record).collect()).await;

    let shown = admin.get(&path(&record(3))).await.body;
    let before = admin.get(&format!("/requests?cursor={}", shown["cursor"].as_str().unwrap())).await.body;

    assert_eq!(numbers(&before), [2, 1, 0]);
}

#[tokio::test]
async fn a_list_is_narrowed_by_every_parameter() {
    let other = RequestRecord {
        config_id: Some(ConfigId(2)),
        key_id: Some(KeyId(71)),
        method: Method::GET,
        path: "/proxy/100%25_weather".into(),
        status: 503,
        outcome: RequestOutcome::UpstreamFailed,
        duration_us: 60_000_000,
        client: Ipv6Addr::LOCALHOST.into(),
        ..failed_over(2)
    };
    let gone = RequestRecord { status: 0, outcome: RequestOutcome::ClientGone, ..record(3) };
    let (_api, admin) = scene(vec![record(1), other, gone]).await;
    let cases: [(&str, &[u64]); 30] = [
        ("config_id=2", &[2]),
        ("config_id=3", &[]),
        ("key_id=71", &[2]),
        ("outcome=upstream_failed", &[2]),
        ("outcome=client_gone", &[3]),
        ("status=503", &[2]),
        ("status=5xx", &[2]),
        ("status=2xx", &[1]),
        ("status=4xx", &[]),
        ("status=0", &[3]),
        ("method=GET", &[2]),
        ("method=post", &[3, 1]),
        ("path=WEATHER", &[2]),
        ("path=chat/", &[3, 1]),
        ("path=", &[3, 2, 1]),
        ("path=%25", &[2]),
        ("path=_", &[2]),
        ("path=w%25r", &[]),
        ("client=::1", &[2]),
        ("client=::ffff:192.0.2.1", &[3, 1]),
        ("since=2026-01-01T00:03:01Z", &[3]),
        ("since=2026-01-01T01:03:00%2B01:00", &[3, 2]),
        ("until=2026-01-01T00:03:00Z", &[1]),
        ("since=2026-01-01T00:02:00Z&until=2026-01-01T00:03:01Z", &[2]),
        ("min_duration_us=60000000", &[2]),
        ("min_duration_us=60000001", &[]),
        ("min_attempts=2", &[2]),
        ("has_trace=true", &[2]),
        ("has_trace=false", &[3, 1]),
        ("status=2xx&method=POST&has_trace=false&config_id=1&path=openai", &[1]),
    ];

    for (query, expected) in cases {
        let answer = admin.get(&format!("/requests?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        assert_eq!(
            (numbers(&answer.body), &answer.body["next_cursor"]),
            (expected.to_vec(), &Value::Null),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_parameter_that_makes_no_sense_is_named_with_what_it_must_be() {
    let (_api, admin) = scene(Vec::new()).await;

    for (query, field, must_be) in [
        ("config_id=openai", "config_id", "an id"),
        ("key_id=1.5", "key_id", "an id"),
        ("outcome=failed", "outcome", "completed, refused, upstream_failed, upstream_cut, client_gone"),
        ("status=6", "status", "a class such as 5xx"),
        ("status=1000", "status", "a class such as 5xx"),
        ("status=0xx", "status", "a class such as 5xx"),
        ("status=xx", "status", "a class such as 5xx"),
        ("status=5XX", "status", "a class such as 5xx"),
        ("status=", "status", "a class such as 5xx"),
        ("method=GET%20/", "method", "an HTTP method such as POST"),
        ("client=example.com", "client", "an IP address such as 203.0.113.7"),
        ("since=yesterday", "since", "a time such as 2026-01-31T12:00:00Z"),
        ("until=2026-01-31", "until", "a time such as 2026-01-31T12:00:00Z"),
        ("min_duration_us=1s", "min_duration_us", "a whole number of microseconds"),
        ("min_attempts=256", "min_attempts", "0 to 255"),
        ("has_trace=1", "has_trace", "true or false"),
        ("limit=201", "limit", "1 to 200"),
        ("cursor=next", "cursor", "a next_cursor, as it was given"),
        ("sort=status", "sort", "known is"),
        ("q=openai", "q", "known is"),
    ] {
        let answer = admin.get(&format!("/requests?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid_fields"), "{query}");
        let reason = answer.body["fields"][field].as_str().unwrap();
        assert!(reason.contains(must_be), "{query}: {reason}");
    }
    let long = admin.get(&format!("/requests?path={}", "a".repeat(8193))).await;
    assert_eq!(long.body["fields"], json!({ "path": "must not be longer than 8192 bytes" }));
}

#[tokio::test]
async fn a_request_that_failed_over_shows_how_it_came_to_its_answer() {
    let (_api, admin) = scene(vec![record(1), failed_over(2), record(3)]).await;

    let shown = admin.get(&path(&failed_over(2))).await.body;

    assert_eq!(
        (&shown["request_id"], &shown["has_trace"]),
        (&json!("00000000000000000000000000000002"), &json!(true))
    );
    let expected = json!({
        "keys": 5, "passed_over": [{ "key_id": 67, "why": "cooling" }], "passed_over_more": 1, "waited_us": 7,
        "attempts": [
            {
                "key_id": 69, "target": "https://eu.example.com", "is_hedge": true, "started_us": 40, "duration_us": 90_000,
                "status": 429, "outcome": "rate_limited", "rule": "too many requests",
            },
            {
                "key_id": 68, "target": null, "is_hedge": false, "started_us": 0, "duration_us": 0,
                "status": null, "outcome": "lost", "rule": null,
            },
        ],
    });
    assert_eq!(shown["trace"], expected);
    assert_eq!(admin.get("/requests").await.body["items"][1].get("trace"), None);
}

#[tokio::test]
async fn a_plain_request_shows_the_attempt_that_it_tells_of_in_the_same_shape() {
    let plain = |status, outcome| RequestRecord { status, outcome, ..record(1) };
    let cases = [
        (plain(200, RequestOutcome::Completed), json!(200), json!("success")),
        (plain(404, RequestOutcome::Completed), json!(404), json!(null)),
        (plain(200, RequestOutcome::UpstreamCut), json!(200), json!("success")),
        (plain(504, RequestOutcome::UpstreamFailed), json!(null), json!(null)),
        (plain(0, RequestOutcome::ClientGone), json!(null), json!(null)),
    ];

    for (record, status, outcome) in cases {
        let (_api, admin) = scene(vec![record.clone()]).await;
        let shown = admin.get(&path(&record)).await.body;
        let attempt = json!({
            "key_id": 70, "target": null, "is_hedge": false, "started_us": null, "duration_us": null,
            "status": status, "outcome": outcome, "rule": null,
        });
        let expected = json!({
            "keys": null, "passed_over": [], "passed_over_more": 0, "waited_us": 0, "attempts": [attempt],
        });
        assert_eq!((&shown["trace"], &shown["has_trace"]), (&expected, &json!(false)));
    }
}

#[tokio::test]
async fn a_request_that_was_refused_before_a_key_was_picked_shows_no_attempt() {
    let refused = RequestRecord {
        key_id: None,
        attempts: 0,
        status: 404,
        outcome: RequestOutcome::Refused,
        ..record(1)
    };
    let (_api, admin) = scene(vec![refused.clone()]).await;

    assert_eq!(admin.get(&path(&refused)).await.body["trace"]["attempts"], json!([]));
}

#[tokio::test]
async fn a_request_that_is_not_in_the_log_is_not_found() {
    let (_api, admin) = scene(vec![record(1)]).await;

    let unknown = admin.get(&path(&record(2))).await;
    assert_eq!((unknown.status.as_u16(), unknown.code()), (404, "not_found"));

    for no_id in
        ["1", "0000000000000000000000000000000G", "000000000000000000000000000000AB", "%00", "%27%20OR%201"]
    {
        let answer = admin.get(&format!("/requests/{no_id}")).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "malformed"), "{no_id}");
        assert!(answer.body["error"].as_str().unwrap().contains("32 hexadecimal digits"), "{}", answer.text);
    }
}
