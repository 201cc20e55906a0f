//! A request whose answer is late goes out once more, with another key.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use http::Request;
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use rotator_core::{
    model::{ConfigOptions, ConfigType},
    record::AttemptTrace,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::Semaphore,
    task::JoinHandle,
    time::sleep,
};

use crate::support::{
    Gateway, PROXY_KEY, Running,
    client::{Answer, RawClient},
    eventually,
    message::{Message, Role},
    tls,
    upstream::{Body, RawUpstream, converse, ok, read_head},
};

/// From so many answers on, it is known how long they usually take; one request in as many may be hedged.
const ENOUGH: usize = 20;
/// Much longer than an answer of this upstream usually takes.
const LONG: Duration = Duration::from_millis(200);

/// What becomes of a request.
#[derive(Clone, Copy)]
enum Reply {
    Says(u16),
    /// Says so when it is let to.
    Late(u16),
}

use Reply::{Late, Says};

/// An upstream that answers by a script; requests for `/warm` at once.
///
/// The script goes by the keys, in the order in which they are picked: of two attempts at a time, either may arrive first.
struct Scripted {
    server: RawUpstream,
    desk: Arc<Desk>,
}

struct Desk {
    /// To the first key, the second and so on; to all that follow, the last.
    replies: Vec<(Reply, Semaphore)>,
    /// With what keys `/warm` was asked for. They go round, so that the one used longest ago is the next.
    warmed: Mutex<Vec<String>>,
    arrived: Mutex<Vec<Message>>,
    broken_off: AtomicUsize,
}

impl Scripted {
    async fn start(replies: &[Reply]) -> Self {
        let replies = replies.iter().map(|reply| (*reply, Semaphore::new(0))).collect();
        let desk =
            Desk { replies, warmed: Mutex::default(), arrived: Mutex::default(), broken_off: 0.into() };
        let desk = Arc::new(desk);
        let of_server = Arc::clone(&desk);
        Self { server: RawUpstream::serve(move |socket| serve(socket, Arc::clone(&of_server))).await, desk }
    }

    /// Lets one go that is late.
    fn let_go(&self, place: usize) {
        self.desk.replies[place].1.add_permits(1);
    }

    fn arrived(&self) -> usize {
        self.desk.arrived.lock().unwrap().len()
    }

    /// The keys and bodies that came, in order.
    fn seen(&self) -> Vec<(String, Vec<u8>)> {
        let arrived = self.desk.arrived.lock().unwrap();
        arrived.iter().map(|message| (key_of(message), message.body.clone())).collect()
    }
}

impl Desk {
    /// Takes a request in, and tells what becomes of it.
    fn take(&self, request: Message) -> Option<&(Reply, Semaphore)> {
        let (key, mut warmed) = (key_of(&request), self.warmed.lock().unwrap());
        if request.start_line.contains("/warm") {
            warmed.push(key);
            return None;
        }
        self.arrived.lock().unwrap().push(request);
        let keys: HashSet<_> = warmed.iter().collect();
        let place = warmed[warmed.len() - keys.len()..].iter().position(|warmed| *warmed == key);
        place.and_then(|place| self.replies.get(place)).or(self.replies.last())
    }
}

fn key_of(request: &Message) -> String {
    String::from_utf8(request.clone().take("x-key")[0].to_vec()).unwrap()
}

async fn serve(socket: TcpStream, desk: Arc<Desk>) {
    let mut socket = BufReader::new(socket);
    while let Some(request) = Message::read(&mut socket, Role::Request).await {
        let code = match desk.take(request) {
            None => 200,
            Some((Says(code), _)) => *code,
            Some((Late(code), release)) => {
                tokio::select! {
                    permit = release.acquire() => permit.unwrap().forget(),
                    _ = socket.read_u8() => {
                        desk.broken_off.fetch_add(1, SeqCst);
                        return;
                    }
                }
                *code
            }
        };
        let answer = format!("HTTP/1.1 {code} X\r\ncontent-length: 4\r\n\r\ndone");
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A gateway whose service hedges, unless it is changed otherwise, and has been answered so many times.
async fn answered(
    times: usize,
    upstream: &Scripted,
    keys: &[&str],
    change: impl FnOnce(&mut ConfigOptions),
) -> Arc<Running> {
    let gateway = Gateway::new()
        .set(|settings| settings.client.max_replay_bytes = 1 << 10)
        .generic("svc", &upstream.server.url(), keys)
        .with(|fields| {
            fields.options.hedge = true;
            change(&mut fields.options);
        })
        .start()
        .await;
    for _ in 0..times {
        assert_eq!(gateway.get("/proxy/svc/warm").await.status, 200);
    }
    gateway.records(times).await;
    Arc::new(gateway)
}

async fn hedging(upstream: &Scripted, keys: &[&str]) -> Arc<Running> {
    answered(ENOUGH, upstream, keys, |_| {}).await
}

fn post(gateway: &Arc<Running>, body: impl Into<String>) -> JoinHandle<Answer> {
    let (gateway, body) = (Arc::clone(gateway), body.into());
    tokio::spawn(async move { gateway.post("/proxy/svc/x", body).await })
}

/// The attempts of the last request.
async fn attempts(gateway: &Running) -> Vec<AttemptTrace> {
    let records = gateway.records(ENOUGH + 1).await;
    records.last().unwrap().trace.as_ref().unwrap().attempts.clone()
}

fn told(attempts: &[AttemptTrace]) -> Vec<(bool, &str)> {
    attempts.iter().map(|attempt| (attempt.is_hedge, &*attempt.outcome)).collect()
}

fn assert_metric(gateway: &Running, line: &str) {
    let text = gateway.metrics().render();
    assert!(text.contains(line), "{line}\n{text}");
}

/// Waits until an attempt has come to this.
async fn wait_for_outcome(gateway: &Running, outcome: &str) {
    let line = format!("akr_upstream_attempts_total{{outcome=\"{outcome}\"}} 1");
    eventually(|| gateway.metrics().render().contains(&line)).await;
}

/// Who rests.
fn rests(gateway: &Running) -> Vec<i64> {
    let table = gateway.routes.table().load();
    let resting = table.find(ConfigType::Generic, "svc").unwrap().pool.health().resting();
    resting.iter().map(|told| told.key.0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_is_had_from_another_key_and_the_first_attempt_is_given_up() {
    let upstream = Scripted::start(&[Late(200), Says(200)]).await;
    let gateway = hedging(&upstream, &["k1", "k2"]).await;
    gateway.routes.take_usage().await;

    let answer = post(&gateway, "body").await.unwrap();

    assert_eq!((answer.status.as_u16(), answer.text()), (200, "done"));
    let seen = upstream.seen();
    assert!(seen.len() == 2 && seen[0].0 != seen[1].0, "{seen:?}");
    assert!(seen.iter().all(|(_, body)| body == b"body"), "{seen:?}");
    eventually(|| upstream.desk.broken_off.load(SeqCst) == 1).await;
    gateway.settle(Duration::from_secs(5)).await;
    let usage = gateway.routes.take_usage().await;
    let counts: Vec<_> = usage.iter().map(|usage| (usage.successes, usage.failures)).collect();
    assert_eq!(counts, [(1, 0)], "the other one's count neither as a success nor as a failure");
    assert!(rests(&gateway).is_empty());
    let attempts = attempts(&gateway).await;
    assert_eq!(told(&attempts), [(false, "cancelled"), (true, "success")]);
    assert!(attempts[0].started_us < attempts[1].started_us && attempts[0].status.is_none());
    assert_metric(&gateway, "akr_hedges_total{outcome=\"won\"} 1");
    assert_metric(&gateway, "akr_rescued_requests_total 0");
    assert_metric(&gateway, "akr_upstream_attempts_total{outcome=\"success\"} 21");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_attempt_that_is_quicker_after_all_ends_its_hedge() {
    let upstream = Scripted::start(&[Late(200), Late(200)]).await;
    let gateway = hedging(&upstream, &["k1", "k2"]).await;

    let answer = post(&gateway, "body");
    eventually(|| upstream.arrived() == 2).await;
    upstream.let_go(0);

    assert_eq!(answer.await.unwrap().status, 200);
    eventually(|| upstream.desk.broken_off.load(SeqCst) == 1).await;
    gateway.settle(Duration::from_secs(5)).await;
    assert_eq!(told(&attempts(&gateway).await), [(false, "success"), (true, "cancelled")]);
    assert_metric(&gateway, "akr_hedges_total{outcome=\"lost\"} 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_hedge_does_not_beat_the_first_attempt_but_counts_for_its_key() {
    for (code, outcome, has_rest) in
        [(429, "rate_limited", true), (401, "key_rejected", true), (503, "upstream_failed", false)]
    {
        let upstream = Scripted::start(&[Late(200), Says(code)]).await;
        let gateway = hedging(&upstream, &["k1", "k2"]).await;

        let answer = post(&gateway, "body");
        wait_for_outcome(&gateway, outcome).await;
        assert_eq!(rests(&gateway).len(), usize::from(has_rest), "at once: {code}");
        upstream.let_go(0);

        assert_eq!(answer.await.unwrap().status, 200, "{code}");
        assert_eq!(told(&attempts(&gateway).await), [(false, "success"), (true, outcome)]);
        assert_metric(&gateway, "akr_hedges_total{outcome=\"lost\"} 1");
        assert_eq!(upstream.arrived(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_is_the_clients_own_is_an_answer() {
    let upstream = Scripted::start(&[Late(200), Says(404)]).await;
    let gateway = hedging(&upstream, &["k1", "k2"]).await;

    assert_eq!(post(&gateway, "body").await.unwrap().status, 404);
    assert_eq!(told(&attempts(&gateway).await), [(false, "cancelled"), (true, "request_fault")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_attempt_that_fails_leaves_it_to_its_hedge() {
    let upstream = Scripted::start(&[Late(429), Late(200)]).await;
    let gateway = hedging(&upstream, &["k1", "k2"]).await;

    let answer = post(&gateway, "body");
    eventually(|| upstream.arrived() == 2).await;
    upstream.let_go(0);
    eventually(|| rests(&gateway).len() == 1).await;
    upstream.let_go(1);

    assert_eq!(answer.await.unwrap().status, 200);
    assert_eq!(told(&attempts(&gateway).await), [(false, "rate_limited"), (true, "success")]);
    assert_metric(&gateway, "akr_rescued_requests_total 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_both_keys_are_refused_a_third_one_is_tried_unless_the_work_may_have_been_done() {
    for (first, outcome, expected, arrived) in
        [(429, "rate_limited", 200, 3), (500, "upstream_failed", 429, 2)]
    {
        let upstream = Scripted::start(&[Late(first), Late(429), Says(200)]).await;
        let gateway = hedging(&upstream, &["k1", "k2", "k3"]).await;

        let answer = post(&gateway, "body");
        eventually(|| upstream.arrived() == 2).await;
        upstream.let_go(0);
        wait_for_outcome(&gateway, outcome).await;
        upstream.let_go(1);

        assert_eq!((answer.await.unwrap().status.as_u16(), upstream.arrived()), (expected, arrived));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_one_request_in_twenty_is_hedged_however_slow_the_upstream_is() {
    const SLOW: usize = 100;
    let upstream = Scripted::start(&[Late(200)]).await;
    let gateway = hedging(&upstream, &["k1", "k2", "k3"]).await;

    let answers: Vec<_> = (0..SLOW).map(|_| post(&gateway, "body")).collect();
    eventually(|| upstream.arrived() >= SLOW + 3).await;
    sleep(LONG).await;
    let hedges = upstream.arrived() - SLOW;
    assert!(hedges <= (ENOUGH + SLOW) / 20, "{hedges} of {SLOW}");
    (0..SLOW + hedges).for_each(|_| upstream.let_go(0));

    for answer in answers {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    gateway.settle(Duration::from_secs(5)).await;
}

/// A request whose first attempt is late goes out no second time.
async fn assert_not_hedged(
    why: &str,
    times: usize,
    keys: &[&str],
    body: &str,
    change: fn(&mut ConfigOptions),
) {
    let upstream = Scripted::start(&[Late(200)]).await;
    let gateway = answered(times, &upstream, keys, change).await;

    let answer = post(&gateway, body);
    eventually(|| upstream.arrived() == 1).await;
    sleep(LONG).await;
    assert_eq!(upstream.arrived(), 1, "{why}");
    upstream.let_go(0);

    assert_eq!(answer.await.unwrap().status, 200, "{why}");
    assert_metric(&gateway, "akr_hedges_total{outcome=\"lost\"} 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_hedged_where_it_is_not_wanted_or_not_possible() {
    let two = ["k1", "k2"];
    assert_not_hedged("the service does not want it", ENOUGH, &two, "body", |o| o.hedge = false).await;
    assert_not_hedged("too few answers to tell what is late", ENOUGH - 1, &two, "body", |_| {}).await;
    assert_not_hedged("no other key", ENOUGH, &["only"], "body", |_| {}).await;
    assert_not_hedged("one key a request", ENOUGH, &two, "body", |o| o.max_attempts = Some(1)).await;
    assert_not_hedged("the body is too long to be kept", ENOUGH, &two, &"x".repeat(2 << 10), |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_at_work_already_serves_no_hedge() {
    let upstream = Scripted::start(&[Late(200)]).await;
    let gateway = answered(2 * ENOUGH, &upstream, &["k1", "k2"], |o| o.key_max_concurrent = Some(1)).await;

    // Too long to be kept, so that it is not hedged itself.
    let first = post(&gateway, "x".repeat(2 << 10));
    eventually(|| upstream.arrived() == 1).await;
    let answers = [first, post(&gateway, "b")];
    eventually(|| upstream.arrived() == 2).await;
    sleep(LONG).await;
    assert_eq!(upstream.arrived(), 2);
    (0..2).for_each(|_| upstream.let_go(0));

    for answer in answers {
        assert_eq!(answer.await.unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_not_late_before_its_client_has_sent_it() {
    let upstream = Scripted::start(&[Says(200)]).await;
    let gateway = hedging(&upstream, &["k1", "k2"]).await;
    let connections = upstream.server.connections();

    let mut client = RawClient::connect(gateway.address).await;
    let head = format!(
        "POST /proxy/svc/x HTTP/1.1\r\nhost: a\r\nx-proxy-key: {PROXY_KEY}\r\ncontent-length: 4\r\nconnection: close\r\n\r\n"
    );
    client.write(head + "bo").await;
    sleep(LONG).await;
    client.write("dy").await;
    assert!(client.read_to_end().await.starts_with("HTTP/1.1 200"));

    assert!(upstream.server.connections() <= connections + 1);
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_which_a_part_is_still_to_come_is_not_hedged() {
    // Much more than lies in between, while the upstream reads nothing.
    const LARGE: usize = 64 << 20;
    let heads = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&heads);
    let upstream = RawUpstream::serve(move |mut socket| {
        let heads = Arc::clone(&counted);
        async move {
            while read_head(&mut socket).await.starts_with(b"GET") {
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            }
            heads.fetch_add(1, SeqCst);
            std::future::pending::<()>().await;
        }
    })
    .await;
    let gateway = Gateway::new()
        .set(|settings| settings.client.max_replay_bytes = LARGE)
        .generic("svc", &upstream.url(), &["k1", "k2"])
        .with(|fields| {
            fields.options.hedge = true;
            fields.options.max_body_bytes = Some(LARGE as u64);
        })
        .start()
        .await;
    for _ in 0..ENOUGH {
        assert_eq!(gateway.get("/proxy/svc/x").await.status, 200);
    }
    let gateway = Arc::new(gateway);

    let answer = post(&gateway, "x".repeat(LARGE));
    eventually(|| heads.load(SeqCst) == 1).await;
    sleep(LONG).await;

    assert_eq!(heads.load(SeqCst), 1);
    answer.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_unknown_length_is_hedged_when_it_has_come() {
    let upstream = Scripted::start(&[Late(200), Says(200)]).await;
    let gateway = hedging(&upstream, &["k1", "k2"]).await;

    let client = RawClient::connect(gateway.address).await;
    let request = format!(
        "POST /proxy/svc/x HTTP/1.1\r\nhost: a\r\nx-proxy-key: {PROXY_KEY}\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
    );
    assert!(client.exchange(request).await.starts_with("HTTP/1.1 200"));

    let bodies: Vec<_> = upstream.seen().into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies, [b"body", b"body"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_a_service_outlives_a_change_of_it() {
    let upstream = Scripted::start(&[Late(200), Says(200)]).await;
    let gateway = hedging(&upstream, &["k1", "k2"]).await;

    gateway.routes.replace(gateway.sources.clone()).await;

    assert_eq!(post(&gateway, "body").await.unwrap().status, 200);
    assert_eq!(upstream.arrived(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_both_attempts() {
    let upstream = Scripted::start(&[Late(200), Late(200)]).await;
    let gateway = hedging(&upstream, &["k1", "k2"]).await;

    let mut client = RawClient::connect(gateway.address).await;
    client.write(format!("GET /proxy/svc/x HTTP/1.1\r\nhost: a\r\nx-proxy-key: {PROXY_KEY}\r\n\r\n")).await;
    eventually(|| upstream.arrived() == 2).await;
    drop(client);

    eventually(|| upstream.desk.broken_off.load(SeqCst) == 2).await;
    gateway.settle(Duration::from_secs(5)).await;
    assert!(rests(&gateway).is_empty());
}

/// Counts when it is dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_2_only_the_stream_of_the_attempt_ends() {
    let (config, arrived, reset) = (tls::self_signed(&["h2"]), Arc::default(), Arc::default());
    let (of_arrived, of_reset) = (Arc::clone(&arrived), Arc::clone(&reset));
    let upstream = RawUpstream::serve(move |socket| {
        let (arrived, reset) = (Arc::<AtomicUsize>::clone(&of_arrived), Arc::clone(&of_reset));
        let service = service_fn(move |request: Request<Incoming>| {
            let (arrived, reset) = (Arc::clone(&arrived), Arc::clone(&reset));
            async move {
                let is_warm = request.uri().path() == "/warm";
                request.into_body().collect().await?;
                if !is_warm && arrived.fetch_add(1, SeqCst) == 0 {
                    let _dropped = Dropped(reset);
                    std::future::pending::<()>().await;
                }
                Ok::<http::Response<Body>, hyper::Error>(ok("done"))
            }
        });
        converse(Some(Arc::clone(&config)), socket, service)
    })
    .await;
    let gateway = Gateway::new()
        .set(|settings| settings.workers = std::num::NonZeroUsize::MIN)
        .generic("svc", &upstream.url().replace("http", "https"), &["k1", "k2"])
        .with(|fields| {
            fields.options.hedge = true;
            fields.options.accept_invalid_certs = true;
        })
        .start()
        .await;
    for _ in 0..ENOUGH {
        assert_eq!(gateway.get("/proxy/svc/warm").await.status, 200);
    }

    assert_eq!(gateway.post("/proxy/svc/x", "body").await.text(), "done");

    eventually(|| reset.load(SeqCst) == 1).await;
    assert_eq!(gateway.get("/proxy/svc/x").await.text(), "done");
    assert_eq!((arrived.load(SeqCst), upstream.connections()), (3, 1));
    gateway.settle(Duration::from_secs(5)).await;
}
