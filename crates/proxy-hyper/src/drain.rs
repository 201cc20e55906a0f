//! Telling every connection of a worker that the server is stopping, without a cost while it is not.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    task::{Context, Waker},
};

/// How far a shutdown is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    #[default]
    Serving,
    /// Every request is served, and the last of its connection: whoever asks next is to find another server.
    Leaving,
    /// Requests end, connections close after them.
    Draining,
    /// Time is up: answers are broken off.
    Cutting,
}

#[derive(Default)]
pub(crate) struct Drain {
    stage: Cell<Stage>,
    tickets: Cell<u64>,
    wakers: RefCell<HashMap<u64, Waker>>,
}

/// A connection's place in the list of those to wake.
pub(crate) struct Ticket {
    drain: Rc<Drain>,
    number: u64,
    is_listed: bool,
}

impl Drain {
    pub(crate) fn stage(&self) -> Stage {
        self.stage.get()
    }

    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.set(stage);
        for waker in self.wakers.borrow().values() {
            waker.wake_by_ref();
        }
    }

    pub(crate) fn ticket(self: &Rc<Self>) -> Ticket {
        let number = self.tickets.get();
        self.tickets.set(number + 1);
        Ticket { drain: Rc::clone(self), number, is_listed: false }
    }
}

impl Ticket {
    /// The stage, and a wake-up at the next one.
    pub(crate) fn stage(&mut self, cx: &Context<'_>) -> Stage {
        if !self.is_listed {
            // A task's waker stays the same, so once is enough.
            self.is_listed = true;
            self.drain.wakers.borrow_mut().insert(self.number, cx.waker().clone());
        }
        self.drain.stage()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.drain.wakers.borrow_mut().remove(&self.number);
    }
}
