//! A connection while it serves one request.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
    time::Duration,
};

use http::{Request, Response, StatusCode, Uri, Version, header};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http2},
};
use rotator_core::model::BaseUrl;
use tokio::time::Instant;

use super::{H1, Idle, Origin, head_guard::HeadAllowance};
use crate::{
    body::{AttemptBody, RequestBody},
    lazy_timer::LazyTimer,
};

/// A connection for one request. Give an HTTP/1.1 one back with [`Lease::finish`] when its answer has ended.
pub(crate) struct Lease {
    pub(super) origin: Rc<Origin>,
    pub(super) wire: Wire,
    /// The connection has served another request before.
    pub(super) reused: bool,
}

pub(super) enum Wire {
    H1(H1),
    H2 { sender: http2::SendRequest<AttemptBody>, _count: StreamCount },
}

/// Counts one request of a shared connection until it is dropped.
pub(super) struct StreamCount(pub(super) Rc<Cell<u32>>);

impl Drop for StreamCount {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Why a request got no answer.
#[derive(Debug)]
pub(crate) struct SendError {
    pub(crate) source: hyper::Error,
    /// None of the request was sent.
    pub(crate) is_unsent: bool,
    /// The connection had served another request before.
    pub(crate) reused: bool,
}

/// A request under way.
enum Sending<'a, H1, H2> {
    H1(H1, &'a mut HeadAllowance, &'a mut LazyTimer),
    H2(H2),
}

impl Lease {
    /// Sends a request whose URI is a path and query; then waits for the head of the answer, `None` when that takes longer
    /// than `limit`, counted from now or the last part of the body that the client sends.
    pub(crate) fn send<'a>(
        &'a mut self,
        mut request: Request<AttemptBody>,
        body: &'a RequestBody,
        limit: Duration,
    ) -> impl Future<Output = Option<Result<Response<Incoming>, SendError>>> + 'a {
        if !(self.reused && body.is_first_attempt()) {
            body.note_sending();
        }
        // Handed over here, so that no future keeps room for the request.
        let sending = match &mut self.wire {
            Wire::H1(H1 { sender, allowance, forward, timer }) => {
                *request.version_mut() = Version::HTTP_11;
                request.headers_mut().insert(header::HOST, self.origin.host.clone());
                if let Some(forward) = forward {
                    make_absolute(request.uri_mut(), &self.origin.base);
                    if let Some(authorization) = &forward.authorization {
                        request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization.clone());
                    }
                }
                allowance.arm();
                Sending::H1(sender.try_send_request(request), allowance, timer)
            }
            Wire::H2 { sender, .. } => {
                *request.version_mut() = Version::HTTP_2;
                request.headers_mut().remove(header::HOST);
                make_absolute(request.uri_mut(), &self.origin.base);
                Sending::H2(sender.try_send_request(request))
            }
        };
        let reused = self.reused;
        async move {
            let sent = match sending {
                Sending::H1(sending, allowance, timer) => {
                    let sent = within(limit, body, timer, pin!(sending)).await;
                    allowance.disarm();
                    sent
                }
                Sending::H2(sending) => within(limit, body, &mut LazyTimer::default(), pin!(sending)).await,
            };
            let failed = |mut e: TrySendError<_>| SendError {
                is_unsent: e.take_message().is_some(),
                source: e.into_error(),
                reused,
            };
            sent.map(|result| result.map_err(failed))
        }
    }

    /// Whether an answer is the forward proxy's own: it wants other credentials than we have.
    pub(crate) fn is_refusal_by_proxy(&self, status: StatusCode) -> bool {
        status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            && matches!(&self.wire, Wire::H1(connection) if connection.forward.is_some())
    }

    /// The answer has ended: the connection may serve another request.
    pub(crate) fn finish(self) {
        if let Wire::H1(connection) = self.wire
            && !connection.sender.is_closed()
        {
            self.origin.idle.borrow_mut().push(Idle { connection, since: Instant::now() });
        }
    }
}

/// `None` when the time is up, counted from the last part of the request that the client sent.
async fn within<T>(
    limit: Duration,
    body: &RequestBody,
    timer: &mut LazyTimer,
    mut future: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        timer.poll_until(cx, body.answer_due(limit)).map(|()| None)
    })
    .await
}

fn make_absolute(uri: &mut Uri, base: &BaseUrl) {
    let mut parts = std::mem::take(uri).into_parts();
    parts.scheme = Some(base.scheme().clone());
    parts.authority = Some(base.authority().clone());
    // All three parts are there and were parsed before, so they make a URI.
    *uri = Uri::from_parts(parts).unwrap_or_default();
}
