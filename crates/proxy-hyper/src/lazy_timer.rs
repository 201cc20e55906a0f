//! A timer that is moved as rarely as possible.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Instant, Sleep, sleep_until};

/// One timer for one deadline after the other. It is moved when a deadline comes before it, or when it fires too early:
/// an idle wake-up now and then costs less than moving it for every request.
#[derive(Default)]
pub(crate) struct LazyTimer(Option<Pin<Box<Sleep>>>);

impl LazyTimer {
    /// Ready when the deadline has passed; otherwise the task is woken when it has.
    pub(crate) fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }

    /// Wakes the task at the deadline, or before it: a timer that runs is left alone.
    pub(crate) fn wake_by(&mut self, cx: &mut Context<'_>, deadline: Instant) {
        if self.0.as_ref().is_none_or(|timer| timer.is_elapsed() || timer.deadline() > deadline) {
            let _ = self.poll_until(cx, deadline);
        }
    }
}
