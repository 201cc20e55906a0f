//! The life of one request, whole.

use std::{future::Future, rc::Rc, sync::Arc};

use http::{HeaderMap, HeaderValue, Method, Request, Response, header, request::Parts};
use http_body::Body as _;
use hyper::body::Incoming;
use llm_formats::{Dialect, ErrorKind};
use rotator_core::{
    model::{ConfigType, Target as ConfigTarget},
    record::RequestOutcome,
    routes::Route,
};

use crate::{
    attempt::{self, Answer},
    body::{BodyLimits, RequestBody, Upload},
    body_key, client_key,
    connection::{Connection, OpenBody},
    error::{Audience, ProxyError},
    exchange::Exchange,
    framing,
    relay::{self, Relayed},
    request_id::{RequestId, X_REQUEST_ID},
    response::ResponseBody,
    rewrite::Outbound,
    target::{Target, check_rest},
    upgrade,
    worker::Worker,
};

/// Answers a request: the data path for `/proxy` and `/llm`, the control side for everything else.
pub(crate) async fn respond(
    worker: Rc<Worker>,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let id = worker.request_ids.next();
    let id_header = id.to_header();
    let body = (!request.body().is_end_stream()).then(|| connection.begin_body());
    let path = request.uri().path_and_query().cloned();
    let target = path.as_ref().and_then(|path| Target::of(path.path()));
    // In boxes, because a connection keeps the room for this future for good: while it idles, and under a stream.
    let mut response =
        match (framing::check(&request, &connection, worker.settings.client.max_uri_bytes), target) {
            (Err(error), target) => error.response(audience(target.as_ref(), request.headers()), id.as_str()),
            (Ok(()), None) => Box::pin(control(&worker, &connection, request, body, &id)).await,
            (Ok(()), Some(target)) => {
                let (parts, incoming) = request.into_parts();
                Box::pin(proxied(&worker, &connection, parts, incoming, body, target, id)).await
            }
        };
    if let Some(id) = id_header {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

async fn control(
    worker: &Rc<Worker>,
    connection: &Arc<Connection>,
    request: Request<Incoming>,
    body: Option<OpenBody>,
    id: &RequestId,
) -> Response<ResponseBody> {
    let active = connection.begin_request();
    let response = worker.control.respond(request, connection, id.as_str()).await;
    body.into_iter().for_each(OpenBody::end);
    response.map(|body| ResponseBody::Control { body, _active: active })
}

/// What can be done at once is: a future keeps room for whatever is still in hand.
fn proxied<'a>(
    worker: &Rc<Worker>,
    connection: &Arc<Connection>,
    mut parts: Parts,
    incoming: Incoming,
    body: Option<OpenBody>,
    target: Target<'a>,
    id: RequestId,
) -> impl Future<Output = Response<ResponseBody>> + use<'a> {
    let audience = audience(Some(&target), &parts.headers);
    let path = parts.uri.path();
    let mut exchange = Exchange::begin(worker, connection, id, target.config_type, &parts.method, path);
    async move {
        match forward(&mut exchange, target, &mut parts, incoming, body).await {
            Ok(answer) => match relay::respond(exchange, answer) {
                Relayed::Now(response) => response,
                Relayed::Later(response) => response.await,
            },
            Err(error) => {
                let outcome = match error.kind {
                    ErrorKind::UpstreamFailed | ErrorKind::Timeout => RequestOutcome::UpstreamFailed,
                    _ => RequestOutcome::Refused,
                };
                exchange.end(error.kind.status(), outcome);
                error.response(audience, exchange.id.as_str())
            }
        }
    }
}

/// Authenticate, find the service, check, forward: in this order, so that nobody learns anything without a proxy key.
async fn forward(
    exchange: &mut Exchange,
    target: Target<'_>,
    parts: &mut Parts,
    incoming: Incoming,
    open_body: Option<OpenBody>,
) -> Result<Answer, ProxyError> {
    let worker = Rc::clone(&exchange.worker);
    let shown =
        client_key::authenticate(parts, target.config_type, &worker.proxy_keys, exchange.remembered_key())?;
    let (key, upload) = match shown {
        Some(key) => (key, Upload::Coming(incoming, open_body)),
        None => Box::pin(body_key::authenticate(&worker, &target, parts, incoming, open_body)).await?,
    };
    exchange.proxy_key = Some(key);
    let route = worker.route(target.config_type, target.slug).ok_or_else(no_such_service)?;
    exchange.config_id = Some(route.config.id);
    let spec = &route.config.spec;
    check_method(&route, &parts.method)?;
    check_format(&route)?;
    check_rest(target.rest, spec.allow_encoded_slashes)?;
    let upgrade = upgrade::requested(parts)?;

    let max_bytes = spec.limits.max_body_bytes.unwrap_or(worker.settings.client.max_body_bytes);
    check_length(&upload, max_bytes)?;
    let limits = BodyLimits {
        max_bytes,
        max_replay_bytes: worker.settings.client.max_replay_bytes,
        budget: Arc::clone(&worker.replay_budget),
        frame_timeout: worker.settings.client.body_timeout,
    };
    let body = RequestBody::new(upload, limits);
    exchange.body = Some(body.clone());
    let outbound = Outbound::new(spec, &route.credential, parts, target.rest)?;
    attempt::run(exchange, &route, &outbound, &body, upgrade).await
}

fn no_such_service() -> ProxyError {
    ProxyError::new(ErrorKind::NotFound, "there is no active service of this name")
}

fn check_method(route: &Route, method: &Method) -> Result<(), ProxyError> {
    match &route.config.spec.target {
        ConfigTarget::Generic { methods, .. } if !methods.allows(method) => {
            let message = format!("this service takes {} requests only", methods.as_str());
            let allow = HeaderValue::from_str(methods.as_str()).ok();
            Err(ProxyError { allow, ..ProxyError::new(ErrorKind::MethodNotAllowed, message) })
        }
        _ => Ok(()),
    }
}

fn check_format(route: &Route) -> Result<(), ProxyError> {
    match &route.config.spec.target {
        ConfigTarget::Llm { api_format, output_format, .. }
            if !output_format.is_pass_through(*api_format) =>
        {
            let (from, to) = (output_format.as_str(), api_format.as_str());
            let message =
                format!("translating {from} to {to} is not supported yet; set output_format to none");
            Err(ProxyError::new(ErrorKind::NotImplemented, message))
        }
        _ => Ok(()),
    }
}

fn check_length(upload: &Upload, max_bytes: u64) -> Result<(), ProxyError> {
    if upload.least_bytes() > max_bytes {
        return Err(body_too_large(max_bytes));
    }
    Ok(())
}

/// The answer to a body above the limit.
pub(crate) fn body_too_large(max_bytes: u64) -> ProxyError {
    ProxyError::new(ErrorKind::TooLarge, format!("the request body is larger than {max_bytes} bytes"))
        .closing()
}

fn audience(target: Option<&Target<'_>>, headers: &HeaderMap) -> Audience {
    match target {
        Some(target) if target.config_type == ConfigType::Llm => {
            Audience::Llm(Dialect::of_request(target.rest, |name| headers.contains_key(name)))
        }
        _ => Audience::Rest,
    }
}

/// The media type of a stream of server-sent events.
pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        value.as_bytes().get(..17).is_some_and(|v| v.eq_ignore_ascii_case(b"text/event-stream"))
    })
}
