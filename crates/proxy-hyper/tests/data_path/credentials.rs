//! Where a proxy key may be, and what becomes of it there.

use http::Request;
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use crate::support::{
    Gateway, PROXY_KEY, Running, Upstream,
    client::PATIENCE,
    message::{Message, Role},
    upstream::ok,
};

/// A place of a key: a header line or a parameter with `KEY` in it, and whether `/proxy` and `/llm` read it.
const PLACES: [(&str, bool, bool); 14] = [
    ("X-Proxy-Key: KEY", true, true),
    ("Authorization: Bearer KEY", true, true),
    ("authorization: bearer KEY", true, true),
    ("Authorization: BEARER   KEY", true, true),
    ("x-api-key: KEY", false, true),
    ("X-Anthropic-Api-Key: KEY", false, true),
    ("x-goog-api-key: KEY", false, true),
    ("api-key: KEY", false, true),
    ("?key=KEY", false, true),
    ("?a=1&key=KEY&b=2", false, true),
    ("Authorization: KEY", false, false),
    ("Authorization: Basic KEY", false, false),
    ("?api_key=KEY", false, false),
    ("Cookie: key=KEY", false, false),
];
/// Places without a key.
const NOTHING: [&str; 6] =
    ["X-None: 1", "X-Proxy-Key:", "Authorization: Bearer ", "Authorization: Bearer", "x-api-key: ", "?key="];
const SERVICES: [&str; 2] = ["/proxy/svc/x", "/llm/svc/x"];

async fn gateway(proxy_keys: &[&str]) -> (Upstream, Running) {
    let upstream = Upstream::reply(|_| ok("hello")).await;
    let gateway = Gateway::new()
        .proxy_keys(proxy_keys)
        .generic("svc", &upstream.url(), &["up-key"])
        .llm("svc", "openai_compatible", &upstream.url(), &["up-key"])
        .with(|fields| {
            fields.api_key_location = Some("header".into());
            fields.api_key_name = Some("x-key".into());
        });
    (upstream, gateway.start().await)
}

/// A request that shows keys in these places.
fn request(target: &str, places: &[&str]) -> String {
    let (queries, lines): (Vec<&str>, Vec<&str>) = places.iter().partition(|place| place.starts_with('?'));
    let (query, lines) = (queries.concat(), [&["Host: a"], &lines[..], &["\r\n"]].concat().join("\r\n"));
    format!("GET {target}{query} HTTP/1.1\r\n{lines}")
}

/// The statuses of requests on one connection, which may remember the key that it was shown first.
async fn statuses(gateway: &Running, requests: &[String]) -> Vec<String> {
    let mut client = BufReader::new(TcpStream::connect(gateway.address).await.unwrap());
    let mut statuses = Vec::new();
    for request in requests {
        client.write_all(request.as_bytes()).await.unwrap();
        let answer = timeout(PATIENCE, Message::read(&mut client, Role::Answer)).await.unwrap().unwrap();
        statuses.push(answer.start_line[9..12].to_owned());
    }
    statuses
}

async fn status(gateway: &Running, target: &str, places: &[&str]) -> String {
    statuses(gateway, &[request(target, places)]).await.concat()
}

fn with(place: &str, key: &str) -> String {
    place.replace("KEY", key)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_read_in_its_places_only_and_goes_no_further() {
    let (upstream, gateway) = gateway(&[PROXY_KEY]).await;
    for (place, generic, llm) in PLACES {
        for (target, is_read) in SERVICES.into_iter().zip([generic, llm]) {
            let before = upstream.received().len();
            let status = status(&gateway, target, &[&with(place, PROXY_KEY)]).await;
            assert_eq!(status, if is_read { "200" } else { "401" }, "{target} {place}");

            let received = upstream.received().split_off(before);
            assert_eq!(received.len(), usize::from(is_read), "{target} {place}");
            for received in received {
                let mut names: Vec<_> = received.headers.keys().map(http::HeaderName::as_str).collect();
                names.sort_unstable();
                assert_eq!(names, ["host", "x-key"], "{target} {place}");
                assert!(!received.uri.to_string().contains("key"), "{}", received.uri);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_no_way_in() {
    for proxy_keys in [&[PROXY_KEY][..], &[]] {
        let (upstream, gateway) = gateway(proxy_keys).await;
        for place in NOTHING {
            for target in SERVICES {
                assert_eq!(status(&gateway, target, &[place]).await, "401", "{target} {place}");
            }
        }
        assert!(upstream.received().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_proxy_key_of_its_own_a_gateway_lets_nobody_in() {
    let (upstream, gateway) = gateway(&[]).await;
    for (place, ..) in PLACES {
        for target in SERVICES {
            assert_eq!(status(&gateway, target, &[&with(place, PROXY_KEY)]).await, "401", "{target} {place}");
        }
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_places_must_show_the_same_key() {
    let (upstream, gateway) = gateway(&[PROXY_KEY, "pk-second"]).await;
    let places =
        ["X-Proxy-Key: KEY", "Authorization: Bearer KEY", "x-api-key: KEY", "api-key: KEY", "?key=KEY"];
    for (i, first) in places.iter().enumerate() {
        for second in &places[i + 1..] {
            for (other, expected) in [(PROXY_KEY, "200"), ("pk-second", "401"), ("wrong", "401")] {
                let shown = [with(first, PROXY_KEY), with(second, other)];
                let status = status(&gateway, "/llm/svc/x", &[&shown[0], &shown[1]]).await;
                assert_eq!(status, expected, "{shown:?}");
            }
        }
    }
    let received = format!("{:?}", upstream.received());
    assert!(!received.contains(PROXY_KEY), "{received}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_with_a_key_is_there_once() {
    let (upstream, gateway) = gateway(&[PROXY_KEY]).await;
    for place in ["X-Proxy-Key: KEY", "Authorization: Bearer KEY"] {
        let line = with(place, PROXY_KEY);
        for target in SERVICES {
            assert_eq!(status(&gateway, target, &[&line, &line]).await, "400", "{target} {place}");
        }
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_its_own_header_a_rest_client_may_have_any_other_for_the_upstream() {
    let (upstream, gateway) = gateway(&[PROXY_KEY]).await;
    let others = ["authorization", "x-api-key", "x-goog-api-key", "api-key"];
    let mut request = Request::get("/proxy/svc/x?key=theirs").header("x-proxy-key", PROXY_KEY);
    for name in others {
        request = request.header(name, "Bearer theirs");
    }

    assert_eq!(gateway.send(request, "").await.status, 200);
    assert!(others.iter().all(|name| upstream.seen(name) == ["Bearer theirs"]));
    assert_eq!(upstream.received()[0].uri, "/x?key=theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_almost_right_is_wrong_also_where_the_right_one_was_shown_before() {
    let (upstream, gateway) = gateway(&[PROXY_KEY]).await;
    let (start, last) = PROXY_KEY.split_at(PROXY_KEY.len() - 1);
    let one_bit_off = char::from(last.as_bytes()[0] ^ 1);
    let almost = [
        format!("{start}{one_bit_off}"),
        start.into(),
        format!("{PROXY_KEY}x"),
        format!("{PROXY_KEY},{PROXY_KEY}"),
        PROXY_KEY.to_uppercase(),
        PROXY_KEY[1..].into(),
    ];
    for (place, generic, llm) in PLACES {
        for (target, _) in SERVICES.into_iter().zip([generic, llm]).filter(|(_, is_read)| *is_read) {
            let right = request(target, &[&with(place, PROXY_KEY)]);
            let wrong = almost.iter().map(|key| request(target, &[&with(place, key)]));
            let requests: Vec<_> = [right.clone()].into_iter().chain(wrong).chain([right]).collect();
            let expected = ["200", "401", "401", "401", "401", "401", "401", "200"];
            assert_eq!(statuses(&gateway, &requests).await, expected, "{target} {place}");
        }
    }
    assert_eq!(status(&gateway, "/llm/svc/x", &[&format!("?key={PROXY_KEY}%20")]).await, "401");
    assert!(!format!("{:?}", upstream.received()).contains(PROXY_KEY));
}
