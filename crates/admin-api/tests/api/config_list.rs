use serde_json::json;

use crate::support::{Api, generic_config};

#[tokio::test]
async fn a_list_is_read_piece_by_piece() {
    let api = Api::start().await;
    let admin = api.admin().await;
    for n in 0..5 {
        admin.add_config(&format!("service-{n}")).await;
    }

    let mut slugs = Vec::new();
    let mut cursor = json!(null);
    for _ in 0..3 {
        let after = cursor.as_str().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let piece = admin.get(&format!("/proxy-configs?limit=2{after}")).await.body;
        assert_eq!(piece["total"], 5);
        slugs.extend(piece["items"].as_array().unwrap().iter().map(|item| item["slug"].to_string()));
        cursor = piece["next_cursor"].clone();
    }

    assert_eq!((cursor, slugs.len()), (json!(null), 5));
    assert_eq!(
        (slugs.first().unwrap().as_str(), slugs.last().unwrap().as_str()),
        ("\"service-4\"", "\"service-0\"")
    );
}

#[tokio::test]
async fn a_list_is_searched_by_text_and_type() {
    let api = Api::start().await;
    let admin = api.admin().await;
    admin.add_config("openai").await;
    admin.post("/proxy-configs", generic_config("weather_100")).await;

    let slugs = async |query: &str| {
        let body = admin.get(&format!("/proxy-configs?{query}")).await.body;
        body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["slug"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    assert_eq!(slugs("q=OPEN").await, ["openai"]);
    assert_eq!(slugs("q=weather&type=generic").await, ["weather_100"]);
    assert_eq!(slugs("type=LLM").await, ["openai"]);
    assert_eq!(slugs("q=").await.len(), 2);
    for nothing in
        ["q=%25", "q=openai%27%20OR%20%271%27=%271", "q=o%25i", "q=open_i", "q=%5C", "q=%00", "q=%22%3B--"]
    {
        assert_eq!(slugs(nothing).await, [""; 0], "{nothing}");
    }
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_named() {
    let api = Api::start().await;
    let admin = api.admin().await;

    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=1;DROP TABLE proxy_configs", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=9223372036854775808", "cursor"),
        ("type=OTHER", "type"),
    ] {
        let answer = admin.get(&format!("/proxy-configs?{}", query.replace(' ', "%20"))).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid_fields"), "{query}");
        assert!(answer.body["fields"][field].is_string(), "{query}: {}", answer.text);
    }
}
