//! The way of what happens to whoever wants to hear of it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

use crate::{
    support::{Folder, PASSWORD, PROXY_KEY, contents, until},
    upstream::{Manner, start},
};

/// A letter that came: its head in lower case, and its body.
type Letter = (String, Value);

/// Takes letters; ends with the test process.
fn receiver() -> (SocketAddr, Arc<Mutex<Vec<Letter>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let letters = Arc::<Mutex<Vec<Letter>>>::default();
    let taken = Arc::clone(&letters);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let letter = take(stream);
            taken.lock().unwrap().push(letter);
        }
    });
    (address, letters)
}

fn take(stream: TcpStream) -> Letter {
    let (mut reader, mut head) = (BufReader::new(stream), String::new());
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let head = head.to_lowercase();
    let length = head.split_once("content-length: ").unwrap().1.split_once('\r').unwrap().0.parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthank").unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

#[test]
fn a_webhook_hears_of_a_key_that_is_not_accepted_and_no_file_shows_its_address() {
    let folder = Folder::new();
    let server = folder.serve_known();
    let admin = server.sign_in(PASSWORD).unwrap();
    let (address, letters) = receiver();
    let webhook =
        json!({ "url": format!("http://{address}/canary/hook/?to=me"), "secret": "a canary of a secret" });
    let written = admin.call("PUT", "/notifications", &json!({ "low_keys": 1, "webhooks": [webhook] }));
    assert_eq!(written.0, 200, "{}", written.1);

    let (_, report) = admin.call("POST", "/notifications/test", &json!({ "id": 1 }));
    assert_eq!(
        (&report["ok"], &report["status"], &report["message"]),
        (&json!(true), &json!(200), &json!("thank"))
    );
    let id =
        admin.add_service("strict", &format!("http://{}", start(Manner::Indiscreet)), "sk-upstream-key-1");
    assert_eq!(server.call("GET", "/proxy/strict/any", &[("x-proxy-key", PROXY_KEY)], "").0, 401);
    until(|| letters.lock().unwrap().len() > 1);

    let letters = letters.lock().unwrap();
    for (head, _) in letters.iter() {
        assert!(head.starts_with("post /canary/hook/?to=me http/1.1\r\n"), "{head}");
        for header in [
            "webhook-id: ",
            "webhook-timestamp: ",
            "webhook-signature: v1,",
            "content-type: application/json",
        ] {
            assert!(head.contains(&format!("\r\n{header}")), "{header} {head}");
        }
    }
    assert_eq!(letters[0].1["event"], "test");
    let told = &letters[1].1;
    assert_eq!((&told["event"], &told["service"]["id"]), (&json!("keys_rejected"), &json!(id)));
    assert_eq!((&told["affected_keys"], &told["key_ids"]), (&json!(1), &json!([1])));
    assert!(!server.log().contains("canary"), "{}", server.log());
    server.stop();
    let files = contents(&folder.path("data"));
    assert!(!files.iter().any(|(_, bytes)| bytes.windows(6).any(|window| window == b"canary")));
}

#[test]
fn a_webhook_is_no_way_to_an_address_that_no_service_may_have() {
    let folder = Folder::new();
    let server = folder.serve_known();
    let admin = server.sign_in(PASSWORD).unwrap();

    for (url, wanted) in [
        ("http://169.254.169.254/latest/meta-data".to_owned(), "UPSTREAM_ADDRESS_POLICY"),
        (format!("http://{}/api/admin/login", server.address), "this server itself"),
        ("http://127.0.0.1:1/".to_owned(), "does not accept connections"),
    ] {
        let (status, report) = admin.call("POST", "/notifications/test", &json!({ "url": url }));
        assert_eq!(
            (status, &report["ok"], &report["status"]),
            (200, &json!(false), &Value::Null),
            "{report}"
        );
        assert!(report["message"].as_str().unwrap().contains(wanted), "{report}");
    }
}
