//! The id of a request, in every answer and in the request log.

use std::cell::Cell;

use http::{HeaderMap, HeaderName, HeaderValue};
use rotator_core::record::RequestId;

/// The header that carries it.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The upstream's own, which its support asks for.
const X_UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

/// Gives out ids: 64 random bits of the worker, then a count, so that none is given out twice.
#[derive(Debug)]
pub(crate) struct RequestIds {
    prefix: u64,
    count: Cell<u64>,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self { prefix: fastrand::u64(..), count: Cell::new(fastrand::u64(..)) }
    }

    pub(crate) fn next(&self) -> RequestId {
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        // A bijection, so that ids differ and do not tell how many requests there were.
        let mixed = (count ^ self.prefix).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        RequestId::from_bits(u128::from(self.prefix) << 64 | u128::from(mixed))
    }
}

/// Puts our id on an answer; one that the upstream gave stays, under another name.
pub(crate) fn put_on(headers: &mut HeaderMap, id: RequestId) {
    let Ok(id) = HeaderValue::from_str(id.as_str()) else { return };
    if let Some(theirs) = headers.insert(X_REQUEST_ID, id) {
        headers.insert(X_UPSTREAM_REQUEST_ID, theirs);
    }
}
