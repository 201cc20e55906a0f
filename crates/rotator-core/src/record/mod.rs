//! What is kept of proxied requests. Of a request itself never a body, a header or a query; of an answer that was no
//! success the beginning, as a sample; of either never a key.

mod histogram;
mod sample;
mod tally;
mod tokens;
mod trace;

use std::fmt;

use http::Method;
use jiff::Timestamp;

pub use histogram::Histogram;
pub use sample::ErrorSample;
pub use tally::{StatusClass, Tally, TallyRow};
pub use tokens::{TokenCounts, Tokens};
pub use trace::{AttemptTrace, PassedOver, Trace};

use crate::{
    model::{ConfigId, KeyId},
    prices::Money,
};

/// One proxied request, as the request log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// What we answered as `x-request-id`.
    pub request_id: RequestId,
    /// When its head had arrived.
    pub started_at: Timestamp,
    /// Which service; `None` when it ended before one was found.
    pub config_id: Option<ConfigId>,
    /// Which key answered, or was tried last.
    pub key_id: Option<KeyId>,
    /// Which proxy key the client showed: its id.
    pub proxy_key: Option<u32>,
    /// Its method.
    pub method: Method,
    /// The path without its query, cut at 512 bytes.
    pub path: Box<str>,
    /// What the client was answered; 0 when it left before an answer.
    pub status: u16,
    /// How it ended.
    pub outcome: RequestOutcome,
    /// How many keys were tried.
    pub attempts: u8,
    /// From head to end, in microseconds.
    pub duration_us: u64,
    /// From head to the first byte of the answer's body, in microseconds.
    pub first_byte_us: Option<u64>,
    /// Body bytes from the client.
    pub bytes_in: u64,
    /// Body bytes to the client.
    pub bytes_out: u64,
    /// The client's address.
    pub client: std::net::IpAddr,
    /// The model that it was for, where its service is an LLM's and it named one.
    pub model: Option<Box<str>>,
    /// What it used, where its service is an LLM's and the answer told, or enough is known for an estimate.
    pub usage: Option<Tokens>,
    /// What it used is estimated, in part at least.
    pub usage_estimated: bool,
    /// What that cost, where the model's price is known.
    pub cost: Option<Money>,
    /// How it came to its answer, if there is more to tell.
    pub trace: Option<Box<Trace>>,
}

/// The id of a request: 128 bits, written as 32 hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 32]);

impl RequestId {
    /// The id with these bits.
    pub fn from_bits(bits: u128) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bits.to_be_bytes()) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        Self(text)
    }

    /// Reads an id as it is written. `None` for everything else.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self::from_bits(u128::from_str_radix(text, 16).ok()?);
        (id.as_str() == text).then_some(id)
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        // Hexadecimal digits are always text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestOutcome {
    /// The upstream's answer was passed on whole, or nothing had to be asked of it.
    Completed,
    /// We refused it ourselves.
    Refused,
    /// No upstream answer could be had, or only a stream with an error instead of content.
    UpstreamFailed,
    /// The upstream's answer broke off.
    UpstreamCut,
    /// The client left first.
    ClientGone,
}

impl RequestOutcome {
    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::Completed, Self::Refused, Self::UpstreamFailed, Self::UpstreamCut, Self::ClientGone];

    /// The name under which it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Refused => "refused",
            Self::UpstreamFailed => "upstream_failed",
            Self::UpstreamCut => "upstream_cut",
            Self::ClientGone => "client_gone",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_in_no_other_way() {
        let id = RequestId::from_bits(0x00ab << 64 | 1);

        assert_eq!(id.as_str(), "00000000000000ab0000000000000001");
        assert_eq!(RequestId::parse(id.as_str()), Some(id));
        for text in ["", "ab", "00000000000000AB0000000000000001", "+0000000000000ab0000000000000001"] {
            assert_eq!(RequestId::parse(text), None, "{text}");
        }
    }
}
