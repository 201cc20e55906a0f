//! The body of an answer, wherever it comes from.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use llm_formats::ErrorKind;
use tracing::error;

use crate::{
    connection::ActiveRequest,
    error::{Asker, ProxyError},
    relay::Relay,
    translated_stream::TranslatedStream,
};

/// An answer, or what will make it.
///
/// A panic on the way to an answer becomes a 500: it stays that request's, whoever else is on its connection.
pub(crate) enum Answering {
    /// It is there.
    Now(Ready<Response<ResponseBody>>),
    /// In a box, so that a connection has no room to keep for it.
    Later(Asker, Pin<Box<dyn Future<Output = Response<ResponseBody>>>>),
}

impl Answering {
    pub(crate) fn now(response: Response<ResponseBody>) -> Self {
        Self::Now(ready(response))
    }

    pub(crate) fn later(
        asker: Asker,
        response: impl Future<Output = Response<ResponseBody>> + 'static,
    ) -> Self {
        Self::Later(asker, Box::pin(response))
    }

    /// What this makes.
    pub(crate) fn guarded(asker: Asker, make: impl FnOnce() -> Self) -> Self {
        catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|_| Self::now(after_panic(asker)))
    }
}

impl Future for Answering {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Now(response) => Pin::new(response).poll(cx),
            Self::Later(asker, response) => catch_unwind(AssertUnwindSafe(|| response.as_mut().poll(cx)))
                .unwrap_or_else(|_| Poll::Ready(after_panic(*asker))),
        }
        .map(Ok)
    }
}

/// The panic itself has been reported by the panic hook.
fn after_panic(asker: Asker) -> Response<ResponseBody> {
    error!(request_id = asker.id.as_str(), "a request ended in a panic");
    ProxyError::new(ErrorKind::Internal, "this server failed to handle the request").closing().response(asker)
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
    /// An upstream's, piece by piece, in another format.
    Translated(Box<TranslatedStream>),
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
            Self::Translated(stream) => stream.poll_frame(cx),
            Self::Control { body, .. } => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_none(),
            Self::Relay(relay) => relay.is_end_stream(),
            Self::Translated(stream) => stream.is_end_stream(),
            Self::Control { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Relay(relay) => relay.size_hint(),
            Self::Translated(_) => SizeHint::default(),
            Self::Control { body, .. } => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http_body_util::BodyExt as _;
    use llm_formats::Dialect;

    use super::*;
    use crate::{error::Audience, request_id::RequestIds};

    async fn fails() -> Response<ResponseBody> {
        tokio::task::yield_now().await;
        panic!("a bug")
    }

    #[tokio::test]
    async fn a_panic_is_a_500_in_the_language_of_its_client() {
        for (audience, member) in [
            (Audience::Rest, "/detail"),
            (Audience::Llm(Dialect::OpenAi), "/error/message"),
            (Audience::Llm(Dialect::Anthropic), "/error/message"),
        ] {
            let asker = Asker { audience, id: RequestIds::new().next() };
            let at_once = Answering::guarded(asker, || panic!("a bug"));
            for answering in [at_once, Answering::later(asker, fails())] {
                let Ok(answer) = answering.await;

                assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
                assert_eq!(answer.headers()["x-request-id"], asker.id.as_str());
                let body = answer.into_body().collect().await.unwrap().to_bytes();
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(body.pointer(member).unwrap(), "this server failed to handle the request");
            }
        }
    }
}
