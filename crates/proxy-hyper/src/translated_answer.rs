//! The answer to a translated request, in the client's format.

use std::{fmt::Write as _, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use llm_formats::{ErrorKind, Format, neutral::Losses};
use rotator_core::record::RequestOutcome;
use tokio::time::timeout;

use crate::{
    answer_body::AnswerBody,
    attempt::Answer,
    content_coding,
    error::ProxyError,
    exchange::Exchange,
    relay::Relay,
    response::{Answering, ResponseBody},
    scrub,
    service::is_event_stream,
    translated_stream::TranslatedStream,
    translation::Translated,
    upstream::Lease,
};

/// The longest answer that is translated whole.
const MAX_ANSWER: usize = 64 << 20;
/// The longest error that is looked at.
const MAX_ERROR: usize = 64 << 10;
const DROPPED: HeaderName = HeaderName::from_static("x-rotator-dropped");
/// Where Anthropic's SDKs look for the request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");

impl Translated {
    /// Turns an upstream's answer into the client's: as it comes where it is a stream, else when it is whole.
    pub(crate) fn respond(self: Box<Self>, exchange: Box<Exchange>, mut answer: Answer) -> Answering {
        if !self.is_streamed(&answer.response) {
            return Answering::later(exchange.asker(), self.whole(exchange, answer));
        }
        // It is told of a cut in its own format.
        answer.dialect = None;
        self.edit(answer.response.headers_mut(), true, &exchange);
        let (parts, mut relay) = Relay::new(exchange, answer);
        relay.begin();
        let stream = TranslatedStream::new(relay, self.translation.stream());
        Answering::now(Response::from_parts(parts, ResponseBody::Translated(Box::new(stream))))
    }

    fn is_streamed(&self, response: &Response<AnswerBody>) -> bool {
        self.translation.is_stream()
            && response.status().is_success()
            && is_event_stream(response.headers())
            && !response.headers().contains_key(header::CONTENT_ENCODING)
    }

    /// Makes a head that of the client's format.
    fn edit(&self, headers: &mut HeaderMap, is_streamed: bool, exchange: &Exchange) {
        for name in [header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
            headers.remove(name);
        }
        let is_events = is_streamed && self.translation.is_event_stream();
        headers.insert(header::CONTENT_TYPE, if is_events { EVENT_STREAM } else { JSON });
        if self.translation.client() == Format::Anthropic
            && let Ok(id) = HeaderValue::from_str(exchange.id.as_str())
        {
            headers.insert(REQUEST_ID, id);
        }
        if let Some(names) = dropped(&self.losses) {
            headers.insert(DROPPED, names);
        }
    }

    /// An answer that comes whole.
    async fn whole(self: Box<Self>, mut exchange: Box<Exchange>, answer: Answer) -> Response<ResponseBody> {
        let Answer { response, picked, lease, idle_timeout, .. } = answer;
        let (mut parts, body) = response.into_parts();
        let secret = &picked.slot().credential.secret;
        let status = parts.status;
        let limit = if status.is_success() { MAX_ANSWER } else { MAX_ERROR };
        let mut answer = Vec::new();
        match collect(body, limit, idle_timeout, &mut answer).await {
            Ok(()) => lease.into_iter().for_each(Lease::finish),
            // Of an error the status says the most, whatever came of its text.
            Err(Incomplete) if !status.is_success() => answer.clear(),
            Err(Incomplete) => {
                let message = "the upstream broke off its answer, or sent more than can be translated";
                return exchange.refuse(&ProxyError::new(ErrorKind::UpstreamFailed, message));
            }
        }
        let coding = parts.headers.get(header::CONTENT_ENCODING).and_then(|coding| coding.to_str().ok());
        let unpacked =
            coding.map(|coding| content_coding::decode(coding, &answer, MAX_ANSWER).unwrap_or_default());
        let text = unpacked.as_deref().unwrap_or(&answer);
        let translated = if status.is_success() {
            let is_stream = self.translation.is_stream();
            self.edit(&mut parts.headers, is_stream, &exchange);
            if is_stream { self.translation.answer_as_stream(text) } else { self.translation.answer(text) }
        } else {
            self.edit(&mut parts.headers, false, &exchange);
            let masked = scrub::mask(text, secret.expose().as_bytes());
            let text = masked.as_deref().unwrap_or(text);
            let (status, text) = self.translation.error(status.as_u16(), text, exchange.id.as_str());
            parts.status = StatusCode::from_u16(status).unwrap_or(parts.status);
            Ok(text)
        };
        let Ok(text) = translated else {
            let message = "the upstream's answer is not in the format that this service is set to";
            return exchange.refuse(&ProxyError::new(ErrorKind::UpstreamFailed, message));
        };
        exchange.note_whole(&answer, text.len());
        exchange.end(parts.status.as_u16(), RequestOutcome::Completed);
        Response::from_parts(parts, ResponseBody::Full(Some(Bytes::from(text))))
    }
}

/// It broke off, came too slowly, or is too long.
struct Incomplete;

async fn collect(
    mut body: AnswerBody,
    limit: usize,
    idle_timeout: Duration,
    text: &mut Vec<u8>,
) -> Result<(), Incomplete> {
    while let Some(frame) = timeout(idle_timeout, body.frame()).await.map_err(|_| Incomplete)? {
        if let Ok(data) = frame.map_err(|_| Incomplete)?.into_data() {
            if text.len() + data.len() > limit {
                return Err(Incomplete);
            }
            text.extend_from_slice(&data);
        }
    }
    Ok(())
}

/// The names of what was lost. They may be anything that a client writes; a header takes only so much.
fn dropped(losses: &Losses) -> Option<HeaderValue> {
    let mut names = String::new();
    for name in losses.names() {
        let clean = name.chars().map(|c| if c.is_ascii_graphic() && c != ',' { c } else { '?' });
        let _ = write!(names, "{}{}", if names.is_empty() { "" } else { ", " }, clean.collect::<String>());
    }
    HeaderValue::from_str(&names).ok().filter(|names| !names.is_empty())
}
