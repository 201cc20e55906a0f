//! The id of a request, in every answer and in the request log.

use std::cell::Cell;

use http::{HeaderName, HeaderValue};

/// The header that carries it.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives out ids: 64 random bits of the worker, then a count, so that none is given out twice.
#[derive(Debug)]
pub(crate) struct RequestIds {
    prefix: u64,
    count: Cell<u64>,
}

/// 32 hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestId([u8; 32]);

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self { prefix: fastrand::u64(..), count: Cell::new(fastrand::u64(..)) }
    }

    pub(crate) fn next(&self) -> RequestId {
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        // A bijection, so that ids differ and do not tell how many requests there were.
        let mixed = (count ^ self.prefix).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        RequestId(hex(self.prefix, mixed))
    }
}

fn hex(high: u64, low: u64) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let value = (u128::from(high) << 64) | u128::from(low);
    let mut text = [0; 32];
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(value.to_be_bytes()) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
    text
}

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        // Hexadecimal digits are always text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(crate) fn to_header(self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.0).ok()
    }
}
