//! A client's socket as hyper sees it, with every time-out that hyper leaves to us.
//!
//! hyper bounds neither a slow body nor a client that stops reading, and has one knob for "no request" and "half a
//! request head". Here each has its own. A timer is armed only while the socket has nothing to give or takes
//! nothing, and re-armed only when it fires, so that a busy keep-alive connection never touches the timer wheel.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use crate::{connection::Connection, lazy_timer::LazyTimer, settings::ClientLimits};

/// After an early answer: how much of the unread request is read away before the connection closes, so that the
/// client gets to see the answer and not a reset.
const LINGER_BYTES: usize = 64 << 10;
const LINGER: Duration = Duration::from_secs(1);

pub(crate) struct ClientIo<S> {
    socket: S,
    connection: Arc<Connection>,
    limits: Arc<ClientLimits>,
    /// Bytes may be anything, such as a ping: they begin no request.
    is_h2: bool,
    reading: Reading,
    /// How many request heads had begun when `reading` was set: with another, it is out of date.
    begun: u32,
    /// Since when the client takes nothing of what we write.
    write_blocked: Option<Instant>,
    timer: LazyTimer,
    lingered: Linger,
}

/// What the next bytes from the client are waited for.
enum Reading {
    /// A request head, since then: none of it has come.
    Idle(Instant),
    /// The rest of a request head, since then.
    Head(Instant),
    /// The rest of a request body, since then.
    Body(Instant),
    /// Nothing in particular: the client's turn is over until it is answered.
    Nothing,
}

#[derive(Default)]
struct Linger {
    began: Option<Instant>,
    bytes: usize,
}

impl<S> ClientIo<S> {
    pub(crate) fn new(
        socket: S,
        connection: Arc<Connection>,
        limits: Arc<ClientLimits>,
        is_h2: bool,
    ) -> Self {
        Self {
            socket,
            connection,
            limits,
            is_h2,
            // A fresh connection owes us a head as if it had begun one.
            reading: Reading::Head(Instant::now()),
            begun: 0,
            write_blocked: None,
            timer: LazyTimer::default(),
            lingered: Linger::default(),
        }
    }

    fn forget_finished_head(&mut self) {
        let begun = self.connection.progress.begun();
        if begun != self.begun {
            self.begun = begun;
            self.reading = Reading::Nothing;
        }
    }

    /// Bytes came: what are they, and what comes next?
    fn note_read(&mut self, bytes: &[u8]) {
        self.forget_finished_head();
        let progress = &self.connection.progress;
        let is_new = !matches!(self.reading, Reading::Head(_));
        if !progress.is_idle() {
            self.reading = Reading::Nothing;
            return;
        }
        if self.is_h2 && is_new {
            return;
        }
        if is_new {
            self.reading = Reading::Head(Instant::now());
        }
        progress.note_head(bytes, is_new, self.limits.max_head_bytes);
    }

    /// Until when the client has time to send something; `None` when it owes us nothing.
    fn read_deadline(&mut self, now: Instant) -> Option<Instant> {
        self.forget_finished_head();
        let progress = &self.connection.progress;
        self.reading = match (progress.is_idle(), &self.reading) {
            (true, Reading::Idle(since)) => Reading::Idle(*since),
            (true, Reading::Head(since)) => Reading::Head(*since),
            (true, _) => Reading::Idle(now),
            (false, Reading::Body(since)) if progress.awaits_body() => Reading::Body(*since),
            (false, _) if progress.awaits_body() => Reading::Body(now),
            (false, _) => Reading::Nothing,
        };
        match self.reading {
            Reading::Idle(since) => Some(since + self.limits.idle_timeout),
            Reading::Head(since) => Some(since + self.limits.head_timeout),
            Reading::Body(since) => Some(since + self.limits.body_timeout),
            Reading::Nothing => None,
        }
    }

    /// Times the wait for the next request from the end of an answer: hyper does not read then if a read during the
    /// answer found nothing.
    fn note_answered(&mut self, cx: &mut Context<'_>) {
        self.forget_finished_head();
        if !matches!(self.reading, Reading::Nothing) || !self.connection.progress.is_idle() {
            return;
        }
        let now = Instant::now();
        self.reading = Reading::Idle(now);
        self.timer.wake_by(cx, now + self.limits.idle_timeout);
    }

    fn poll_write_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let since = *self.write_blocked.get_or_insert_with(Instant::now);
        self.timer
            .poll_until(cx, since + self.limits.write_timeout)
            .map(|()| io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading"))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut this.socket).poll_read(cx, buf) {
            result?;
            this.note_read(&buf.filled()[before..]);
            return Poll::Ready(Ok(()));
        }
        if let Some(deadline) = this.read_deadline(Instant::now()) {
            ready!(this.timer.poll_until(cx, deadline));
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client sent nothing in time",
            )));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = Pin::new(&mut self.socket).poll_write(cx, buf) {
            self.write_blocked = None;
            return Poll::Ready(result);
        }
        self.poll_write_deadline(cx).map(Err)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs) {
            self.write_blocked = None;
            return Poll::Ready(result);
        }
        self.poll_write_deadline(cx).map(Err)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
        self.note_answered(cx);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingered.began.is_none() {
            ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
            if !self.connection.progress.has_unread_body() {
                return Poll::Ready(Ok(()));
            }
            self.lingered.began = Some(Instant::now());
        }
        self.poll_linger(cx).map(Ok)
    }
}

impl<S: AsyncRead + Unpin> ClientIo<S> {
    /// Reads away what the client still sends, within bounds.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.lingered.began.unwrap_or_else(Instant::now) + LINGER;
        while self.lingered.bytes < LINGER_BYTES {
            let mut scratch = [0; 4096];
            let mut buf = ReadBuf::new(&mut scratch);
            if Pin::new(&mut self.socket).poll_read(cx, &mut buf).is_pending() {
                return self.timer.poll_until(cx, deadline);
            }
            if buf.filled().is_empty() {
                break;
            }
            self.lingered.bytes += buf.filled().len();
        }
        Poll::Ready(())
    }
}
