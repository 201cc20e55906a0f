//! The request log, as a file.

use axum::{
    body::Body,
    http::{Method, header},
};
use http_body_util::BodyExt;
use rotator_core::{
    record::RequestRecord,
    store::{AuditEntry, Store},
};
use serde_json::{Value, json};

use crate::{
    requests::{failed_over, path, record, scene},
    support::{Api, Client, request, unavailable},
};

const HEAD: &str = "request_id,cursor,started_at,config_id,config_slug,config_name,key_id,proxy_key,method,path,status,\
                    outcome,attempts,duration_us,first_byte_us,bytes_in,bytes_out,client,model,input_tokens,\
                    cached_read_tokens,cache_write_tokens,output_tokens,reasoning_tokens,usage_estimated,cost";

/// The request ids of a CSV file's rows, as numbers.
fn rows(file: &str) -> Vec<u64> {
    let ids = file.lines().skip(1).map(|row| row.split(',').next().unwrap());
    ids.map(|id| u64::from_str_radix(id, 16).unwrap()).collect()
}

async fn latest(api: &Api) -> AuditEntry {
    api.store.audit_entries(1).await.unwrap().remove(0)
}

/// The body of an export, still to be read.
async fn open(admin: &Client) -> Body {
    let request = request(Method::GET, "/requests/export?format=csv");
    let answer = admin.open(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), 200);
    answer.into_body()
}

#[tokio::test]
async fn requests_are_exported_as_a_spreadsheet_which_leaves_a_trace() {
    let nothing = RequestRecord {
        config_id: None,
        key_id: None,
        usage: None,
        usage_estimated: false,
        cost: None,
        model: None,
        ..record(4)
    };
    let (api, admin) = scene(vec![record(3), nothing]).await;
    admin.add_config("openai").await;

    let answer = admin.get("/requests/export?format=csv").await;

    assert_eq!((answer.status.as_u16(), answer.header(header::CACHE_CONTROL)), (200, "no-store"));
    assert_eq!(answer.header(header::CONTENT_TYPE), "text/csv; charset=utf-8");
    assert_eq!(answer.header(header::CONTENT_DISPOSITION), "attachment; filename=\"requests.csv\"");
    let expected = format!(
        "{HEAD}\r\n\
         00000000000000000000000000000004,2,2026-01-01T00:04:00Z,,,,,2,POST,/llm/openai/v1/chat/completions,200,\
         completed,1,1500000,250000,240,976,192.0.2.1,,,,,,,false,\r\n\
         00000000000000000000000000000003,1,2026-01-01T00:03:00Z,1,openai,openai,70,2,POST,\
         /llm/openai/v1/chat/completions,200,completed,1,1500000,250000,240,976,192.0.2.1,gpt-5,86,1920,7,108,192,\
         true,3.500000001\r\n"
    );
    assert_eq!(answer.text, expected);
    let entry = latest(&api).await;
    assert_eq!((entry.action.as_str(), entry.object_id), ("requests.export", None));
    assert_eq!((&entry.detail.0["format"], entry.actor.as_str()), (&json!("csv"), "admin"));
}

#[tokio::test]
async fn a_line_of_json_tells_all_that_is_told_of_a_single_request() {
    let (api, admin) = scene(vec![record(1), failed_over(2)]).await;

    let answer = admin.get("/requests/export?format=jsonl").await;

    assert_eq!(answer.header(header::CONTENT_TYPE), "application/jsonl");
    let lines: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown = [failed_over(2), record(1)];
    for (line, record) in lines.iter().zip(&shown) {
        assert_eq!(*line, admin.get(&path(record)).await.body);
    }
    assert_eq!(lines.len(), 2);
    assert_eq!(latest(&api).await.detail.0["format"], "jsonl");
}

#[tokio::test]
async fn what_clients_sent_runs_in_no_spreadsheet_and_stays_in_its_cell() {
    let sly = |number, model: &str| RequestRecord { model: Some(model.into()), ..record(number) };
    let (_api, admin) =
        scene(vec![sly(1, "=HYPERLINK(\"x\")"), sly(2, "@a,b"), sly(3, "-1"), sly(4, "+1")]).await;

    let file = admin.get("/requests/export?format=csv").await.text;

    for cell in [",\"'=HYPERLINK(\"\"x\"\")\",", ",\"'@a,b\",", ",'-1,", ",'+1,"] {
        assert!(file.contains(cell), "{cell}: {file}");
    }
}

#[tokio::test]
async fn an_export_is_narrowed_like_the_list_and_goes_on_after_any_request() {
    let other = RequestRecord { status: 503, ..record(2) };
    let (_api, admin) = scene(vec![record(1), other, record(3)]).await;
    let export = async |query: &str| rows(&admin.get(&format!("/requests/export?{query}")).await.text);

    assert_eq!(export("format=csv").await, [3, 2, 1]);
    assert_eq!(export("status=2xx&format=csv&path=OPENAI").await, [3, 1]);
    assert_eq!(export("format=csv&cursor=3").await, [2, 1]);
    assert_eq!(export("format=csv&status=404").await, [0; 0]);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_not_written_down() {
    let (api, admin) = scene(Vec::new()).await;
    let before = latest(&api).await;

    for (query, field, must_be) in [
        ("", "format", "must be csv or jsonl"),
        ("format=xml", "format", "must be csv or jsonl"),
        ("format=csv&status=6", "status", "a class such as 5xx"),
        ("format=csv&cursor=next", "cursor", "a next_cursor"),
        ("format=csv&limit=0", "limit", "must be 1 to 100000"),
        ("format=csv&limit=100001", "limit", "must be 1 to 100000"),
        ("format=csv&sort=status", "sort", "known is"),
    ] {
        let answer = admin.get(&format!("/requests/export?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid_fields"), "{query}");
        let reason = answer.body["fields"][field].as_str().unwrap();
        assert!(reason.contains(must_be), "{query}: {reason}");
    }
    assert_eq!(latest(&api).await, before);
    assert!(admin.get("/requests?format=csv").await.body["fields"].get("format").is_some());
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_exported() {
    let (api, admin) = scene(vec![record(1)]).await;

    api.store.fail("audit", unavailable);
    let answer = admin.get("/requests/export?format=csv").await;

    assert_eq!((answer.status.as_u16(), answer.code()), (503, "unavailable"));
    assert!(!answer.text.contains("openai"));
}

#[tokio::test]
async fn a_long_log_comes_piece_by_piece_and_breaks_off_visibly() {
    let many = (0..1200_u16).map(|number| record(number.to_be_bytes()[1]));
    let (api, admin) = scene(many.collect()).await;
    let whole = admin.get("/requests/export?format=csv").await.text;
    assert_eq!(rows(&whole).len(), 1200);

    let mut body = open(&admin).await;
    let mut taken = String::new();
    for _ in 0..2 {
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        taken.push_str(std::str::from_utf8(&piece).unwrap());
    }
    assert_eq!(rows(&taken).len(), 500, "nothing is read before it is asked for");
    assert!(whole.starts_with(&taken));
    api.store.fail("requests", unavailable);
    assert!(body.collect().await.is_err());
}

#[tokio::test]
async fn a_file_has_so_many_requests_and_no_more_and_the_next_one_goes_on() {
    let (_api, admin) = scene((0..5).map(record).collect()).await;

    let file = admin.get("/requests/export?format=csv&limit=3").await.text;
    let last = file.lines().last().unwrap().split(',').nth(1).unwrap();
    let rest = admin.get(&format!("/requests/export?format=csv&limit=3&cursor={last}")).await.text;

    assert_eq!((rows(&file), rows(&rest)), (vec![4, 3, 2], vec![1, 0]));
}
