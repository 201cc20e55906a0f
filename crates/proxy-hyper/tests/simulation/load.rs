//! Clients that go on asking at a fixed rate, however slowly they are answered.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    provider::{NAME, Provider},
    support::{Running, client::PATIENCE},
};

const BODY: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;

/// Clients of one API, with connections that they keep.
pub struct Clients {
    address: SocketAddr,
    path: &'static str,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

/// How a request was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// `None` when no whole answer came.
    pub status: Option<u16>,
    /// In seconds.
    pub retry_after: Option<u64>,
}

impl Clients {
    /// Of a gateway's service `ai`.
    pub fn of(gateway: &Running) -> Arc<Self> {
        let path = "/llm/ai/v1/chat/completions";
        Arc::new(Self { address: gateway.address, path, idle: Mutex::default() })
    }

    /// Of a provider itself.
    pub fn without_gateway(provider: &Provider) -> Arc<Self> {
        Arc::new(Self { address: provider.address, path: "/v1/chat/completions", idle: Mutex::default() })
    }

    /// Sends this many requests, so many a second, with the key that the function gives for the number of each.
    pub async fn offer<'a>(
        self: &Arc<Self>,
        per_second: f64,
        count: u32,
        key: impl Fn(u32) -> &'a str,
    ) -> Vec<Answer> {
        let start = Instant::now();
        let mut requests = JoinSet::new();
        for number in 0..count {
            sleep_until(start + Duration::from_secs_f64(f64::from(number) / per_second)).await;
            requests.spawn(Arc::clone(self).ask(key(number).to_owned(), number));
        }
        requests.join_all().await
    }

    /// Sends a chat request that is named by a number, and reads its answer.
    pub async fn ask(self: Arc<Self>, key: String, number: u32) -> Answer {
        let request = Request::post(self.path)
            .header("host", self.address.to_string())
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .header(NAME, number)
            .body(Full::from(BODY))
            .unwrap();
        let answer = timeout(PATIENCE, self.send(request)).await.unwrap();
        answer.unwrap_or(Answer { status: None, retry_after: None })
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> hyper::Result<Answer> {
        let mut sender = self.connection().await?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        body.collect().await?;
        if sender.ready().await.is_ok() {
            self.idle.lock().unwrap().push(sender);
        }
        let retry_after = head.headers.get("retry-after");
        Ok(Answer {
            status: Some(head.status.as_u16()),
            retry_after: retry_after.map(|seconds| seconds.to_str().unwrap().parse().unwrap()),
        })
    }

    async fn connection(&self) -> hyper::Result<SendRequest<Full<Bytes>>> {
        let kept = || self.idle.lock().unwrap().pop();
        while let Some(sender) = kept() {
            if sender.is_ready() {
                return Ok(sender);
            }
        }
        let socket = TcpStream::connect(self.address).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(socket)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

impl Answer {
    pub fn is_success(&self) -> bool {
        self.status == Some(200)
    }
}
