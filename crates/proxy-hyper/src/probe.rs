//! One test request with a given key: a list of models, or the service's own address.

use std::{rc::Rc, time::Duration};

use http::{Method, Request, Response};
use llm_formats::StreamStart;
use rotator_core::{
    credential::{Credential, ReadyCredential},
    model::{ApiFormat, ApiKey, ConfigSpec, KeyId, ProxyConfig, Target},
    outcome::{Outcome, RuleSet},
    probe::{KeyProbe, ProbeReport},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

use crate::{
    answer_body::AnswerBody,
    body::RequestBody,
    judge::{Reading, read},
    rewrite::{Outbound, PathVersion},
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
        let _ = self.0.send(Mail::Probe(Box::new(config.clone()), key.id, ready, answer));
        report.await.unwrap_or_else(|_| failed(Duration::ZERO, "the server is stopping"))
    }
}

fn failed(latency: Duration, message: &str) -> ProbeReport {
    ProbeReport { ok: false, status: None, latency, message: message.into() }
}

/// Sends the request, waits for the head of the answer, and lets the pool know what it says of the key.
pub(crate) async fn probe(
    worker: &Rc<Worker>,
    config: &ProxyConfig,
    key: KeyId,
    credential: &ReadyCredential,
) -> ProbeReport {
    let (spec, started) = (&config.spec, Instant::now());
    let route = worker.route(spec.target.config_type(), spec.slug.as_str());
    let route = route.filter(|route| route.config.id == config.id);
    // A test counts as a request, so that testing never spends more than the service may.
    let _permit = match &route {
        Some(route) => match route.entrance.admit(started.into_std()).await {
            Ok(permit) => permit,
            Err(_) => {
                return failed(
                    Duration::ZERO,
                    "not tested: this service has done as many requests as it may",
                );
            }
        },
        None => None,
    };
    let answered = timeout(TIMEOUT, send(worker, spec, credential)).await;
    let latency = started.elapsed();
    let mut response = match answered {
        Ok(Ok(response)) => response,
        Ok(Err(message)) => return failed(latency, &message),
        Err(_) => return failed(latency, "the upstream did not answer in time"),
    };
    let rules = RuleSet::of(&spec.target, &spec.rules);
    let Reading { verdict, status, now, .. } = read(&rules, &mut response, StreamStart::Content).await;
    if let Some(route) = route
        && let Some(slot) = route.pool.slot(key)
    {
        let health = route.pool.health();
        health.note_probe(slot, &verdict.outcome, verdict.rule, started.into_std(), now);
    }
    let (ok, message) = sentence(&verdict.outcome);
    ProbeReport { ok, status: Some(status), latency, message: message.into() }
}

async fn send(
    worker: &Rc<Worker>,
    spec: &ConfigSpec,
    key: &ReadyCredential,
) -> Result<Response<AnswerBody>, String> {
    let (rest, query) = match &spec.target {
        Target::Generic { .. } => ("", None),
        Target::Llm { api_format, .. } => match api_format {
            ApiFormat::OpenAiCompatible | ApiFormat::OpenAiResponses => ("/models", None),
            ApiFormat::AnthropicNative => ("/v1/models", Some("limit=1")),
            ApiFormat::GeminiNative => ("/v1beta/models", Some("pageSize=1")),
        },
    };
    let uri = query.map_or_else(|| String::from("/"), |query| format!("/?{query}"));
    let request = Request::builder().method(Method::GET).uri(uri).header("user-agent", "api-key-rotator");
    let (mut parts, ()) = request.body(()).map_err(|e| e.to_string())?.into_parts();
    let (target, credential) = (spec.target.url(), Credential::of(&spec.target));
    let version = PathVersion::of_clients(spec.target.config_type());
    let outbound = Outbound::new(spec, std::iter::once(target), &credential, &mut parts, rest, version)
        .map_err(|e| e.to_string())?;
    let body = RequestBody::empty();
    let request = outbound.request(0, key, body.attempt(), false).map_err(|e| e.to_string())?;
    let origin = worker.upstreams.origin(target, spec.accept_invalid_certs);
    let mut lease = worker.upstreams.lease(&origin, TIMEOUT).await.map_err(|e| e.to_string())?;
    let answered = lease.send(request, &body, TIMEOUT).await.ok_or("the upstream did not answer in time")?;
    let response = answered.map_err(|_| "the upstream closed the connection without an answer")?;
    Ok(response.map(AnswerBody::new))
}

fn sentence(outcome: &Outcome) -> (bool, &'static str) {
    match outcome {
        Outcome::Success => (true, "the upstream takes this key"),
        Outcome::KeyRejected => (false, "the upstream refuses this key"),
        Outcome::QuotaExhausted(_) => {
            (false, "the upstream says that this key's account has no credit or quota left")
        }
        Outcome::RateLimited(_) => (false, "the upstream says that this key is over its limit"),
        Outcome::UpstreamFailed => (false, "the upstream has a problem of its own"),
        Outcome::RequestFault => (
            true,
            "the upstream answers and does not refuse this key, though it does not know the tested address",
        ),
    }
}
