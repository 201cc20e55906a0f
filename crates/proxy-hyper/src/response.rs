//! The body of an answer, wherever it comes from.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;

use crate::{connection::ActiveRequest, relay::Relay};

/// An answer, or what will make it.
pub(crate) enum Answering {
    /// It is there.
    Now(Ready<Response<ResponseBody>>),
    /// In a box, so that a connection has no room to keep for it.
    Later(Pin<Box<dyn Future<Output = Response<ResponseBody>>>>),
}

impl Answering {
    pub(crate) fn now(response: Response<ResponseBody>) -> Self {
        Self::Now(ready(response))
    }

    pub(crate) fn later(response: impl Future<Output = Response<ResponseBody>> + 'static) -> Self {
        Self::Later(Box::pin(response))
    }
}

impl Future for Answering {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Now(response) => Pin::new(response).poll(cx),
            Self::Later(response) => response.as_mut().poll(cx),
        }
        .map(Ok)
    }
}

/// An error of a body; it ends the connection, nobody reads it.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer that the control side made.
pub type ControlBody = UnsyncBoxBody<Bytes, BoxError>;

/// The body of an answer.
pub(crate) enum ResponseBody {
    /// Ours, whole.
    Full(Option<Bytes>),
    /// An upstream's, piece by piece.
    Relay(Box<Relay>),
    /// The control side's; its request goes on until it ends.
    Control { body: ControlBody, _active: ActiveRequest },
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Relay(relay) => relay.poll_frame(cx),
            Self::Control { body, .. } => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_none(),
            Self::Relay(relay) => relay.is_end_stream(),
            Self::Control { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Relay(relay) => relay.size_hint(),
            Self::Control { body, .. } => body.size_hint(),
        }
    }
}
