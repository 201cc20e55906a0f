//! What a service, and each of its keys, may do at most.

use std::{collections::HashMap, future::Future, sync::Arc, task::Poll, time::Duration};

use rotator_core::model::ConfigOptions;
use tokio::sync::Semaphore;

use crate::support::{
    Gateway, PROXY_KEY, Running, Upstream,
    client::{Answer, open, read_until},
    eventually,
    upstream::{EVENT_STREAM, RawUpstream, chunk, held, ok, read_head, until_closed},
};

async fn capped(url: &str, keys: &[&str], cap: impl FnOnce(&mut ConfigOptions)) -> Running {
    Gateway::new().generic("svc", url, keys).with(|fields| cap(&mut fields.options)).start().await
}

/// The answers to so many requests at a time.
async fn together(gateway: &Running, count: usize) -> Vec<Answer> {
    let mut requests: Vec<_> = (0..count).map(|_| Box::pin(gateway.get("/proxy/svc/x"))).collect();
    let mut answers = Vec::new();
    std::future::poll_fn(|cx| {
        requests.retain_mut(|request| match request.as_mut().poll(cx) {
            Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            Poll::Pending => true,
        });
        if requests.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_serves_no_more_in_a_minute_than_it_may() {
    let upstream = Upstream::reply(|_| ok("done")).await;
    let gateway = capped(&upstream.url(), &["k1", "k2"], |o| o.max_per_minute = Some(5)).await;

    let answers = together(&gateway, 20).await;

    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!((upstream.received().len(), refused.len()), (5, 15));
    let wait: u64 = refused[0].header("retry-after").parse().unwrap();
    assert!((55..=61).contains(&wait), "{wait}");
    assert!(refused[0].json()["detail"].as_str().unwrap().contains("in a minute"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_comes_in_when_its_body_has_come_where_that_is_read_first() {
    let upstream = Upstream::reply(|_| ok("{}")).await;
    let gateway = Gateway::new().llm("ai", "anthropic_native", &upstream.url(), &["k1"]).with(|fields| {
        fields.output_format = Some("openai".into());
        fields.options.max_per_minute = Some(1);
    });
    let gateway = gateway.start().await;
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    gateway.post("/llm/ai/v1/chat/completions", body).await;

    let mut client = gateway.raw().await;
    let head =
        format!("POST /llm/ai/v1/chat/completions HTTP/1.1\r\nhost: a\r\nx-proxy-key: {PROXY_KEY}\r\n");
    client.write(format!("{head}connection: close\r\ncontent-length: {}\r\n\r\n", body.len())).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let answer = client.exchange(body).await;

    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    let (_, wait) = answer.split_once("retry-after: ").unwrap();
    let wait: u64 = wait.split_once('\r').unwrap().0.parse().unwrap();
    assert!(wait <= 58, "{wait} seconds, of which some were over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_serves_no_more_at_a_time_than_it_may() {
    let release = Arc::new(Semaphore::new(0));
    let upstream = held(Arc::clone(&release)).await;
    let gateway = Arc::new(capped(&upstream.url(), &["k1"], |o| o.max_concurrent = Some(2)).await);
    let ask = || {
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move { gateway.get("/proxy/svc/x").await.status.as_u16() })
    };

    let served = [ask(), ask()];
    eventually(|| gateway.metrics().active_requests() == 2).await;
    assert_eq!(ask().await.unwrap(), 429);
    release.add_permits(9);
    for served in served {
        assert_eq!(served.await.unwrap(), 200);
    }
    assert_eq!(ask().await.unwrap(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_serves_more_than_it_may_and_the_rest_goes_to_the_others() {
    let upstream = Upstream::reply(|_| ok("done")).await;
    let gateway = capped(&upstream.url(), &["k1", "k2", "k3"], |o| o.key_max_per_minute = Some(4)).await;

    let answers = together(&gateway, 30).await;

    let mut counts = HashMap::new();
    upstream.seen("x-key").into_iter().for_each(|key| *counts.entry(key).or_insert(0) += 1);
    assert_eq!(counts, ["k1", "k2", "k3"].map(|key| (key.to_owned(), 4)).into());
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_a_key_if_its_service_lets_it() {
    let release = Arc::new(Semaphore::new(0));
    let upstream = held(Arc::clone(&release)).await;
    let gateway = capped(&upstream.url(), &["k1"], |o| {
        o.key_max_concurrent = Some(1);
        o.max_queue_wait_ms = Some(20_000);
    })
    .await;
    let gateway = Arc::new(gateway);
    let ask = || {
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move { gateway.get("/proxy/svc/x").await.status.as_u16() })
    };

    let asked: Vec<_> = (0..5).map(|_| ask()).collect();
    eventually(|| gateway.metrics().active_requests() == 5).await;
    release.add_permits(9);
    for asked in asked {
        assert_eq!(asked.await.unwrap(), 200);
    }
    let records = gateway.records(5).await;
    let waited = records.iter().filter(|r| r.trace.as_ref().is_some_and(|trace| trace.waited_us > 0)).count();
    assert_eq!(waited, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_key_takes_nothing_from_the_time_for_the_answer() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        while !read_head(&mut socket).await.is_empty() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut socket, answer).await;
        }
    })
    .await;
    let gateway = Gateway::new()
        .set(|settings| settings.workers = std::num::NonZeroUsize::MIN)
        .generic("svc", &upstream.url(), &["k1"])
        .with(|fields| {
            fields.options.key_max_concurrent = Some(1);
            fields.options.max_queue_wait_ms = Some(20_000);
            fields.options.response_timeout_ms = Some(1_900);
        })
        .start()
        .await;

    let answers = together(&gateway, 2).await;

    assert!(answers.iter().all(|answer| answer.status == 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_no_longer_than_it_may_and_not_for_what_comes_later() {
    let upstream = Upstream::reply(|_| ok("done")).await;
    let gateway = capped(&upstream.url(), &["k1"], |o| {
        o.key_max_per_minute = Some(1);
        o.max_queue_wait_ms = Some(300);
    })
    .await;

    assert_eq!(gateway.get("/proxy/svc/x").await.status, 200);
    let started = std::time::Instant::now();
    assert_eq!(gateway.get("/proxy/svc/x").await.status, 429);
    assert!(started.elapsed() < Duration::from_millis(290), "the key comes back in a minute: why wait");
}

/// An LLM that uses 60 tokens for each question.
async fn talkative() -> Upstream {
    Upstream::reply(|_| {
        let mut answer = ok(
            r#"{"usage":{"prompt_tokens":40,"completion_tokens":20,"prompt_tokens_details":{"cached_tokens":30}}}"#,
        );
        answer.headers_mut().insert("content-type", "application/json".parse().unwrap());
        answer
    })
    .await
}

async fn llm(url: &str, keys: &[&str], cap: impl FnOnce(&mut ConfigOptions)) -> Running {
    let gateway = Gateway::new().llm("ai", "openai_compatible", url, keys);
    gateway.with(|fields| cap(&mut fields.options)).start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_has_used_its_tokens_lets_nobody_in() {
    let upstream = talkative().await;
    let gateway = llm(&upstream.url(), &["k1", "k2"], |o| o.max_tokens_per_minute = Some(120)).await;

    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(gateway.post("/llm/ai/v1/chat/completions", "{}").await);
    }

    assert_eq!(answers.iter().map(|answer| answer.status.as_u16()).collect::<Vec<_>>(), [200, 200, 429, 429]);
    let wait: u64 = answers[2].header("retry-after").parse().unwrap();
    assert!((40..=61).contains(&wait), "{wait}");
    let message = answers[2].json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("as many tokens as it may"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_has_used_its_tokens_is_passed_over() {
    let upstream = talkative().await;
    let gateway = llm(&upstream.url(), &["k1", "k2"], |o| o.key_max_tokens_per_minute = Some(100)).await;

    for _ in 0..4 {
        assert_eq!(gateway.post("/llm/ai/v1/chat/completions", "{}").await.status, 200);
    }
    let refused = gateway.post("/llm/ai/v1/chat/completions", "{}").await;

    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 40);
    let seen = upstream.seen("authorization");
    assert_eq!(["k1", "k2"].map(|key| seen.iter().filter(|seen| seen.ends_with(key)).count()), [2, 2]);
    let trace = gateway.records(5).await.into_iter().find_map(|record| record.trace).unwrap();
    assert!(trace.passed_over.iter().all(|passed| &*passed.why == "at_limit"), "{trace:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_token_is_counted_once_however_many_ask_at_a_time() {
    const REQUESTS: usize = 64;
    let upstream = talkative().await;
    let gateway = Arc::new(
        llm(&upstream.url(), &["k1", "k2", "k3"], |o| {
            o.max_tokens_per_minute = Some(60 * u32::try_from(REQUESTS).unwrap() + 1);
        })
        .await,
    );

    let asked: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let gateway = Arc::clone(&gateway);
            tokio::spawn(async move { gateway.post("/llm/ai/v1/chat/completions", "{}").await.status })
        })
        .collect();
    for asked in asked {
        assert_eq!(asked.await.unwrap(), 200);
    }

    // One token is left: one more is let in, and then none.
    assert_eq!(gateway.post("/llm/ai/v1/chat/completions", "{}").await.status, 200);
    assert_eq!(gateway.post("/llm/ai/v1/chat/completions", "{}").await.status, 429);
    let table = gateway.routes.table().load();
    let used = table.iter().next().unwrap().tokens.get();
    assert_eq!(used, [10, 30, 0, 20, 0].map(|tokens| tokens * (REQUESTS as u64 + 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_stream_whose_client_left_are_counted() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut socket, EVENT_STREAM).await;
        let start = "data: {\"message\":{\"usage\":{\"input_tokens\":500,\"output_tokens\":1}}}\n\n";
        let _ = tokio::io::AsyncWriteExt::write_all(&mut socket, &chunk(start)).await;
        until_closed(&mut socket).await;
    })
    .await;
    let gateway = Gateway::new()
        .llm("claude", "anthropic_native", &upstream.url(), &["k1"])
        .with(|fields| fields.options.key_max_tokens_per_minute = Some(501))
        .start()
        .await;

    let request = http::Request::post("/llm/claude/v1/messages");
    let mut answer = open(gateway.address, request, "{}".into()).await;
    read_until(answer.body_mut(), "\n\n").await;
    drop(answer);
    gateway.records(1).await;

    assert_eq!(gateway.post("/llm/claude/v1/messages", "{}").await.status, 429);
}
