//! hyper's background work stays on the worker's own thread.

use std::{future::Future, pin::pin, rc::Rc};

use crate::drain::Drain;

#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalExec;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExec {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

/// The same, for the answers of a client's HTTP/2 connection: each is a task of its own, which must hear of a shutdown.
#[derive(Clone)]
pub(crate) struct DrainedExec(pub(crate) Rc<Drain>);

impl<F: Future + 'static> hyper::rt::Executor<F> for DrainedExec {
    fn execute(&self, future: F) {
        let mut ticket = self.0.ticket();
        tokio::task::spawn_local(async move {
            let mut future = pin!(future);
            std::future::poll_fn(|cx| {
                ticket.stage(cx);
                future.as_mut().poll(cx)
            })
            .await;
        });
    }
}
