//! One test request with a given key: a list of models, or the service's own address.

use std::{rc::Rc, time::Duration};

use http::{Method, Request, StatusCode};
use rotator_core::{
    credential::{Credential, ReadyCredential},
    model::{ApiFormat, ApiKey, ProxyConfig, Target},
    probe::{KeyProbe, ProbeReport},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

use crate::{
    body::RequestBody,
    rewrite::Outbound,
    worker::{Mail, Worker},
};

const TIMEOUT: Duration = Duration::from_secs(15);

/// Sends test requests by way of a worker, over its connections.
#[derive(Clone)]
pub struct Probe(pub(crate) mpsc::UnboundedSender<Mail>);

#[async_trait::async_trait]
impl KeyProbe for Probe {
    async fn probe(&self, config: &ProxyConfig, key: &ApiKey) -> ProbeReport {
        let credential = Credential::of(&config.spec.target);
        let Some(ready) = key.secret.as_ref().and_then(|secret| credential.ready(secret)) else {
            return failed(Duration::ZERO, "the stored key cannot be read; delete it and add it again");
        };
        let (answer, report) = oneshot::channel();
        // A worker that is gone neither takes the mail nor answers.
        let _ = self.0.send(Mail::Probe(Box::new(config.clone()), ready, answer));
        report.await.unwrap_or_else(|_| failed(Duration::ZERO, "the server is stopping"))
    }
}

fn failed(latency: Duration, message: &str) -> ProbeReport {
    ProbeReport { ok: false, status: None, latency, message: message.into() }
}

/// Sends the request and waits for the head of the answer.
pub(crate) async fn probe(worker: &Rc<Worker>, config: &ProxyConfig, key: &ReadyCredential) -> ProbeReport {
    let started = Instant::now();
    let result = timeout(TIMEOUT, status(worker, config, key)).await;
    let latency = started.elapsed();
    match result {
        Ok(Ok(status)) => {
            let (ok, message) = verdict(status);
            ProbeReport { ok, status: Some(status.as_u16()), latency, message: message.into() }
        }
        Ok(Err(message)) => failed(latency, &message),
        Err(_) => failed(latency, "the upstream did not answer in time"),
    }
}

async fn status(
    worker: &Rc<Worker>,
    config: &ProxyConfig,
    key: &ReadyCredential,
) -> Result<StatusCode, String> {
    let spec = &config.spec;
    let (rest, query) = match &spec.target {
        Target::Generic { .. } => ("", None),
        Target::Llm { api_format, .. } => match api_format {
            ApiFormat::OpenAiCompatible => ("/models", None),
            ApiFormat::AnthropicNative => ("/v1/models", Some("limit=1")),
            ApiFormat::GeminiNative => ("/v1beta/models", Some("pageSize=1")),
        },
    };
    let uri = query.map_or_else(|| String::from("/"), |query| format!("/?{query}"));
    let request = Request::builder().method(Method::GET).uri(uri).header("user-agent", "api-key-rotator");
    let (mut parts, ()) = request.body(()).map_err(|e| e.to_string())?.into_parts();
    let (target, credential) = (spec.target.url(), Credential::of(&spec.target));
    let outbound = Outbound::new(spec, std::iter::once(target), &credential, &mut parts, rest)
        .map_err(|e| e.to_string())?;
    let body = RequestBody::empty();
    let request = outbound.request(0, key, body.attempt(), false).map_err(|e| e.to_string())?;
    let origin = worker.upstreams.origin(target, spec.accept_invalid_certs);
    let mut lease = worker.upstreams.lease(&origin, TIMEOUT).await.map_err(|e| e.to_string())?;
    let response = lease
        .send(request, &body, TIMEOUT)
        .await
        .ok_or("the upstream did not answer in time")?
        .map_err(|_| "the upstream closed the connection without an answer")?;
    Ok(response.status())
}

fn verdict(status: StatusCode) -> (bool, &'static str) {
    match status.as_u16() {
        401 | 403 => (false, "the upstream refuses this key"),
        402 => (false, "the upstream says that this key's account has no credit"),
        429 => (false, "the upstream says that this key is over its limit"),
        500.. => (false, "the upstream has a problem of its own"),
        200..=399 => (true, "the upstream takes this key"),
        _ => (
            true,
            "the upstream answers and does not refuse this key, though it does not know the tested address",
        ),
    }
}
