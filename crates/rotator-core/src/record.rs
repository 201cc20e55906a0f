//! What is kept of one proxied request. Never a body, a header, a query or a key.

use jiff::Timestamp;

use crate::model::{ConfigId, KeyId};

/// One proxied request, as the request log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// What we answered as `x-request-id`.
    pub request_id: Box<str>,
    /// When its head had arrived.
    pub started_at: Timestamp,
    /// Which service; `None` when it ended before one was found.
    pub config_id: Option<ConfigId>,
    /// Which key answered, or was tried last.
    pub key_id: Option<KeyId>,
    /// Which proxy key the client showed: its place in the list, counted from 1.
    pub proxy_key: Option<u32>,
    /// The method's name.
    pub method: Box<str>,
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
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestOutcome {
    /// The upstream's answer was passed on whole.
    Completed,
    /// We refused it ourselves.
    Refused,
    /// No upstream answer could be had.
    UpstreamFailed,
    /// The upstream's answer broke off.
    UpstreamCut,
    /// The client left first.
    ClientGone,
}

impl RequestOutcome {
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
