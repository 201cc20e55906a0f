//! An upstream's error answer may show the key it was sent with; the client's copy does not.

use std::io::Write as _;

use bytes::Bytes;
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use tokio::io::AsyncWriteExt;

use crate::support::{
    Gateway, PROXY_KEY, Running, Upstream,
    client::Answer,
    upstream::{RawUpstream, chunk, read_head, status},
};

const KEY: &str = "sk-canary-0123456789";
const TOLD: &str = r#"{"error":"no such key: sk-canary-0123456789"}"#;
const MASKED: &str = r#"{"error":"no such key: ********************"}"#;
/// `TOLD` in Brotli and in Zstandard.
const BROTLI: &str =
    "0b16807b226572726f72223a226e6f2073756368206b65793a20736b2d63616e6172792d30313233343536373839227d03";
const ZSTD: &str = "28b52ffd202d6901007b226572726f72223a226e6f2073756368206b65793a20736b2d63616e6172792d30313233343536373839227d";

async fn gateway(url: &str) -> Running {
    Gateway::new().generic("svc", url, &[KEY]).start().await
}

/// What a client gets when the upstream answers a 500 with this body in this coding.
async fn told(coding: &'static str, body: impl Into<Bytes>) -> Answer {
    let body = body.into();
    let upstream = Upstream::reply(move |_| {
        let mut answer = status(500, body.clone());
        answer.headers_mut().insert("content-encoding", coding.parse().unwrap());
        answer
    })
    .await;
    gateway(&upstream.url()).await.get("/proxy/svc/x").await
}

fn packed(text: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text).unwrap();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(text).unwrap();
    let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
    bare.write_all(text).unwrap();
    [
        ("gzip", gzip.finish().unwrap()),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", bare.finish().unwrap()),
    ]
}

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[tokio::test]
async fn a_key_is_masked_wherever_the_chunks_of_an_error_cut_it() {
    let upstream = RawUpstream::serve(|mut socket| async move {
        read_head(&mut socket).await;
        let head = b"HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n";
        socket.write_all(head).await.unwrap();
        for piece in ["no ", "sk-can", "ary-0123", "456789 and sk-can", "ada"] {
            socket.write_all(&chunk(piece)).await.unwrap();
            tokio::task::yield_now().await;
        }
        socket.write_all(b"0\r\n\r\n").await.unwrap();
    })
    .await;

    let answer = gateway(&upstream.url()).await.get("/proxy/svc/x").await;

    assert!(answer.is_whole);
    assert_eq!(answer.text(), "no ******************** and sk-canada");
}

#[tokio::test]
async fn an_error_is_as_long_as_it_says_and_may_be_of_any_length() {
    let text = format!("{}{TOLD}{}", "x".repeat(300_000), "y".repeat(300_000));
    let expected = text.replace(TOLD, MASKED);
    let upstream = Upstream::reply(move |_| status(400, text.clone())).await;

    let answer = gateway(&upstream.url()).await.get("/proxy/svc/x").await;

    assert_eq!(answer.header("content-length"), expected.len().to_string());
    assert!(answer.text() == expected, "the text differs");
}

#[tokio::test]
async fn a_compressed_error_that_shows_the_key_is_unpacked_and_masked() {
    let mut cases = packed(TOLD.as_bytes()).to_vec();
    cases.extend([("br", from_hex(BROTLI)), ("zstd", from_hex(ZSTD))]);
    for (coding, body) in cases {
        let answer = told(coding, body).await;

        assert_eq!((answer.status.as_u16(), answer.text()), (500, MASKED), "{coding}");
        assert!(!answer.headers.contains_key("content-encoding"), "{coding}");
    }
}

#[tokio::test]
async fn a_compressed_error_without_the_key_goes_through_byte_by_byte() {
    for (coding, body) in packed(b"overloaded") {
        let answer = told(coding, body.clone()).await;

        assert_eq!((answer.header("content-encoding"), &answer.body[..]), (coding, &body[..]));
    }
}

#[tokio::test]
async fn a_compressed_error_that_cannot_be_looked_into_is_withheld() {
    let [(_, bomb), ..] = packed(&vec![0; 20 << 20]);
    let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(70_000).collect();
    let cases = [("gzip", bomb), ("gzip", noise), ("gzip", TOLD.into()), ("rot13", TOLD.into())];
    for (coding, body) in cases {
        let answer = told(coding, body).await;

        assert_eq!(answer.status.as_u16(), 500, "{coding}");
        assert!(answer.text().starts_with("the upstream's error answer is compressed"), "{}", answer.text());
        assert!(!answer.headers.contains_key("content-encoding"), "{coding}");
    }
}

#[tokio::test]
async fn a_withheld_error_does_not_cost_the_next_request_anything() {
    let upstream = Upstream::reply(|request| {
        let mut answer = status(if request.uri.path() == "/bad" { 500 } else { 200 }, "plain");
        if request.uri.path() == "/bad" {
            answer.headers_mut().insert("content-encoding", "rot13".parse().unwrap());
        }
        answer
    })
    .await;
    let gateway = gateway(&upstream.url()).await;
    let ask =
        |path: &str| format!("GET /proxy/svc{path} HTTP/1.1\r\nhost: h\r\nx-proxy-key: {PROXY_KEY}\r\n");

    let requests = format!("{}\r\n{}connection: close\r\n\r\n", ask("/bad"), ask("/good"));
    let answers = gateway.raw().await.exchange(requests).await;

    assert!(answers.contains("cannot be read") && answers.ends_with("plain"), "{answers}");
}
