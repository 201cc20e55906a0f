//! Streams without an end, and when they were broken off.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Response, header::CONTENT_TYPE};
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::time::Instant;

use crate::support::upstream::Body;

/// Where there are streams.
pub const PATH: &str = "/v1/stream";
/// The only event of each.
pub const EVENT: &str = "data: begun\n\n";

/// When each stream was broken off, by its name; `None` while it is open.
#[derive(Default)]
pub struct Streams(Mutex<HashMap<String, Option<Instant>>>);

/// A body of one event that does not end.
struct Endless {
    event: Option<Bytes>,
    name: String,
    streams: Arc<Streams>,
}

impl Streams {
    pub(super) fn open(self: &Arc<Self>, name: &str) -> Response<Body> {
        self.0.lock().unwrap().insert(name.into(), None);
        let body = Endless { event: Some(EVENT.into()), name: name.into(), streams: Arc::clone(self) };
        let mut answer = Response::new(body.map_err(|never| match never {}).boxed());
        answer.headers_mut().insert(CONTENT_TYPE, "text/event-stream".parse().unwrap());
        answer
    }

    /// How many are open.
    pub fn open_count(&self) -> usize {
        self.0.lock().unwrap().values().filter(|broken_off| broken_off.is_none()).count()
    }

    /// When this one was broken off.
    pub fn broken_off(&self, name: &str) -> Option<Instant> {
        self.0.lock().unwrap()[name]
    }
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        // Whoever serves it notices by itself when the other side closes.
        self.event.take().map_or(Poll::Pending, |event| Poll::Ready(Some(Ok(Frame::data(event)))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.streams.0.lock().unwrap().insert(std::mem::take(&mut self.name), Some(Instant::now()));
    }
}
