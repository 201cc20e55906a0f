//! Who is let in, and that nobody is shown with what.

use std::error::Error as _;

use cache_redis::{Options, Server};
use contract_tests::redis_server::RedisServer;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rotator_core::cache::Cache as _;

use crate::support::{LONG, POOL, is_shared, next, open};

const PASSWORD: &str = "canary-p@ss:word/#1";
/// The same as it is written in a URL.
const IN_URL: &str = "canary-p%40ss%3Aword%2F%231";

fn options(server: Server) -> Options {
    Options { budget: LONG, ..Options::new(server) }
}

#[tokio::test]
async fn a_password_and_a_user_are_shown_to_redis() {
    let shown = format!(">{PASSWORD}");
    let ann = ["--user", "ann", "on", &shown, "~akr:*", "&akr:*", "+@all"];
    let server = RedisServer::start_with(&[&["--requirepass", PASSWORD], &ann[..]].concat());
    let port = server.port();
    for address in [
        Server::parse(&format!("redis://:{IN_URL}@127.0.0.1:{port}/3")),
        Server::parse(&format!("redis://ann:{IN_URL}@127.0.0.1:{port}")),
        Server::new("127.0.0.1", port, 5).map(|server| server.or_user(Some("ann"), Some(PASSWORD))),
        Server::parse(&server.url()).map(|server| server.or_user(None, Some(PASSWORD))),
    ] {
        let cache = open(options(address.unwrap())).await;
        assert!(is_shared(&cache.turns(POOL)));
        cache.bump_revision().await.unwrap();
    }
}

#[tokio::test]
async fn databases_are_apart() {
    let server = RedisServer::start();
    for database in 0..3 {
        let cache = open(options(Server::new("127.0.0.1", server.port(), database).unwrap())).await;
        assert_eq!(next(&cache.turns(POOL)).await, 0);
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_without_it() {
    let server = RedisServer::start_with(&["--requirepass", "right"]);
    let address = Server::parse(&format!("redis://:{IN_URL}@127.0.0.1:{}", server.port())).unwrap();
    assert!(!format!("{address:?}").contains("canary"));

    let cache = open(options(address)).await;

    assert!(!is_shared(&cache.turns(POOL)));
    assert_eq!(cache.ping().await.unwrap_err().source().unwrap().to_string(), "Redis is away");
}

#[tokio::test]
async fn tls_is_spoken_with_a_server_that_our_authority_vouches_for() {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let server = RedisServer::start_tls(&certificate.pem(), &key.serialize_pem());
    let address = Server::parse(&format!("rediss://localhost:{}", server.port())).unwrap();

    let trusting = address.clone().with_authorities(authority.pem().into_bytes()).unwrap();
    assert!(is_shared(&open(options(trusting)).await.turns(POOL)));
    assert!(!is_shared(&open(options(address)).await.turns(POOL)), "nobody vouches for it");
}

#[test]
fn addresses_that_cannot_be_used_are_refused_without_their_text() {
    for (url, told) in [
        ("http://canary", "must begin with redis://"),
        ("redis://:canary#1@host", "%23"),
        ("redis://user:canary@host:port", "must be a URL"),
        ("redis://", "must be a URL"),
        ("redis://:canary@host/none", "must be a URL"),
        ("rediss://host/#insecure", "%23"),
    ] {
        let error = Server::parse(url).unwrap_err().to_string();
        assert!(error.contains(told) && !error.contains("canary"), "{url}: {error}");
    }
    assert!(Server::new("[::1]", 6379, 0).is_ok());
    let plain = Server::new("localhost", 6379, 0).unwrap();
    assert!(plain.with_authorities(Vec::new()).unwrap_err().to_string().contains("rediss://"));
}
