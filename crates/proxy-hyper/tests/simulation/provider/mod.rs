//! A simulated provider behind a real socket: accounts with limits and quotas, keys that are revoked, troubles of its
//! own, all as the test decides. It writes down every request that it sees, and what it said.

mod account;
mod stream;

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, sleep},
};

pub use account::{Account, Bucket, Spent, Trouble};
pub use stream::{EVENT as STREAM_EVENT, Streams};

use crate::support::upstream::Body;
use account::Reply;

/// What a test calls a request by.
pub const NAME: &str = "x-request-name";

pub struct Provider {
    pub address: SocketAddr,
    desk: Arc<Desk>,
    server: JoinHandle<()>,
}

/// A request that a provider has seen.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub name: String,
    pub at: Instant,
    /// The status it was answered with; `None` when it was not.
    pub status: Option<u16>,
}

/// What the connections of a provider share.
#[derive(Default)]
struct Desk {
    accounts: Mutex<HashMap<String, Account>>,
    trouble: Mutex<Option<Trouble>>,
    log: Mutex<Vec<Entry>>,
    streams: Arc<Streams>,
}

/// Closes a connection without an answer.
#[derive(Debug)]
struct Closed;

impl Provider {
    /// With an account for each of these keys, limited by a bucket like this.
    pub async fn start(keys: &[String], bucket: Bucket) -> Self {
        let accounts = keys.iter().map(|key| (key.clone(), Account::well(bucket))).collect();
        let desk = Arc::new(Desk { accounts: Mutex::new(accounts), ..Desk::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = {
            let desk = Arc::clone(&desk);
            tokio::spawn(async move {
                loop {
                    let (socket, _) = listener.accept().await.unwrap();
                    let desk = Arc::clone(&desk);
                    let service = service_fn(move |request| serve(Arc::clone(&desk), request));
                    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
                }
            })
        };
        Self { address, desk, server }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes an account from now on.
    pub fn change(&self, key: &str, change: impl FnOnce(&mut Account)) {
        change(self.desk.accounts.lock().unwrap().get_mut(key).unwrap());
    }

    /// How many requests a second it can answer with success, which only it knows.
    pub fn capacity(&self) -> f64 {
        self.desk.accounts.lock().unwrap().values().map(Account::capacity).sum()
    }

    /// Changes what is wrong with the provider as a whole from now on.
    pub fn suffer(&self, trouble: Option<Trouble>) {
        *self.desk.trouble.lock().unwrap() = trouble;
    }

    /// What it has seen so far, in order.
    pub fn log(&self) -> Vec<Entry> {
        self.desk.log.lock().unwrap().clone()
    }

    /// How many requests it has seen so far.
    pub fn seen(&self) -> usize {
        self.desk.log.lock().unwrap().len()
    }

    /// The streams that it sends.
    pub fn streams(&self) -> &Arc<Streams> {
        &self.desk.streams
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Desk {
    /// Decides on a request and writes it down.
    fn decide(&self, key: &str, name: &str) -> Reply {
        let now = Instant::now();
        let trouble = *self.trouble.lock().unwrap();
        let reply = self.accounts.lock().unwrap().get_mut(key).unwrap().answer(now, trouble);
        let status = match &reply {
            Reply::Says(answer) | Reply::SaysAfter(_, answer) => Some(answer.status().as_u16()),
            Reply::Closes | Reply::Hangs => None,
        };
        self.log.lock().unwrap().push(Entry { key: key.into(), name: name.into(), at: now, status });
        reply
    }
}

async fn serve(desk: Arc<Desk>, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
    let (head, body) = request.into_parts();
    // Read to its end: from then on, the work may be done.
    body.collect().await.map_err(|_| Closed)?;
    let text = |name| head.headers.get(name).map_or("", |value| value.to_str().unwrap());
    let (key, name) = (text("authorization").trim_start_matches("Bearer "), text(NAME));
    match desk.decide(key, name) {
        Reply::Says(_) if head.uri.path() == stream::PATH => Ok(desk.streams.open(name)),
        Reply::Says(answer) => Ok(answer),
        Reply::SaysAfter(time, answer) => {
            sleep(time).await;
            Ok(answer)
        }
        Reply::Closes => Err(Closed),
        Reply::Hangs => std::future::pending().await,
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed without an answer")
    }
}

impl std::error::Error for Closed {}
