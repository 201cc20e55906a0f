//! An upstream's answer whose beginning may have been looked at already.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::timeout;

/// How much of an answer is looked at.
const PEEK: usize = 8 << 10;
/// How long to wait for it. Errors come in one piece.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What has been looked at, in the order in which it came.
type Seen = VecDeque<Result<Frame<Bytes>, hyper::Error>>;

/// A body that gives what has been looked at first.
pub(crate) struct AnswerBody {
    seen: Option<Box<Seen>>,
    rest: Incoming,
}

impl AnswerBody {
    pub(crate) fn new(rest: Incoming) -> Self {
        Self { seen: None, rest }
    }

    /// Its beginning, up to what has come in time or is enough. Nothing is lost: it comes again.
    pub(crate) async fn peek_until(
        &mut self,
        patience: Duration,
        is_enough: impl Fn(&[u8]) -> bool,
    ) -> Vec<u8> {
        let mut beginning: Vec<u8> =
            self.seen().filter_map(Frame::data_ref).flat_map(|data| data.iter().copied()).collect();
        let mut is_over = self.has_broken_off() || is_enough(&beginning);
        let Self { seen, rest } = self;
        let seen = seen.get_or_insert_default();
        let reading = async {
            while !is_over
                && beginning.len() < PEEK
                && let Some(frame) = poll_fn(|cx| Pin::new(&mut *rest).poll_frame(cx)).await
            {
                let data = frame.as_ref().ok().and_then(Frame::data_ref);
                beginning.extend_from_slice(data.map_or(&[], |data| data));
                is_over = frame.is_err() || is_enough(&beginning);
                seen.push_back(frame);
            }
        };
        // What has not come by then is judged without.
        let _ = timeout(patience, reading).await;
        beginning
    }

    /// Whether all of it has been looked at, as far as its framing tells.
    pub(crate) fn is_whole(&self) -> bool {
        self.rest.is_end_stream()
    }

    /// Whether it ends, as far as it has been looked at, before its end.
    pub(crate) fn has_broken_off(&self) -> bool {
        self.seen.iter().any(|seen| seen.back().is_some_and(Result::is_err))
    }

    fn seen(&self) -> impl Iterator<Item = &Frame<Bytes>> {
        self.seen.iter().flat_map(|seen| seen.iter().flatten())
    }

    /// Nothing has been looked at.
    pub(crate) fn into_incoming(self) -> Incoming {
        self.rest
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.seen.as_mut().and_then(|seen| seen.pop_front()) {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.seen.as_ref().is_none_or(|seen| seen.is_empty()) && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let seen = self.seen().filter_map(Frame::data_ref).map(|data| data.len() as u64);
        let seen: u64 = seen.sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(seen + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(seen + upper);
        }
        hint
    }
}
