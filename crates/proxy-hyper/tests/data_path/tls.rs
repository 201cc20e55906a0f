//! TLS on both sides: who speaks what, whom we trust, and what nobody learns when we do not.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper::{
    client::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Barrier,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::support::{
    Gateway, PROXY_KEY, Upstream,
    client::RawClient,
    tls::{Authority, self_signed},
    upstream::{RawUpstream, converse, ok},
};

const ONE_NAME: &str = "127.0.0.1";
const BOTH: [&str; 2] = ["h2", "http/1.1"];

/// A gateway that trusts this authority.
fn trusting(authority: &Authority) -> Gateway {
    Gateway::new().set(|s| s.roots = authority.roots())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_gets_the_protocol_it_offers() {
    let authority = Authority::new();
    let upstream = Upstream::reply(|_| ok("hello")).await;
    let gateway = Gateway::new().tls(authority.server(ONE_NAME, &BOTH));
    let gateway = gateway.generic("svc", &upstream.url(), &["k"]).start().await;

    for (offered, is_h2) in [
        (&BOTH[..], true),
        (&["h2"], true),
        (&["http/1.1", "h2"], true),
        (&["http/1.1"], false),
        (&[], false),
    ] {
        let socket = TcpStream::connect(gateway.address).await.unwrap();
        let stream = authority.connect(socket, offered).await.unwrap();
        let request = Request::get(gateway.url("/proxy/svc/x")).header("x-proxy-key", PROXY_KEY);
        let request = request.header("host", "a").body(Full::<Bytes>::default()).unwrap();
        let answer = if is_h2 {
            let io = TokioIo::new(stream);
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        } else {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        };
        assert_eq!(answer.version(), if is_h2 { Version::HTTP_2 } else { Version::HTTP_11 }, "{offered:?}");
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_tls_handshake_there_is_no_request() {
    let authority = Authority::new();
    let upstream = Upstream::reply(|_| ok("hello")).await;
    let gateway = Gateway::new().tls(authority.server(ONE_NAME, &BOTH));
    let gateway = gateway.generic("svc", &upstream.url(), &["k"]).start().await;

    let socket = TcpStream::connect(gateway.address).await.unwrap();
    assert!(authority.connect(socket, &["spdy/3"]).await.is_err());
    let plain = format!("GET /proxy/svc/x HTTP/1.1\r\nHost: a\r\nX-Proxy-Key: {PROXY_KEY}\r\n\r\n");
    let answer = gateway.raw().await.exchange(plain).await;

    assert!(!answer.contains("HTTP/1.1"), "{answer:?}");
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_is_spoken_to_as_it_offers() {
    let authority = Authority::new();
    for (protocols, version) in
        [(&BOTH[..], Version::HTTP_2), (&["http/1.1"], Version::HTTP_11), (&[], Version::HTTP_11)]
    {
        let server = authority.server(ONE_NAME, protocols);
        let upstream = Upstream::secure(server, |received| ok(received.body.clone())).await;
        let url = format!("{}/base", upstream.url());
        let gateway = trusting(&authority).generic("svc", &url, &["up-key"]).start().await;

        for body in ["", "some body"] {
            let answer = gateway.post("/proxy/svc/x?a=1", body).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (200, body), "{protocols:?}");
        }

        let received = upstream.received().pop().unwrap();
        assert_eq!(
            (received.version, received.uri.path_and_query().unwrap().as_str()),
            (version, "/base/x?a=1")
        );
        let authority = received.uri.authority().map(ToString::to_string);
        let host = authority.into_iter().chain(upstream.seen("host").pop()).collect::<Vec<_>>();
        assert_eq!(host, [upstream.address.to_string()]);
        assert_eq!(upstream.seen("x-key"), ["up-key", "up-key"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_an_http_2_upstream_share_one_connection_of_their_worker() {
    const REQUESTS: usize = 20;
    let authority = Authority::new();
    let (tls, all_here) = (authority.server(ONE_NAME, &BOTH), Arc::new(Barrier::new(REQUESTS)));
    let upstream = RawUpstream::serve(move |socket| {
        let all_here = Arc::clone(&all_here);
        let service = service_fn(move |request: Request<_>| {
            let all_here = Arc::clone(&all_here);
            async move {
                all_here.wait().await;
                Ok::<_, hyper::Error>(ok(request.uri().path().to_owned()))
            }
        });
        converse(Some(Arc::clone(&tls)), socket, service)
    })
    .await;
    let url = upstream.url().replace("http:", "https:");
    let gateway = trusting(&authority).set(|s| s.workers = 1.try_into().unwrap());
    let gateway = Arc::new(gateway.generic("svc", &url, &["k"]).start().await);

    let mut requests = JoinSet::new();
    for n in 0..REQUESTS {
        let gateway = Arc::clone(&gateway);
        requests.spawn(async move { (n, gateway.get(&format!("/proxy/svc/{n}")).await) });
    }
    while let Some(answered) = requests.join_next().await {
        let (n, answer) = answered.unwrap();
        assert_eq!(answer.text(), format!("/{n}"));
    }

    assert_eq!(upstream.connections(), 1);
}

/// Servers that no gateway of these tests may believe.
fn impostors(trusted: &Authority) -> [(&'static str, Arc<ServerConfig>); 4] {
    [
        ("self-signed", self_signed(&BOTH)),
        ("unknown authority", Authority::new().server(ONE_NAME, &BOTH)),
        ("another host", trusted.server("other.example", &BOTH)),
        ("expired", trusted.expired(ONE_NAME)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_does_not_prove_who_it_is_gets_nothing_and_the_client_a_502() {
    let authority = Authority::new();
    for (what, server) in impostors(&authority) {
        let upstream = Upstream::secure(server, |_| ok("stolen")).await;
        let gateway = trusting(&authority)
            .generic("svc", &upstream.url(), &["up-secret-key"])
            .llm("ai", "openai_compatible", &upstream.url(), &["up-secret-key"])
            .start()
            .await;

        for (path, message) in
            [("/proxy/svc/x", "/detail"), ("/llm/ai/v1/chat/completions", "/error/message")]
        {
            let answer = gateway.post(path, "{}").await;
            assert_eq!(answer.status, 502, "{what} {path}");
            let message = answer.json().pointer(message).unwrap().to_string();
            assert!(message.contains("certificate"), "{what}: {message}");
            for secret in ["up-secret-key", PROXY_KEY, ONE_NAME, "other.example"] {
                assert!(!answer.text().contains(secret), "{what}: {}", answer.text());
            }
        }
        assert!(upstream.connections() >= 2 && upstream.received().is_empty(), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_service_that_says_so_takes_any_certificate() {
    let authority = Authority::new();
    for (what, server) in impostors(&authority) {
        let upstream = Upstream::secure(server, |_| ok("hello")).await;
        let gateway = trusting(&authority)
            .generic("careful", &upstream.url(), &["k"])
            .generic("careless", &upstream.url(), &["k"])
            .with(|fields| fields.options.accept_invalid_certs = true)
            .start()
            .await;

        for _ in 0..4 {
            assert_eq!(gateway.get("/proxy/careless/x").await.text(), "hello", "{what}");
            assert_eq!(gateway.get("/proxy/careful/x").await.status, 502, "{what}");
        }
        assert_eq!(upstream.received().len(), 4, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_is_checked_by_name() {
    let authority = Authority::new();
    for (certified, status) in [("localhost", 200), (ONE_NAME, 502)] {
        let upstream = Upstream::secure(authority.server(certified, &BOTH), |_| ok("hello")).await;
        let url = upstream.url().replace(ONE_NAME, "localhost");
        let gateway = trusting(&authority).generic("svc", &url, &["k"]).start().await;

        assert_eq!(gateway.get("/proxy/svc/x").await.status, status, "{certified}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_without_tls_behind_an_https_url_is_a_502_and_sees_no_key() {
    let upstream = Upstream::reply(|_| ok("plain")).await;
    let url = upstream.url().replace("http:", "https:");
    let gateway = Gateway::new().generic("svc", &url, &["k"]).start().await;

    assert_eq!(gateway.get("/proxy/svc/x").await.status, 502);
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_reaches_an_upstream_that_would_rather_speak_http_2() {
    let authority = Authority::new();
    let tls = TlsAcceptor::from(authority.server(ONE_NAME, &BOTH));
    let upstream = RawUpstream::serve(move |socket| {
        let tls = tls.clone();
        async move {
            let mut stream = tls.accept(socket).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let switch =
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
            stream.write_all(switch.as_bytes()).await.unwrap();
            let (mut reading, mut writing) = tokio::io::split(stream);
            let _ = tokio::io::copy(&mut reading, &mut writing).await;
        }
    })
    .await;
    let url = upstream.url().replace("http:", "https:");
    let gateway = trusting(&authority).generic("svc", &url, &["k"]).start().await;
    let mut client: RawClient = gateway.raw().await;

    let wish = "connection: upgrade\r\nupgrade: websocket";
    client
        .write(format!("GET /proxy/svc/x HTTP/1.1\r\nhost: a\r\nx-proxy-key: {PROXY_KEY}\r\n{wish}\r\n\r\n"))
        .await;
    client.read_until("101 Switching").await;
    client.write("over tls").await;

    client.read_until("over tls").await;
}
