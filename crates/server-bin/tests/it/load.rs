//! Clients that go on asking while something else happens.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
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
    /// The longest that a client has waited, in milliseconds.
    slowest: AtomicU64,
    is_over: AtomicBool,
}

impl Load {
    /// Clients of the service `echo`, who connect for each request.
    pub(crate) fn start(address: SocketAddr) -> Self {
        Self::by(move || {
            move || try_call(address, "GET", "/proxy/echo/any", &[("x-proxy-key", PROXY_KEY)], "")
        })
    }

    /// The same, who use a connection until they are told that an answer is its last.
    pub(crate) fn start_keeping(address: SocketAddr) -> Self {
        Self::by(move || {
            let mut kept = None;
            move || ask(kept.take().or_else(|| TcpStream::connect(address).ok())?, &mut kept)
        })
    }

    fn by<C: FnMut() -> Option<(u16, String)> + Send + 'static>(client: impl Fn() -> C) -> Self {
        let state = Arc::<State>::default();
        let client = |_| {
            let (state, mut ask) = (Arc::clone(&state), client());
            thread::spawn(move || {
                while !state.is_over.load(SeqCst) {
                    let began = Instant::now();
                    let is_right = ask() == Some((200, "hi".into()));
                    let took = u64::try_from(began.elapsed().as_millis()).unwrap();
                    state.slowest.fetch_max(took, SeqCst);
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

    /// The longest that a client has waited so far.
    pub(crate) fn slowest(&self) -> Duration {
        Duration::from_millis(self.state.slowest.load(SeqCst))
    }

    /// Ends it, of which no request may have failed; answers how many there were.
    pub(crate) fn end(self) -> usize {
        self.state.is_over.store(true, SeqCst);
        self.clients.into_iter().for_each(|client| client.join().unwrap());
        assert_eq!(self.state.failed.load(SeqCst), 0, "requests that failed");
        self.state.served.load(SeqCst)
    }
}

/// One request; keeps the connection unless it was told not to. `None` when the server went away meanwhile.
fn ask(mut stream: TcpStream, kept: &mut Option<TcpStream>) -> Option<(u16, String)> {
    let request = format!("GET /proxy/echo/any HTTP/1.1\r\nhost: a\r\nx-proxy-key: {PROXY_KEY}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let (mut answer, mut piece) = (String::new(), [0; 1024]);
    while !answer.ends_with("\r\n\r\nhi") {
        match stream.read(&mut piece).ok()? {
            0 => return None,
            length => answer.push_str(std::str::from_utf8(&piece[..length]).ok()?),
        }
    }
    if !answer.contains("connection: close\r\n") {
        *kept = Some(stream);
    }
    Some((answer.split(' ').nth(1)?.parse().ok()?, "hi".into()))
}
