//! Clients that go on asking while something else happens.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
};

use crate::support::{PROXY_KEY, try_call, until};

const CLIENTS: usize = 2;

/// Clients that ask one after the other, until they are ended.
pub(crate) struct Load {
    state: Arc<State>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    served: AtomicUsize,
    failed: AtomicUsize,
    is_over: AtomicBool,
}

impl Load {
    /// Clients of the service `echo`.
    pub(crate) fn start(address: SocketAddr) -> Self {
        let state = Arc::<State>::default();
        let client = |_| {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                while !state.is_over.load(SeqCst) {
                    let answer =
                        try_call(address, "GET", "/proxy/echo/any", &[("x-proxy-key", PROXY_KEY)], "");
                    let is_right = answer == Some((200, "hi".into()));
                    let counter = if is_right { &state.served } else { &state.failed };
                    counter.fetch_add(1, SeqCst);
                }
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { state, clients }
    }

    /// Waits until so many more requests were served.
    pub(crate) fn serve_more(&self, requests: usize) {
        let enough = self.state.served.load(SeqCst) + requests;
        until(|| self.state.served.load(SeqCst) >= enough);
    }

    /// Ends it, of which no request may have failed; answers how many there were.
    pub(crate) fn end(self) -> usize {
        self.state.is_over.store(true, SeqCst);
        self.clients.into_iter().for_each(|client| client.join().unwrap());
        assert_eq!(self.state.failed.load(SeqCst), 0, "requests that failed");
        self.state.served.load(SeqCst)
    }
}
