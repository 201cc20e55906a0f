//! The upstream's answer on its way to the client: head, then body, frame by frame.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header, response::Parts};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use llm_formats::{Dialect, ErrorKind, stream_error_event};
use rotator_core::{pool::Picked, record::RequestOutcome};
use tokio::time::Instant;

use crate::{
    answer_body::AnswerBody,
    attempt::Answer,
    body::RequestBody,
    content_coding,
    drain::Stage,
    error::mark_given_up,
    exchange::{Exchange, micros},
    headers,
    lazy_timer::LazyTimer,
    request_id,
    response::{Answering, BoxError, ResponseBody},
    scrub::{self, Scrubber},
    service::is_event_stream,
    upgrade,
    upstream::Lease,
};

/// The longest compressed error answer that is looked into, and the longest text in it.
const MAX_COMPRESSED: usize = 64 << 10;
const MAX_UNPACKED: usize = 1 << 20;
const X_KEY_ID: HeaderName = HeaderName::from_static("x-rotator-key-id");
const X_ATTEMPTS: HeaderName = HeaderName::from_static("x-rotator-attempts");
const X_OVERHEAD: HeaderName = HeaderName::from_static("x-rotator-overhead-us");

/// An answer's body on its way.
pub(crate) struct Relay {
    upstream: AnswerBody,
    exchange: Box<Exchange>,
    status: StatusCode,
    /// The key stays in flight until the answer has ended.
    picked: Picked,
    lease: Option<Lease>,
    idle_timeout: Duration,
    waiting_since: Option<Instant>,
    timer: LazyTimer,
    on_cut: OnCut,
    /// What it comes to when all of it has been passed on.
    when_whole: RequestOutcome,
    /// For errors: they may show the key.
    scrubber: Option<Box<Scrubber>>,
    ended: bool,
}

/// How a client is told that the upstream broke off: never by a clean end alone.
#[derive(Debug, Clone, Copy)]
enum OnCut {
    /// By an error event of its dialect: SDKs take a stream without an end for a whole one.
    Event(Dialect),
    /// By a body that is visibly incomplete.
    Abort,
}

/// Turns an upstream's answer into the client's.
pub(crate) fn respond(mut exchange: Box<Exchange>, mut answer: Answer) -> Answering {
    if let Some(upgrade) = answer.upgrade.take()
        && upgrade::is_switched(&answer.response)
    {
        let upstream = answer.response.map(AnswerBody::into_incoming);
        return Answering::now(upgrade::tunnel(exchange, upgrade, upstream, answer.picked));
    }
    edit_head(&exchange, &mut answer);
    exchange.meter = answer.meter.take();
    match exchange.translated.take() {
        None => pass_on(exchange, answer),
        Some(translated) => translated.respond(exchange, answer),
    }
}

fn edit_head(exchange: &Exchange, answer: &mut Answer) {
    let is_success = answer.response.status().is_success();
    let headers = answer.response.headers_mut();
    headers::strip_hop_by_hop(headers);
    request_id::put_on(headers, exchange.id);
    if !is_success {
        headers::scrub(headers, answer.picked.slot().credential.secret.expose());
    }
    if answer.gave_up {
        mark_given_up(headers);
    }
    if exchange.worker.settings.debug_headers {
        put_debug_headers(exchange, headers);
    }
}

/// As it is.
fn pass_on(mut exchange: Box<Exchange>, answer: Answer) -> Answering {
    if answer.response.body().is_end_stream() {
        answer.lease.into_iter().for_each(Lease::finish);
        exchange.end(answer.response.status().as_u16(), RequestOutcome::Completed);
        return Answering::now(answer.response.map(|_| ResponseBody::Full(None)));
    }
    let (parts, mut relay) = Relay::new(exchange, answer);
    if relay.scrubber.is_some() && parts.headers.contains_key(header::CONTENT_ENCODING) {
        return Answering::later(relay.exchange.asker(), relay.unpacked(parts));
    }
    relay.begin();
    Answering::now(Response::from_parts(parts, ResponseBody::Relay(relay)))
}

/// Whether a body may end anywhere, so that an event can be added to it.
fn is_open_ended(headers: &http::HeaderMap) -> bool {
    !headers.contains_key(header::CONTENT_LENGTH) && !headers.contains_key(header::CONTENT_ENCODING)
}

fn put_debug_headers(exchange: &Exchange, headers: &mut http::HeaderMap) {
    if let Some(key) = exchange.key_id {
        headers.insert(X_KEY_ID, HeaderValue::from(key.0));
    }
    headers.insert(X_ATTEMPTS, HeaderValue::from(u16::from(exchange.attempts)));
    headers.insert(X_OVERHEAD, HeaderValue::from(micros(exchange.sent_at - exchange.started())));
}

impl Relay {
    /// An answer's body, and its head.
    pub(crate) fn new(exchange: Box<Exchange>, answer: Answer) -> (Parts, Box<Self>) {
        let Answer { response, picked, lease, idle_timeout, dialect, failed_stream, .. } = answer;
        let (parts, upstream) = response.into_parts();
        let on_cut = match dialect {
            Some(dialect) if is_event_stream(&parts.headers) && is_open_ended(&parts.headers) => {
                OnCut::Event(dialect)
            }
            _ => OnCut::Abort,
        };
        let is_error = failed_stream || parts.status.as_u16() >= 400;
        let secret = &picked.slot().credential.secret;
        let scrubber = is_error.then(|| Box::new(Scrubber::new(secret.clone())));
        let relay = Box::new(Self {
            upstream,
            exchange,
            status: parts.status,
            picked,
            lease,
            idle_timeout,
            waiting_since: None,
            timer: LazyTimer::default(),
            on_cut,
            when_whole: if failed_stream {
                RequestOutcome::UpstreamFailed
            } else {
                RequestOutcome::Completed
            },
            scrubber,
            ended: false,
        });
        (parts, relay)
    }

    /// The head goes to the client: there will be no other attempt.
    pub(crate) fn begin(&mut self) {
        self.exchange.answered = self.status.as_u16();
        self.exchange.body.iter().for_each(RequestBody::commit);
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.ended
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.upstream.size_hint()
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.exchange.worker.drain.stage() == Stage::Cutting {
            return self.cut("this server is stopping");
        }
        match Pin::new(&mut self.upstream).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.waiting_since = None;
                let is_last = self.upstream.is_end_stream();
                self.exchange.note_frame(frame.data_ref(), is_last);
                if is_last {
                    self.complete();
                }
                Poll::Ready(Some(Ok(self.scrubbed(frame, is_last))))
            }
            Poll::Ready(Some(Err(_))) => self.cut("the upstream broke off its answer"),
            Poll::Ready(None) => {
                self.complete();
                let rest = self.scrubber.as_mut().map(|scrubber| scrubber.finish());
                Poll::Ready(rest.filter(|rest| !rest.is_empty()).map(|rest| Ok(Frame::data(rest))))
            }
            Poll::Pending => {
                ready!(self.poll_idle(cx));
                self.cut("the upstream stopped in the middle of its answer")
            }
        }
    }

    /// What the client got is not the upstream's bytes: it is so many bytes, and whole or not.
    pub(crate) fn note_translated(&mut self, bytes: u64, is_whole: bool) {
        self.exchange.bytes_out = bytes;
        if !is_whole {
            self.exchange.end(self.status.as_u16(), RequestOutcome::UpstreamCut);
        }
    }

    /// Ready when the upstream has been silent for too long.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        self.timer.poll_until(cx, since + self.idle_timeout)
    }

    /// The answer is whole: the connection may serve again.
    fn complete(&mut self) {
        self.ended = true;
        self.lease.take().into_iter().for_each(Lease::finish);
        self.exchange.end(self.status.as_u16(), self.when_whole);
    }

    fn cut(&mut self, message: &str) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.ended = true;
        self.lease = None;
        self.exchange.end(self.status.as_u16(), RequestOutcome::UpstreamCut);
        Poll::Ready(Some(match self.on_cut {
            OnCut::Event(dialect) => {
                let event = stream_error_event(
                    dialect,
                    ErrorKind::UpstreamFailed,
                    message,
                    self.exchange.id.as_str(),
                );
                Ok(Frame::data(Bytes::from(event)))
            }
            OnCut::Abort => Err(message.into()),
        }))
    }

    /// A frame without the key it may show.
    fn scrubbed(&mut self, frame: Frame<Bytes>, is_last: bool) -> Frame<Bytes> {
        let Some(scrubber) = &mut self.scrubber else { return frame };
        match frame.into_data() {
            Ok(data) => {
                let clean = scrubber.push(data);
                if !is_last {
                    return Frame::data(clean);
                }
                let rest = scrubber.finish();
                Frame::data(if rest.is_empty() { clean } else { [clean, rest].concat().into() })
            }
            Err(trailers) => match scrubber.finish() {
                rest if rest.is_empty() => trailers,
                // The body matters more than what comes after it.
                rest => Frame::data(rest),
            },
        }
    }

    /// A compressed error answer: as it came if the key is not in it, else unpacked and masked.
    async fn unpacked(mut self: Box<Self>, mut parts: Parts) -> Response<ResponseBody> {
        let secret = self.picked.slot().credential.secret.clone();
        let whole = Limited::new(&mut self.upstream, MAX_COMPRESSED).collect();
        let packed = match tokio::time::timeout(self.idle_timeout, whole).await {
            Ok(Ok(collected)) => collected.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return self.withheld(
                    parts,
                    "the upstream's error answer is compressed and too long to be looked into",
                );
            }
            _ => return self.withheld(parts, "the upstream broke off its error answer"),
        };
        let coding = parts.headers.get(header::CONTENT_ENCODING).and_then(|coding| coding.to_str().ok());
        let Ok(text) = content_coding::decode(coding.unwrap_or_default(), &packed, MAX_UNPACKED) else {
            return self
                .withheld(parts, "the upstream's error answer is compressed in a way that cannot be read");
        };
        let body = match scrub::mask(&text, secret.expose().as_bytes()) {
            None => packed,
            Some(masked) => {
                parts.headers.remove(header::CONTENT_ENCODING);
                masked.into()
            }
        };
        parts.headers.remove(header::CONTENT_LENGTH);
        self.exchange.bytes_out = body.len() as u64;
        self.complete();
        Response::from_parts(parts, ResponseBody::Full(Some(body)))
    }

    /// An error answer without its body, which may show the key.
    fn withheld(mut self: Box<Self>, mut parts: Parts, why: &'static str) -> Response<ResponseBody> {
        self.lease = None;
        self.ended = true;
        self.exchange.end(self.status.as_u16(), RequestOutcome::UpstreamCut);
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::CONTENT_ENCODING);
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        Response::from_parts(parts, ResponseBody::Full(Some(Bytes::from_static(why.as_bytes()))))
    }
}
