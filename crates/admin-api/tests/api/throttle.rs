use admin_api::hash_password;
use axum::http::header;
use serde_json::json;

use crate::support::{Api, PASSWORD, USERNAME};

#[tokio::test]
async fn five_failures_close_the_door_to_their_address() {
    let api = Api::start().await;
    let attacker = api.stranger_at("198.51.100.1");
    for _ in 0..5 {
        assert_eq!(attacker.sign_in(USERNAME, "guess").await.status, 401);
    }

    let answer = attacker.sign_in(USERNAME, PASSWORD).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (429, "too_many_attempts"));
    let wait: u64 = answer.header(header::RETRY_AFTER).parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(api.stranger_at("198.51.100.2").sign_in(USERNAME, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn ten_failures_from_anywhere_close_the_door_to_their_user() {
    let api = Api::start().await;
    for host in 1..=10 {
        let answer = api.stranger_at(&format!("198.51.100.{host}")).sign_in(USERNAME, "guess").await;
        assert_eq!(answer.status, 401);
    }

    let answer = api.stranger_at("203.0.113.99").sign_in(USERNAME, PASSWORD).await;

    assert_eq!(answer.status, 429);
    let wait: u64 = answer.header(header::RETRY_AFTER).parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_subscriber_of_ipv6_counts_as_one_address() {
    let api = Api::start().await;
    for host in 1..=5 {
        api.stranger_at(&format!("2001:db8:1:2::{host}")).sign_in(USERNAME, "guess").await;
    }

    assert_eq!(api.stranger_at("2001:db8:1:2:ffff::1").sign_in(USERNAME, PASSWORD).await.status, 429);
    assert_eq!(api.stranger_at("2001:db8:1:3::1").sign_in(USERNAME, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn success_is_not_throttled_and_does_not_forgive() {
    let api = Api::start().await;
    for _ in 0..20 {
        assert_eq!(api.stranger().sign_in(USERNAME, PASSWORD).await.status, 200);
    }
    for _ in 0..5 {
        assert_eq!(api.stranger().sign_in(USERNAME, "guess").await.status, 401);
    }

    assert_eq!(api.stranger().sign_in(USERNAME, PASSWORD).await.status, 429);
}

#[tokio::test]
async fn a_signed_in_admin_does_not_notice_an_attack() {
    let api = Api::start().await;
    let admin = api.admin().await;
    for _ in 0..10 {
        api.stranger().sign_in(USERNAME, "guess").await;
    }

    assert_eq!(admin.get("/proxy-configs").await.status, 200);
    let key = admin.add_key(admin.add_config("openai").await, "sk-0123456789abcdef").await;
    let revealed = admin.post(&format!("/keys/{key}/reveal"), json!({ "password": PASSWORD })).await;
    assert_eq!(revealed.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_at_the_same_moment_do_not_slip_past_the_count() {
    let api = Api::start_with(&hash_password(PASSWORD).unwrap()).await;
    let guesses: Vec<_> = (0..20)
        .map(|_| {
            let attacker = api.stranger();
            tokio::spawn(async move { attacker.sign_in(USERNAME, "guess").await.status.as_u16() })
        })
        .collect();

    let mut checked = 0;
    for guess in guesses {
        checked += usize::from(guess.await.unwrap() == 401);
    }

    assert!((5..=6).contains(&checked), "{checked} of 20 guesses were checked");
}

#[tokio::test]
async fn an_operator_gets_in_while_the_cache_is_away() {
    let api = Api::start().await;

    api.cache.go_away();

    assert_eq!(api.stranger().sign_in(USERNAME, PASSWORD).await.status, 200);
    assert_eq!(api.stranger().sign_in(USERNAME, "guess").await.status, 401);
}
