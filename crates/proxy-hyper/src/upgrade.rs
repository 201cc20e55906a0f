//! WebSocket handshakes go through with the key put in; every other upgrade does not.

use std::rc::Rc;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version, header, request::Parts};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use rotator_core::{pool::Picked, record::RequestOutcome};
use tokio::{io::copy_bidirectional, task::spawn_local};
use tracing::debug;

use crate::{drain::Stage, error::ProxyError, exchange::Exchange, request_id, response::ResponseBody};

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// A client's wish to speak WebSocket: RFC 6455 §4.
pub(crate) struct Upgrade {
    pub(crate) client: OnUpgrade,
}

impl Upgrade {
    /// Puts the wish, or its fulfilment, on a message.
    pub(crate) fn put_on(headers: &mut HeaderMap) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, WEBSOCKET);
    }
}

/// What upgrade a request asks for. `h2c` is refused (it would carry requests past every check); others are ignored,
/// as RFC 9110 §7.8 lets a server do, and so is a wish that `Connection` does not name.
pub(crate) fn requested(parts: &mut Parts) -> Result<Option<Upgrade>, ProxyError> {
    let headers = &parts.headers;
    if !headers.contains_key(header::UPGRADE) {
        return Ok(None);
    }
    if lists(headers, &header::UPGRADE, b"h2c") {
        return Err(ProxyError::bad_request(
            "an upgrade to h2c is not offered; use HTTP/2 with prior knowledge",
        )
        .closing());
    }
    let asks = parts.version == Version::HTTP_11
        && lists(headers, &header::UPGRADE, WEBSOCKET.as_bytes())
        && lists(headers, &header::CONNECTION, b"upgrade");
    Ok(parts.extensions.remove::<OnUpgrade>().filter(|_| asks).map(|client| Upgrade { client }))
}

/// Whether any line of a header that holds a list names this token.
fn lists(headers: &HeaderMap, name: &HeaderName, token: &[u8]) -> bool {
    let tokens = headers.get_all(name).iter().flat_map(|line| line.as_bytes().split(|b| *b == b','));
    tokens.map(<[u8]>::trim_ascii).any(|t| t.eq_ignore_ascii_case(token))
}

/// Whether an upstream's `101` is the one that was asked for.
pub(crate) fn is_switched<B>(response: &Response<B>) -> bool {
    response.status() == StatusCode::SWITCHING_PROTOCOLS
        && response
            .headers()
            .get(header::UPGRADE)
            .is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Answers the handshake, then carries bytes both ways until both sides have ended; the key is in flight as long.
pub(crate) fn tunnel(
    mut exchange: Box<Exchange>,
    upgrade: Upgrade,
    upstream: Response<Incoming>,
    picked: Picked,
) -> Response<ResponseBody> {
    let mut answer = Response::new(ResponseBody::Full(None));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = upstream.headers().clone();
    crate::headers::strip_hop_by_hop(answer.headers_mut());
    request_id::put_on(answer.headers_mut(), exchange.id);
    Upgrade::put_on(answer.headers_mut());
    let drain = Rc::clone(&exchange.worker.drain);
    spawn_local(async move {
        let _in_flight = picked;
        let (client, upstream) = match tokio::try_join!(upgrade.client, hyper::upgrade::on(upstream)) {
            Ok(both) => both,
            Err(error) => return debug!(%error, "upgrade failed"),
        };
        let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        let mut ticket = drain.ticket();
        let stopped = std::future::poll_fn(|cx| match ticket.stage(cx) {
            Stage::Cutting => std::task::Poll::Ready(()),
            _ => std::task::Poll::Pending,
        });
        tokio::select! {
            copied = copy_bidirectional(&mut client, &mut upstream) => match copied {
                Ok((_, sent)) => {
                    exchange.bytes_out = sent;
                    exchange.end(StatusCode::SWITCHING_PROTOCOLS.as_u16(), RequestOutcome::Completed);
                }
                Err(error) => debug!(%error, "websocket ended early"),
            },
            () = stopped => {}
        }
    });
    answer
}
