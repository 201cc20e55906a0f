//! A request body as one attempt sends it.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::Shared;
use crate::response::BoxError;

/// One attempt's view of a request body. Only the latest may be polled to any effect; attempts at the same time need a
/// copy each: [`RequestBody::beside`](super::RequestBody::beside).
pub(crate) struct AttemptBody {
    pub(super) shared: Rc<Shared>,
    pub(super) attempt: u32,
}

impl Body for AttemptBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.shared.attempt.get() != self.attempt {
            return Poll::Ready(Some(Err("another attempt has taken over".into())));
        }
        let shared = &self.shared;
        let kept = shared.source.borrow().kept.get(shared.sent.get()).cloned();
        if let Some(data) = kept {
            shared.sent.set(shared.sent.get() + 1);
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if let Some(frame) = shared.source.borrow_mut().late.take() {
            return Poll::Ready(Some(Ok(frame)));
        }
        let frame = ready!(shared.poll_source(cx));
        // A frame that was kept is behind us as well.
        shared.sent.set(shared.source.borrow().kept.len());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let source = self.shared.source.borrow();
        self.shared.sent.get() >= source.kept.len() && source.late.is_none() && source.has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        let source = self.shared.source.borrow();
        let unsent = source.kept.get(self.shared.sent.get()..).unwrap_or_default();
        let late = source.late.as_ref().and_then(Frame::data_ref).map_or(0, |data| data.len() as u64);
        let unsent = late + unsent.iter().map(|data| data.len() as u64).sum::<u64>();
        let coming = source.incoming.as_ref().map_or(SizeHint::with_exact(0), Incoming::size_hint);
        let mut hint = SizeHint::new();
        if let Some(upper) = coming.upper() {
            hint.set_upper(unsent + upper);
        }
        hint.set_lower(unsent + coming.lower());
        hint
    }
}
