//! The life of one request, whole.

use std::{rc::Rc, sync::Arc};

use http::{HeaderMap, HeaderValue, Method, Request, Response, header, request::Parts, uri::PathAndQuery};
use http_body::Body as _;
use hyper::body::Incoming;
use llm_formats::{Dialect, ErrorKind, endpoint::Call};
use rotator_core::{
    access::Holder,
    model::{ConfigType, Target as ConfigTarget},
    record::RequestId,
    routes::Route,
};

use crate::{
    attempt::{self, Ask},
    body::{BodyLimits, RequestBody, Upload},
    body_key, client_key,
    connection::{Connection, OpenBody},
    entry,
    error::{Asker, Audience, ProxyError},
    exchange::Exchange,
    framing,
    pass::Pass,
    relay, request_id,
    response::{Answering, ResponseBody},
    rewrite::{Outbound, PathVersion},
    target::{Target, check_rest},
    translation::{Formats, is_greeting},
    upgrade::{self, Upgrade},
    worker::Worker,
};

/// Answers a request: the data path for `/proxy` and `/llm`, the control side for everything else.
///
/// What can be done at once is: a connection keeps the room for a future of its requests for good, while it idles and
/// under a stream, and every byte of it is moved.
pub(crate) fn respond(
    worker: &Rc<Worker>,
    connection: &Arc<Connection>,
    request: Request<Incoming>,
) -> Answering {
    let id = worker.request_ids.next();
    let body = (!request.body().is_end_stream()).then(|| connection.begin_body());
    let path = request.uri().path_and_query().cloned();
    let target = path.as_ref().and_then(|path| Target::of(path.path()));
    let asker = Asker { audience: audience(target.as_ref(), request.headers()), id };
    Answering::guarded(asker, || {
        match (framing::check(&request, connection, worker.settings.client.max_uri_bytes), target) {
            (Err(error), _) => Answering::now(error.response(asker)),
            (Ok(()), None) => {
                let control = control(Rc::clone(worker), Arc::clone(connection), request, body, id);
                Answering::later(asker, control)
            }
            (Ok(()), Some(target)) => proxied(worker, connection, request, body, target, asker),
        }
    })
}

async fn control(
    worker: Rc<Worker>,
    connection: Arc<Connection>,
    request: Request<Incoming>,
    body: Option<OpenBody>,
    id: RequestId,
) -> Response<ResponseBody> {
    let active = connection.begin_request();
    let mut response = worker.control.respond(request, &connection, id.as_str()).await;
    body.into_iter().for_each(OpenBody::end);
    request_id::put_on(response.headers_mut(), id);
    response.map(|body| ResponseBody::Control { body, _active: active })
}

fn proxied(
    worker: &Rc<Worker>,
    connection: &Arc<Connection>,
    request: Request<Incoming>,
    body: Option<OpenBody>,
    target: Target<'_>,
    asker: Asker,
) -> Answering {
    let (mut parts, incoming) = request.into_parts();
    let path = parts.uri.path();
    let mut exchange = Exchange::begin(worker, connection, asker, target.config_type, &parts.method, path);
    let known = exchange.remembered_key();
    let shown =
        worker.proxy_keys(|keys| client_key::authenticate(&mut parts, target.config_type, keys, known));
    match shown {
        Err(error) => Answering::now(exchange.refuse(&error)),
        Ok(None) => {
            // The target borrows from what goes into the future.
            let path = parts.uri.path_and_query().cloned();
            Answering::later(asker, proxied_by_body_key(exchange, path, parts, incoming, body))
        }
        Ok(Some(holder)) => {
            match admit(&mut exchange, holder, &target, &mut parts, Upload::Coming(incoming, body)) {
                Ok(Passage::Through(ask, upgrade)) => {
                    Answering::later(asker, forward(exchange, ask, upgrade))
                }
                Ok(Passage::Translated(draft)) => Answering::later(asker, translated(exchange, draft, parts)),
                Ok(Passage::Greeting) => Answering::now(exchange.greet()),
                Err(error) => Answering::now(exchange.refuse(&error)),
            }
        }
    }
}

async fn proxied_by_body_key(
    mut exchange: Box<Exchange>,
    path: Option<PathAndQuery>,
    mut parts: Parts,
    incoming: Incoming,
    body: Option<OpenBody>,
) -> Response<ResponseBody> {
    let Some(target) = path.as_ref().and_then(|path| Target::of(path.path())) else {
        return exchange.refuse(&no_such_service());
    };
    let worker = Rc::clone(&exchange.worker);
    let admitted = match body_key::authenticate(&worker, &target, &mut parts, incoming, body).await {
        Ok((holder, upload)) => admit(&mut exchange, holder, &target, &mut parts, upload),
        Err(error) => Err(error),
    };
    match admitted {
        Ok(Passage::Through(ask, upgrade)) => Box::pin(forward(exchange, ask, upgrade)).await,
        Ok(Passage::Translated(draft)) => Box::pin(translated(exchange, draft, parts)).await,
        Ok(Passage::Greeting) => exchange.greet(),
        Err(error) => exchange.refuse(&error),
    }
}

/// How a request goes on.
enum Passage {
    /// As it is.
    Through(Ask, Option<Upgrade>),
    /// In another format.
    Translated(Draft),
    /// No further: there is a service, and that is all it asks.
    Greeting,
}

/// A request that has to be translated.
struct Draft {
    route: Arc<Route>,
    formats: Formats,
    call: Call,
    body: RequestBody,
    max_bytes: u64,
}

/// Finds the service and checks the request: after its proxy key, so that nobody learns anything without one.
fn admit(
    exchange: &mut Exchange,
    holder: Holder,
    target: &Target<'_>,
    parts: &mut Parts,
    upload: Upload,
) -> Result<Passage, ProxyError> {
    exchange.proxy_key = Some(holder.key);
    let worker = &exchange.worker;
    let route = worker.route(target.config_type, target.slug);
    if let Some(terms) = holder.terms {
        exchange.pass = Some(Pass::of(terms, route.as_deref(), exchange.started_at())?);
    }
    let route = route.ok_or_else(no_such_service)?;
    exchange.config_id = Some(route.config.id);
    let spec = &route.config.spec;
    check_method(&route, &parts.method)?;
    check_rest(target.rest, spec.allow_encoded_slashes)?;
    let upgrade = upgrade::requested(parts)?;
    let formats = Formats::of(&route);
    if formats.is_some() && is_greeting(&parts.method, target.rest) {
        return Ok(Passage::Greeting);
    }
    let call = formats.map_or(Ok(None), |formats| formats.call(parts, target.rest))?;

    let max_bytes = spec.limits.max_body_bytes.unwrap_or(worker.settings.client.max_body_bytes);
    check_length(&upload, max_bytes)?;
    let limits = BodyLimits {
        max_bytes,
        max_replay_bytes: match call {
            None => worker.settings.client.max_replay_bytes,
            // It has to be read whole.
            Some(_) => usize::try_from(max_bytes).unwrap_or(usize::MAX),
        },
        budget: Arc::clone(&worker.budgets.replay),
        names_model: exchange.config_type == ConfigType::Llm,
        frame_timeout: worker.settings.client.body_timeout,
    };
    let body = RequestBody::new(upload, limits, exchange.started());
    exchange.body = Some(body.clone());
    if let (Some(formats), Some(call)) = (formats, call) {
        return Ok(Passage::Translated(Draft { route, formats, call, body, max_bytes }));
    }
    let ask = ask(exchange, route, body, parts, target.rest)?;
    Ok(Passage::Through(ask, upgrade))
}

/// Makes what is sent.
fn ask(
    exchange: &mut Exchange,
    route: Arc<Route>,
    body: RequestBody,
    parts: &mut Parts,
    rest: &str,
) -> Result<Ask, ProxyError> {
    let urls = route.targets.slots().iter().map(|slot| &slot.url);
    let version = match &exchange.translated {
        Some(translated) => translated.version(),
        None => PathVersion::of_clients(exchange.config_type),
    };
    let outbound = Outbound::new(&route.config.spec, urls, &route.credential, parts, rest, version)?;
    Ok(Ask::new(route, outbound, body))
}

async fn translated(mut exchange: Box<Exchange>, draft: Draft, mut parts: Parts) -> Response<ResponseBody> {
    match translate(&mut exchange, draft, &mut parts).await {
        Ok(ask) => Box::pin(forward(exchange, ask, None)).await,
        Err(error) => exchange.refuse(&error),
    }
}

async fn translate(exchange: &mut Exchange, draft: Draft, parts: &mut Parts) -> Result<Ask, ProxyError> {
    let Draft { route, formats, call, body, max_bytes } = draft;
    let body = formats.translate(exchange, &route, call, parts, &body, max_bytes).await?;
    exchange.body = Some(body.clone());
    let rest = parts.uri.path().to_owned();
    ask(exchange, route, body, parts, &rest)
}

#[expect(clippy::manual_async_fn, reason = "an async fn keeps room for every argument twice")]
fn forward(
    mut exchange: Box<Exchange>,
    ask: Ask,
    upgrade: Option<Upgrade>,
) -> impl Future<Output = Response<ResponseBody>> {
    async move {
        let answering = {
            let answer = match entry::enter(&mut exchange, &ask.route).await {
                Ok(()) => attempt::run(&mut exchange, &ask, upgrade).await,
                Err(error) => Err(error),
            };
            exchange.model = ask.model().map(Into::into);
            match answer {
                Ok(answer) => relay::respond(exchange, answer),
                Err(error) => Answering::now(exchange.refuse(&error)),
            }
        };
        let Ok(response) = answering.await;
        response
    }
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
