//! An API that watches what each key does.

use std::{
    collections::HashMap,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

/// An API; it ends with the test process.
pub(crate) struct Upstream {
    address: SocketAddr,
    watch: Arc<Watch>,
}

#[derive(Default)]
struct Watch {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    seen: HashMap<String, Seen>,
    /// At its limit.
    limited: Option<String>,
    /// Nobody is answered for the time being.
    hangs: bool,
    /// How long an answer takes.
    pause: Duration,
    /// How many requests are here, and were at most, at a time.
    now: usize,
    most: usize,
}

/// What a key did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// When it came.
    pub(crate) times: Vec<Instant>,
    /// How often it is here, and was at most, at a time.
    now: usize,
    pub(crate) most: usize,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, watch) = (listener.local_addr().unwrap(), Arc::<Watch>::default());
        let upstream = Self { address, watch: Arc::clone(&watch) };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let watch = Arc::clone(&watch);
                thread::spawn(move || serve(stream, &watch));
            }
        });
        upstream
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What each key did.
    pub(crate) fn seen(&self) -> HashMap<String, Seen> {
        self.watch.state.lock().unwrap().seen.clone()
    }

    /// How often each key came.
    pub(crate) fn counts(&self) -> HashMap<String, usize> {
        self.seen().into_iter().map(|(key, seen)| (key, seen.times.len())).collect()
    }

    /// How many requests were here at most at a time, whatever their keys.
    pub(crate) fn most_at_a_time(&self) -> usize {
        self.watch.state.lock().unwrap().most
    }

    /// From now on, this key is at its limit for a minute.
    pub(crate) fn limit(&self, key: &str) {
        self.watch.state.lock().unwrap().limited = Some(key.to_owned());
    }

    /// From now on, an answer takes this long.
    pub(crate) fn take(&self, pause: Duration) {
        self.watch.state.lock().unwrap().pause = pause;
    }

    /// From now on, nobody is answered, or all are.
    pub(crate) fn hang(&self, hangs: bool) {
        self.watch.state.lock().unwrap().hangs = hangs;
        self.watch.changed.notify_all();
    }
}

fn serve(mut stream: TcpStream, watch: &Watch) {
    let mut request = [0; 8192];
    while let Ok(n @ 1..) = stream.read(&mut request) {
        let request = String::from_utf8_lossy(&request[..n]).to_ascii_lowercase();
        let key = request.lines().find_map(|line| line.strip_prefix("x-upstream-key: ")).unwrap();
        let answer = {
            let mut state = watch.state.lock().unwrap();
            let seen = state.seen.entry(key.to_owned()).or_default();
            seen.times.push(Instant::now());
            seen.now += 1;
            seen.most = seen.most.max(seen.now);
            state.now += 1;
            state.most = state.most.max(state.now);
            let pause = state.pause;
            drop(state);
            if !pause.is_zero() {
                thread::sleep(pause);
            }
            let state = watch.state.lock().unwrap();
            let mut state = watch.changed.wait_while(state, |state| state.hangs).unwrap();
            state.now -= 1;
            state.seen.get_mut(key).unwrap().now -= 1;
            if state.limited.as_deref() == Some(key) {
                "429 Too Many Requests\r\nretry-after: 60"
            } else {
                "200 OK"
            }
        };
        let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 2\r\n\r\nhi");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
