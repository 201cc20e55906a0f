//! What is known of a client's connection, shared by its socket wrapper and the requests on it.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
};

use rotator_core::access::Remembered;

const CONTENT_LENGTH: &[u8] = b"content-length:";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding:";

/// A client's connection.
pub(crate) struct Connection {
    /// The client's address.
    pub client: IpAddr,
    /// Whether the client came over TLS.
    pub is_tls: bool,
    /// The proxy key that requests on it show.
    pub(crate) proxy_key: Remembered,
    pub(crate) progress: Progress,
}

/// How far the requests of a connection are. One thread writes; atomics only because hyper's upgrade wants the socket
/// wrapper to be `Send`.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Request heads so far.
    begun: AtomicU32,
    /// Requests between their head and the end of their answer.
    active: AtomicU32,
    /// Request bodies that have not ended.
    bodies: AtomicU32,
    /// The last head as it came over the wire: hyper hides a `Content-Length` beside `Transfer-Encoding`.
    head: Mutex<Vec<u8>>,
    /// A request was answered before its body had been read.
    unread_body: AtomicBool,
}

/// A request between its head and the end of its answer.
pub(crate) struct ActiveRequest(Arc<Connection>);

/// A request body that has not ended.
pub(crate) struct OpenBody(Arc<Connection>);

impl Connection {
    pub(crate) fn new(client: IpAddr, is_tls: bool) -> Arc<Self> {
        Arc::new(Self {
            client: client.to_canonical(),
            is_tls,
            proxy_key: Remembered::default(),
            progress: Progress::default(),
        })
    }

    pub(crate) fn begin_request(self: &Arc<Self>) -> ActiveRequest {
        self.progress.begun.fetch_add(1, Relaxed);
        self.progress.active.fetch_add(1, Relaxed);
        ActiveRequest(Arc::clone(self))
    }

    pub(crate) fn begin_body(self: &Arc<Self>) -> OpenBody {
        self.progress.bodies.fetch_add(1, Relaxed);
        OpenBody(Arc::clone(self))
    }
}

impl Progress {
    pub(crate) fn begun(&self) -> u32 {
        self.begun.load(Relaxed)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.active.load(Relaxed) == 0
    }

    pub(crate) fn awaits_body(&self) -> bool {
        self.bodies.load(Relaxed) > 0
    }

    /// Keeps a part of a request head.
    pub(crate) fn note_head(&self, bytes: &[u8], is_new: bool, max_bytes: usize) {
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        if is_new {
            head.clear();
        }
        let room = max_bytes.saturating_sub(head.len());
        head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Whether a head has both a `Content-Length` and a `Transfer-Encoding` line; with pipelined requests, any of
    /// theirs.
    pub(crate) fn saw_both_lengths(&self) -> bool {
        let heads = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = [false; 2];
        heads.split(|b| *b == b'\n').any(|line| {
            if line.trim_ascii().is_empty() {
                seen = [false; 2];
            }
            for (seen, name) in seen.iter_mut().zip([CONTENT_LENGTH, TRANSFER_ENCODING]) {
                *seen |= line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
            }
            seen == [true; 2]
        })
    }

    pub(crate) fn has_unread_body(&self) -> bool {
        self.unread_body.load(Relaxed)
    }
}

impl OpenBody {
    /// The body was read to its end.
    pub(crate) fn end(self) {
        self.0.progress.bodies.fetch_sub(1, Relaxed);
        std::mem::forget(self);
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.progress.active.fetch_sub(1, Relaxed);
    }
}

impl Drop for OpenBody {
    fn drop(&mut self) {
        self.0.progress.bodies.fetch_sub(1, Relaxed);
        self.0.progress.unread_body.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lengths_are_seen_in_one_head_in_any_case_and_however_they_come() {
        let progress = Progress::default();

        progress.note_head(b"POST / HTTP/1.1\r\ntransfer-Encoding: chunked\r\ncOnTent-", true, 100);
        assert!(!progress.saw_both_lengths());
        progress.note_head(b"Length: 3\r\n", false, 100);
        assert!(progress.saw_both_lengths());

        for one_each in [
            &b"POST /content-length: HTTP/1.1\r\nx: content-length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"[..],
            b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"POST / HTTP/1.1\nContent-Length: 0\n\nPOST / HTTP/1.1\nTransfer-Encoding: chunked\n\n",
        ] {
            progress.note_head(one_each, true, 1000);
            assert!(!progress.saw_both_lengths(), "{}", String::from_utf8_lossy(one_each));
        }
    }
}
