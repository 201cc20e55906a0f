//! Bounds what an upstream may send before the head of its answer: hyper skips any number of `1xx` answers.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Room for the largest head hyper takes, and as much again of interim answers.
const MAX_BEFORE_HEAD: usize = 64 << 10;

/// How many bytes may still come.
#[derive(Debug, Clone)]
pub(crate) struct HeadAllowance(Arc<AtomicUsize>);

/// A connection under that bound.
pub(crate) struct HeadGuard<S> {
    stream: S,
    allowance: HeadAllowance,
}

impl HeadAllowance {
    /// A request goes out: its answer's head is due.
    pub(crate) fn arm(&self) {
        self.0.store(MAX_BEFORE_HEAD, Relaxed);
    }

    /// The head is there: a body may be of any length.
    pub(crate) fn disarm(&self) {
        self.0.store(usize::MAX, Relaxed);
    }
}

impl<S> HeadGuard<S> {
    pub(crate) fn new(stream: S) -> (Self, HeadAllowance) {
        let allowance = HeadAllowance(Arc::new(AtomicUsize::new(usize::MAX)));
        (Self { stream, allowance: allowance.clone() }, allowance)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadGuard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let left = self.allowance.0.load(Relaxed);
        if left != usize::MAX {
            let Some(left) = left.checked_sub(buf.filled().len() - before) else {
                return Poll::Ready(Err(io::Error::other("too much before the head of the answer")));
            };
            self.allowance.0.store(left, Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadGuard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
