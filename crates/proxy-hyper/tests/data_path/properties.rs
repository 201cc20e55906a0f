//! Whatever a client sends, the API gets; whatever the API answers, the client gets: byte by byte.

mod generate;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::TcpStream,
    runtime::Runtime,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::timeout,
};

use crate::support::{
    Gateway, PROXY_KEY, Running,
    client::PATIENCE,
    message::{Message, Role},
    upstream::RawUpstream,
};
use generate::{Answer, Case, Framing, Payload, Request, Service, case};

const UPSTREAM_KEY: &str = "up-key";
const CASES: u32 = 200;
/// The most that a request may have.
const LARGEST: usize = 50 << 20;

/// Both kinds of service before an upstream that answers what it is told to.
struct Bench {
    runtime: Runtime,
    gateway: Running,
    answer: NextAnswer,
    received: Mutex<UnboundedReceiver<Message>>,
    upstream: RawUpstream,
}

/// What the upstream answers next: its bytes, and whether it closes then.
type NextAnswer = Arc<Mutex<(Vec<u8>, bool)>>;

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let answer = NextAnswer::default();
        let (upstream, received) = runtime.block_on(told(Arc::clone(&answer)));
        let url = format!("{}/base", upstream.url());
        let gateway = Gateway::new().generic("svc", &url, &[UPSTREAM_KEY]).llm(
            "svc",
            "openai_compatible",
            &url,
            &[UPSTREAM_KEY],
        );
        let gateway = runtime.block_on(gateway.start());
        Self { runtime, gateway, answer, received: Mutex::new(received), upstream }
    }

    /// Sends a case's request, and compares what the upstream got and what the client got with what was sent.
    fn check(&self, case: &Case) -> Result<(), TestCaseError> {
        self.gateway.reset_keys();
        *self.answer.lock().unwrap() = (case.answer.bytes(&case.request), case.answer.closes());
        let role = if case.answer.has_body(&case.request) { Role::Answer } else { Role::BodylessAnswer };
        let answer = self.runtime.block_on(async {
            let mut client = BufReader::new(TcpStream::connect(self.gateway.address).await.unwrap());
            // Whoever refuses a request may stop reading it: the answer tells more.
            let _ = timeout(PATIENCE, client.write_all(&case.request.bytes(PROXY_KEY))).await.unwrap();
            timeout(PATIENCE, Message::read(&mut client, role)).await.unwrap()
        });
        let Ok(request) = self.received.lock().unwrap().try_recv() else {
            return Err(TestCaseError::fail(format!("the upstream got nothing: {answer:?}")));
        };
        compare_request(&case.request, request, self.upstream.address)?;
        let answer = answer.ok_or_else(|| TestCaseError::fail("the client got no whole answer"))?;
        compare_answer(case, answer)
    }
}

/// An upstream that answers what it is told to, and what it got.
async fn told(next: NextAnswer) -> (RawUpstream, UnboundedReceiver<Message>) {
    let (sender, received) = unbounded_channel();
    let upstream = RawUpstream::serve(move |socket| {
        let (next, sender) = (Arc::clone(&next), sender.clone());
        async move {
            let mut socket = BufReader::new(socket);
            while let Some(message) = Message::read(&mut socket, Role::Request).await {
                sender.send(message).unwrap();
                let (bytes, closes) = next.lock().unwrap().clone();
                if socket.write_all(&bytes).await.is_err() || closes {
                    break;
                }
            }
        }
    })
    .await;
    (upstream, received)
}

fn compare_request(sent: &Request, mut got: Message, upstream: SocketAddr) -> Result<(), TestCaseError> {
    prop_assert_eq!(&got.start_line, &format!("{} {} HTTP/1.1", sent.method, sent.target("/base")));
    prop_assert_eq!(got.take("host"), [upstream.to_string()]);
    let (name, value) = match sent.service {
        Service::Generic => ("x-key", UPSTREAM_KEY.to_owned()),
        Service::Llm => ("authorization", format!("Bearer {UPSTREAM_KEY}")),
    };
    prop_assert_eq!(got.take(name), [value]);
    prop_assert_eq!(got.sorted_headers(), sorted(sent.own_headers()));
    same_body(&got.body, &sent.body())
}

fn compare_answer(case: &Case, mut got: Message) -> Result<(), TestCaseError> {
    let sent = &case.answer;
    prop_assert_eq!(&got.start_line, &format!("HTTP/1.1 {} {}", sent.status, sent.reason));
    let ids = got.take("x-request-id");
    prop_assert!(ids.len() == 1 && ids[0].len() == 32, "{:?}", ids);
    let mut expected = sent.own_headers(&case.request);
    if sent.closes() && sent.has_body(&case.request) {
        expected.push(("transfer-encoding".into(), "chunked".into()));
    }
    prop_assert_eq!(got.sorted_headers(), sorted(expected));
    same_body(&got.body, &sent.body(&case.request))
}

/// By name, so that only the order of lines of one name counts: RFC 9110 §5.3.
fn sorted(mut headers: Vec<(String, Bytes)>) -> Vec<(String, Bytes)> {
    for (name, _) in &mut headers {
        name.make_ascii_lowercase();
    }
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    headers
}

fn same_body(got: &[u8], sent: &[u8]) -> Result<(), TestCaseError> {
    let at = got.iter().zip(sent).position(|(a, b)| a != b);
    prop_assert!(got == sent, "{} bytes of {} came; first that differs: {:?}", got.len(), sent.len(), at);
    Ok(())
}

/// Checks cases that are the same in every run.
#[expect(clippy::panic, reason = "an assertion")]
fn check_cases(service: Service, seed: u8) {
    let config =
        Config { cases: CASES, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let bench = Bench::new();
    let outcome = TestRunner::new_with_rng(config, rng).run(&case(service), |case| bench.check(&case));
    outcome.unwrap_or_else(|failed| panic!("{failed}"));
}

#[test]
fn any_request_to_a_rest_service_and_its_answer_keep_their_bytes() {
    check_cases(Service::Generic, 1);
}

#[test]
fn any_request_to_an_llm_service_and_its_answer_keep_their_bytes() {
    check_cases(Service::Llm, 2);
}

#[test]
fn the_largest_bodies_keep_their_bytes() {
    let bench = Bench::new();
    let largest = |seed| Payload { size: LARGEST, seed, looks_packed: true };
    for (service, framing) in
        [(Service::Generic, Framing::Length), (Service::Llm, Framing::Chunked(vec![70_001, 1, 300_000]))]
    {
        let request = Request {
            service,
            credential: 0,
            method: "POST".into(),
            path: "/x".into(),
            query: Vec::new(),
            headers: Vec::new(),
            framing: framing.clone(),
            payload: largest(1),
        };
        let answer = Answer { status: 200, reason: "OK", headers: Vec::new(), framing, payload: largest(2) };
        bench.check(&Case { request, answer }).unwrap();
    }
}
