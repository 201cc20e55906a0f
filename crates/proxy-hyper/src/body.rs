//! A request body that can be sent again.
//!
//! Frames go to the upstream as they come; a copy (a reference count, not bytes) is kept up to a limit per request and
//! one for all requests, so that another key can be tried. A body above the limits is sent once.

mod attempt_body;
mod source;

use std::{
    cell::{Cell, RefCell},
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::{connection::OpenBody, response::BoxError};

pub(crate) use attempt_body::AttemptBody;
pub(crate) use source::{BodyLimits, Upload};

use source::Source;

/// A request body, from which an attempt takes a copy to send.
#[derive(Clone)]
pub(crate) struct RequestBody {
    shared: Rc<Shared>,
}

struct Shared {
    source: RefCell<Source>,
    attempt: Cell<u32>,
    /// How many of the kept frames the latest attempt has sent.
    sent: Cell<usize>,
    failure: Cell<Option<BodyFailure>>,
    bytes: Cell<u64>,
    /// When the request went out, or the last frame came since.
    last_progress: Cell<Instant>,
    /// Somebody wants a frame that has not come.
    awaits_client: Cell<bool>,
}

/// Why a body could not be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFailure {
    /// It is longer than allowed.
    TooLarge,
    /// Its framing is wrong.
    Malformed,
    /// The client left, or sent nothing in time.
    Incomplete,
}

impl BodyFailure {
    /// Why hyper stopped reading a body.
    fn of(error: &hyper::Error) -> Self {
        let cause = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
        match cause.map(io::Error::kind) {
            Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => Self::Malformed,
            _ => Self::Incomplete,
        }
    }
}

impl RequestBody {
    /// A client's body, whose head came at `now`.
    pub(crate) fn new(upload: Upload, limits: BodyLimits, now: Instant) -> Self {
        match upload {
            Upload::Coming(incoming, open) => Self::of(Some(incoming), open, limits, now),
            Upload::Whole(bytes) => {
                let body = Self::of(None, None, limits, now);
                body.shared.bytes.set(bytes.len() as u64);
                body.shared.source.borrow_mut().kept.push(bytes);
                body
            }
        }
    }

    /// The same request with another body, within the same limits. `None` when there is no room for it.
    pub(crate) fn replaced_by(&self, bytes: Vec<u8>) -> Option<Self> {
        let limits = self.shared.source.borrow().limits.clone();
        if !limits.budget.take(bytes.len()) {
            return None;
        }
        let body = Self::of(None, None, limits, Instant::now());
        body.shared.bytes.set(self.bytes());
        let mut source = body.shared.source.borrow_mut();
        source.kept_bytes = bytes.len();
        source.kept.push(bytes.into());
        drop(source);
        Some(body)
    }

    /// No body.
    pub(crate) fn empty() -> Self {
        Self::of(None, None, BodyLimits::none(), Instant::now())
    }

    fn of(incoming: Option<Incoming>, open: Option<OpenBody>, limits: BodyLimits, now: Instant) -> Self {
        let source = Source::new(incoming, open, limits);
        let shared = Shared {
            source: RefCell::new(source),
            attempt: Cell::new(0),
            sent: Cell::new(0),
            failure: Cell::new(None),
            bytes: Cell::new(0),
            last_progress: Cell::new(now),
            awaits_client: Cell::new(false),
        };
        Self { shared: Rc::new(shared) }
    }

    /// A body for one more attempt; what earlier attempts still hold of it goes silent.
    pub(crate) fn attempt(&self) -> AttemptBody {
        let attempt = self.shared.attempt.get() + 1;
        self.shared.attempt.set(attempt);
        self.shared.sent.set(0);
        self.shared.awaits_client.set(false);
        AttemptBody { shared: Rc::clone(&self.shared), attempt }
    }

    /// There will be no other attempt: nothing more is kept, and what was kept is let go.
    pub(crate) fn commit(&self) {
        let mut source = self.shared.source.borrow_mut();
        source.is_whole = false;
        if self.shared.sent.get() >= source.kept.len() {
            source.kept.clear();
            let bytes = std::mem::take(&mut source.kept_bytes);
            source.limits.budget.give_back(bytes);
        }
    }

    /// Whether one more attempt would send the same bytes.
    pub(crate) fn is_replayable(&self) -> bool {
        self.shared.failure.get().is_none() && self.shared.source.borrow().is_whole
    }

    /// Whether another attempt could send it again, as far as its announced length tells.
    pub(crate) fn may_repeat(&self) -> bool {
        let source = self.shared.source.borrow();
        let coming = source.incoming.as_ref().map_or(0, |incoming| incoming.size_hint().lower());
        let fits = coming <= (source.limits.max_replay_bytes.saturating_sub(source.kept_bytes)) as u64;
        source.is_whole && fits && self.shared.failure.get().is_none()
    }

    /// The model that it names, as far as it has come.
    pub(crate) fn model(&self) -> Option<String> {
        self.shared.source.borrow().model()
    }

    /// Whether all of it has come.
    pub(crate) fn has_come(&self) -> bool {
        self.shared.source.borrow().has_ended()
    }

    /// Whether the first attempt has not taken it to its end, so that there may be no other beside it yet.
    pub(crate) fn is_still_to_go_out(&self) -> bool {
        self.is_replayable() && self.shared.source.borrow().open.is_some()
    }

    /// The same body for an attempt beside another one, if it has come to its end and was kept.
    pub(crate) fn beside(&self) -> Option<Self> {
        let source = self.shared.source.borrow();
        if source.open.is_some() || !self.is_replayable() {
            return None;
        }
        let copy = Self::of(None, None, source.limits.clone(), Instant::now());
        copy.shared.source.borrow_mut().kept.clone_from(&source.kept);
        Some(copy)
    }

    /// A copy of its first bytes, at most so many, as far as they were kept.
    pub(crate) fn beginning(&self, most: usize) -> Vec<u8> {
        let source = self.shared.source.borrow();
        let kept: usize = source.kept.iter().map(Bytes::len).sum();
        let mut beginning = Vec::with_capacity(kept.min(most));
        for frame in &source.kept {
            beginning.extend_from_slice(&frame[..frame.len().min(most - beginning.len())]);
        }
        beginning
    }

    pub(crate) fn failure(&self) -> Option<BodyFailure> {
        self.shared.failure.get()
    }

    /// Nothing has taken time yet.
    pub(crate) fn is_first_attempt(&self) -> bool {
        self.shared.attempt.get() <= 1
    }

    /// An attempt goes out: it has its own time for an answer, whatever came before it.
    pub(crate) fn note_sending(&self) {
        self.shared.last_progress.set(Instant::now());
    }

    /// How long ago the request went out, or the client's last part of it came.
    pub(crate) fn since_sent(&self) -> Duration {
        self.shared.last_progress.get().elapsed()
    }

    /// When an answer is due that may take this long after the request went out and the client's last part of it came.
    /// While the client owes a part, it has its own time for that; ask again after `limit`, in case the part has come.
    pub(crate) fn answer_due(&self, limit: Duration) -> Instant {
        let last = self.shared.last_progress.get();
        if !self.shared.awaits_client.get() {
            return last + limit;
        }
        let client_limit = self.shared.source.borrow().limits.frame_timeout;
        (Instant::now() + limit).min(last + limit.max(client_limit))
    }

    /// Time is up: if the client still owes a part, the fault is the client's.
    pub(crate) fn blame_if_awaited(&self) {
        if self.shared.awaits_client.get() {
            self.shared.failure.set(Some(BodyFailure::Incomplete));
        }
    }

    /// Bytes that came so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.bytes.get()
    }

    /// Reads the body to its end if it stays within the replay limits, and gives a copy; the attempts send it all the
    /// same. `None` when it is too long to be kept, or broke off.
    pub(crate) async fn read_ahead(&self) -> Option<Vec<u8>> {
        while self.is_replayable() {
            match std::future::poll_fn(|cx| self.shared.poll_source(cx)).await {
                Some(Ok(_)) if self.is_replayable() => {}
                Some(Ok(frame)) => self.shared.source.borrow_mut().late = Some(frame),
                Some(Err(_)) => return None,
                None => return Some(self.shared.source.borrow().kept.concat()),
            }
        }
        None
    }

    /// Reads the body to its end, for another one that is made of it: trailers are left out. `None` as above.
    pub(crate) async fn read_text(&self) -> Option<Vec<u8>> {
        if let Some(text) = self.read_ahead().await {
            return Some(text);
        }
        self.shared.source.borrow_mut().late.take_if(|late| late.is_trailers())?;
        let end = std::future::poll_fn(|cx| self.shared.poll_source(cx)).await;
        end.is_none().then(|| self.shared.source.borrow().kept.concat())
    }
}

impl Shared {
    /// The next frame from the client, kept if there is room.
    fn poll_source(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut source = self.source.borrow_mut();
        let Some(incoming) = &mut source.incoming else { return Poll::Ready(None) };
        let polled = Pin::new(incoming).poll_frame(cx);
        self.awaits_client.set(polled.is_pending());
        let frame = match ready!(polled) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                self.failure.set(Some(BodyFailure::of(&error)));
                return Poll::Ready(Some(Err(error.into())));
            }
            None => {
                source.open.take().into_iter().for_each(OpenBody::end);
                return Poll::Ready(None);
            }
        };
        self.last_progress.set(Instant::now());
        if let Some(data) = frame.data_ref() {
            let bytes = self.bytes.get() + data.len() as u64;
            self.bytes.set(bytes);
            if bytes > source.limits.max_bytes {
                self.failure.set(Some(BodyFailure::TooLarge));
                return Poll::Ready(Some(Err("the request body is too large".into())));
            }
            source.keep(data);
        } else {
            // Trailers are passed on, but not kept.
            source.is_whole = false;
        }
        if source.has_ended() {
            source.open.take().into_iter().for_each(OpenBody::end);
        }
        Poll::Ready(Some(Ok(frame)))
    }
}
