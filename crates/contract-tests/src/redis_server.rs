//! A Redis of one's own: a process on a free port, with its data in a folder of its own, that ends with its guard.
#![expect(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "assertions")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A Redis server, until it is dropped.
pub struct RedisServer {
    child: Child,
    port: u16,
    arguments: Vec<String>,
    folder: TempDir,
    speaks_tls: bool,
}

/// The connection that asked a server to load its data.
pub struct Loading(TcpStream);

const PATIENCE: Duration = Duration::from_secs(20);
const TRIES: usize = 10;

impl RedisServer {
    /// An empty one.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// An empty one with these arguments.
    pub fn start_with(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self::start_in(TempDir::new().unwrap(), arguments, false)
    }

    /// An empty one that speaks TLS only, with this certificate and key in PEM.
    pub fn start_tls(certificate: &str, key: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name).display().to_string()
        };
        let (certificate, key) = (file("tls.crt", certificate), file("tls.key", key));
        let arguments = ["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-auth-clients", "no"];
        let arguments = arguments.map(Into::into).into();
        Self::start_in(folder, arguments, true)
    }

    fn start_in(folder: TempDir, arguments: Vec<String>, speaks_tls: bool) -> Self {
        let port = free_port();
        let child = spawn(port, &arguments, &folder, speaks_tls);
        let mut server = Self { child, port, arguments, folder, speaks_tls };
        // Somebody else may take a free port before Redis does.
        for _ in 0..TRIES {
            if server.answers() {
                return server;
            }
            server.port = free_port();
            server.respawn();
        }
        panic!("Redis does not start");
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// It hangs: connections are accepted, and nothing is answered.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// It goes on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// It dies, and takes its data with it.
    pub fn kill(&mut self) {
        self.end();
    }

    /// It begins anew, empty, on the same port.
    pub fn restart(&mut self) {
        self.end();
        self.respawn();
        assert!(self.answers(), "Redis did not start again");
    }

    /// Sends a command; answers what came, as it was sent.
    pub fn command(&self, words: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        send(&mut stream, words);
        let mut answer = vec![0; 64 << 10];
        let length = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    /// Sends commands on one connection.
    pub fn commands(&self, all: &[&[&str]]) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        all.iter().chain(&[&["QUIT"][..]]).for_each(|words| send(&mut stream, words));
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert!(!answers.contains("-ERR") && !answers.contains("-NOAUTH"), "{answers}");
    }

    /// It loads its data for about so long, and refuses all else until it has. Needs `--enable-debug-command local`.
    pub fn load_for(&self, time: Duration) -> Loading {
        self.commands(&[
            // Each takes a millisecond.
            &["DEBUG", "POPULATE", &time.as_millis().to_string()],
            &["CONFIG", "SET", "key-load-delay", "1000"],
            &["CONFIG", "SET", "loading-process-events-interval-bytes", "1024"],
        ]);
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        send(&mut stream, &["DEBUG", "RELOAD"]);
        Loading(stream)
    }

    /// Whether it comes to listen; not if it ends instead.
    fn answers(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            sleep(Duration::from_millis(5));
        }
        panic!("Redis did not listen");
    }

    fn respawn(&mut self) {
        self.child = spawn(self.port, &self.arguments, &self.folder, self.speaks_tls);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id().cast_signed()).unwrap(), signal).unwrap();
    }

    fn end(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Loading {
    /// Waits until the server has.
    pub fn end(mut self) {
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        self.0.read_exact(&mut [0; "+OK\r\n".len()]).unwrap();
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.end();
    }
}

fn send(stream: &mut TcpStream, words: &[&str]) {
    write!(stream, "*{}\r\n", words.len()).unwrap();
    for word in words {
        write!(stream, "${}\r\n{word}\r\n", word.len()).unwrap();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn spawn(port: u16, arguments: &[String], folder: &TempDir, speaks_tls: bool) -> Child {
    let port = port.to_string();
    let (plain, tls) = if speaks_tls { ("0", &*port) } else { (&*port, "0") };
    Command::new("redis-server")
        .args(["--port", plain, "--tls-port", tls, "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(folder.path())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("these tests need redis-server, run scripts/install-test-tools.sh: {error}")
        })
}
