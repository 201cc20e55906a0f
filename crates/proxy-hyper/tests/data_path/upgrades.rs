//! Only the upgrade that was asked for and granted makes a tunnel.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use tokio::io::AsyncWriteExt;

use crate::support::{
    PROXY_KEY,
    upstream::{RawUpstream, read_head},
    websocket::{SWITCH, echo, handshake, services, switching},
};

/// Answers every request with these bytes and keeps the connection; counts the requests.
async fn answering(answer: &'static str) -> (RawUpstream, Arc<AtomicUsize>) {
    let arrived = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&arrived);
    let upstream = RawUpstream::serve(move |mut socket| {
        let counted = Arc::clone(&counted);
        async move {
            while !read_head(&mut socket).await.is_empty() {
                counted.fetch_add(1, SeqCst);
                if socket.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    })
    .await;
    (upstream, arrived)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_switch_what_follows_is_a_request_that_needs_a_key() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain",
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 5\r\n\r\nplain",
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nplain",
    ] {
        let (upstream, arrived) = answering(answer).await;
        let gateway = services(&upstream.url(), &["k"]).start().await;
        let mut client = gateway.raw().await;
        let smuggled = "GET /proxy/svc/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

        client.write(handshake("/proxy/svc/x") + smuggled).await;
        let answers = client.read_until("no proxy key").await;

        assert!(answers.starts_with(&answer[..12]), "{answers}");
        assert!(answers.contains("plainHTTP/1.1 401 "), "{answers}");
        assert_eq!(arrived.load(SeqCst), 1);
        client.write(smuggled.replace("Host: a", &format!("Host: a\r\nX-Proxy-Key: {PROXY_KEY}"))).await;
        client.read_until("plain").await;
        assert_eq!(arrived.load(SeqCst), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_was_not_asked_for_is_a_502() {
    let foreign = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n";
    let nameless = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n";
    let plain = format!(
        "GET /proxy/svc/x HTTP/1.1\r\nHost: a\r\nX-Proxy-Key: {PROXY_KEY}\r\nConnection: close\r\n\r\n"
    );
    let asks = handshake("/llm/ai/v1/realtime").replace("keep-alive", "close");
    for (request, switch) in [(&plain, SWITCH), (&plain, foreign), (&asks, foreign), (&asks, nameless)] {
        let (upstream, arrived) = answering(switch).await;
        let gateway = services(&upstream.url(), &["k"]).start().await;

        let answer = gateway.raw().await.exchange(request).await;

        assert!(answer.starts_with("HTTP/1.1 502 "), "{switch} {answer}");
        assert!(arrived.load(SeqCst) >= 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_complete_wish_for_websocket_is_passed_on() {
    let (upstream, mut heads) = switching(echo).await;
    let gateway = services(&upstream.url(), &["k"]).start().await;
    let asks = handshake("/proxy/svc/x").replace("keep-alive", "close");

    for (request, status) in [
        (asks.replace("WebSocket\r\n", "h2c\r\nHTTP2-Settings: AAMAAABk\r\n"), "HTTP/1.1 400 "),
        (asks.replace("WebSocket", "H2C, websocket"), "HTTP/1.1 400 "),
        (asks.replace("WebSocket", "websocket\r\nUpgrade: h2c"), "HTTP/1.1 400 "),
        (asks.replace(PROXY_KEY, "wrong"), "HTTP/1.1 401 "),
    ] {
        let answer = gateway.raw().await.exchange(&request).await;
        assert!(answer.starts_with(status), "{request} {answer}");
        assert!(heads.is_empty());
    }
    for request in [
        asks.replace("Upgrade: WebSocket", "Upgrade: other"),
        asks.replace("Connection: close, Upgrade", "Connection: close"),
        asks.replace("HTTP/1.1", "HTTP/1.0"),
    ] {
        // The upstream here switches even so: what counts is that nobody asked it to.
        let answer = gateway.raw().await.exchange(&request).await;
        assert!(answer.contains(" 502 "), "{request} {answer}");
        let head = heads.recv().await.unwrap();
        assert!(!head.contains("\r\nupgrade:") && !head.contains("\r\nconnection:"), "{head}");
    }
}
