//! One letter to a webhook of an admin: by the connections, forward proxies and checks of addresses that upstreams have.

use std::{rc::Rc, time::Duration};

use http::{HeaderValue, Method, Request, Response, Uri, header};
use hyper::body::Incoming;
use rotator_core::notifications::{Courier, Letter, Receipt};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

use crate::{
    answer_body::{AnswerBody, PATIENCE},
    body::{BodyLimits, RequestBody, Upload},
    upstream::Lease,
    worker::{Mail, Worker},
};

/// For all of it, until an answer begins.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is told, in characters.
const TOLD: usize = 300;

/// Sends letters by way of a worker.
#[derive(Clone)]
pub struct Messenger(pub(crate) mpsc::UnboundedSender<Mail>);

#[async_trait::async_trait]
impl Courier for Messenger {
    async fn deliver(&self, letter: Letter) -> Receipt {
        let (answer, receipt) = oneshot::channel();
        // A worker that is gone neither takes the mail nor answers.
        let _ = self.0.send(Mail::Letter(Box::new(letter), answer));
        receipt.await.unwrap_or_else(|_| undelivered(Duration::ZERO, "the server is stopping".into()))
    }
}

fn undelivered(latency: Duration, message: String) -> Receipt {
    Receipt { status: None, latency, message }
}

/// Sends the letter, and waits for the answer. No redirect is followed.
pub(crate) async fn deliver(worker: &Rc<Worker>, letter: &Letter) -> Receipt {
    let started = Instant::now();
    let sent = timeout(TIMEOUT, send(worker, letter)).await;
    let latency = started.elapsed();
    match sent {
        Ok(Ok((_lease, response))) => {
            // It has the letter, whatever becomes of its answer's body.
            let status = Some(response.status().as_u16());
            let mut body = AnswerBody::new(response.into_body());
            let beginning = body.peek_until(PATIENCE, |seen| seen.len() > TOLD).await;
            let message = String::from_utf8_lossy(&beginning).trim().chars().take(TOLD).collect();
            Receipt { status, latency, message }
        }
        Ok(Err(message)) => undelivered(latency, message),
        Err(_) => undelivered(latency, "it did not answer in time".into()),
    }
}

/// What is answered, on the connection that it has to be read from.
async fn send(worker: &Rc<Worker>, letter: &Letter) -> Result<(Lease, Response<Incoming>), String> {
    let origin = worker.upstreams.origin(letter.to.origin(), false);
    let mut lease = worker.upstreams.lease_alone(&origin, TIMEOUT).await.map_err(|e| e.to_string())?;
    let body = RequestBody::new(Upload::Whole(letter.body.clone()), BodyLimits::none(), Instant::now());
    let request = request(letter).map_err(|e| e.to_string())?.map(|()| body.attempt());
    let answered = lease.send(request, &body, TIMEOUT).await.ok_or("it did not answer in time")?;
    let response = answered.map_err(|_| "it closed the connection without an answer")?;
    Ok((lease, response))
}

fn request(letter: &Letter) -> Result<Request<()>, http::Error> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(Uri::from(letter.to.path().clone()))
        .header(header::USER_AGENT, "api-key-rotator")
        .header(header::CONTENT_TYPE, "application/json")
        .header("webhook-id", &letter.id)
        .header("webhook-timestamp", letter.timestamp);
    if let Some(signature) = &letter.signature {
        let mut value = HeaderValue::from_str(signature)?;
        value.set_sensitive(true);
        request = request.header("webhook-signature", value);
    }
    request.body(())
}
