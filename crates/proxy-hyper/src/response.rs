//! The body of an answer, wherever it comes from.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;

use crate::{connection::ActiveRequest, relay::Relay};

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
