//! A binary of one's own in a folder of one's own, and a client of its admin API.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const PROXY_KEY: &str = "pk-0123456789abcdef";
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder in which the binary is started, with nothing set but the listener.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    pub(crate) fn secrets(&self) -> String {
        fs::read_to_string(self.path("data/secrets.env")).unwrap()
    }

    /// The binary with these arguments and variables.
    pub(crate) fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_api-key-rotator"));
        command.args(arguments).env_clear().current_dir(self.0.path()).stdin(Stdio::null());
        command.env("BIND_ADDRESS", "127.0.0.1").env("BACKEND_PORT", "0").env("LOG_FORMAT", "json");
        command.envs(variables.iter().copied());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        Ended::of(&self.command(arguments, variables).output().unwrap())
    }

    /// Starts the server with these variables, and waits until it listens.
    pub(crate) fn serve(&self, variables: &[(&str, &str)]) -> Running {
        Running::start(self.command(&[], variables))
    }

    /// Starts the server with a known password and proxy key.
    pub(crate) fn serve_known(&self) -> Running {
        self.serve(&[("ADMIN_PASSWORD", PASSWORD), ("GLOBAL_PROXY_KEYS", PROXY_KEY)])
    }
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Exit code 2, and one sentence with this in it.
    pub(crate) fn is_refusal_about(&self, name: &str) -> bool {
        self.code == Some(2) && self.err.lines().count() == 1 && self.err.contains(name)
    }
}

/// A running server.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, lines) = collect(child.stdout.take().unwrap());
        let (err, _) = collect(child.stderr.take().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"] == "listening" {
                let address = line["address"].as_str().unwrap().parse().unwrap();
                return Self { child, address, out, err };
            }
        }
        let _ = child.kill();
        let _ = child.wait();
        panic!("the server did not start: {} {}", out.lock().unwrap(), err.lock().unwrap());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        self.out.lock().unwrap().clone()
    }

    pub(crate) fn terminate(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }

    /// Ends it without warning.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("the server did not end: {}", self.log());
    }

    /// Ends it as an operator does; answers what it wrote to standard error.
    pub(crate) fn stop(mut self) -> String {
        self.terminate();
        assert_eq!(self.wait().code(), Some(0), "{}", self.log());
        // The pipe is closed by now; the thread that reads it may need a moment more.
        thread::sleep(Duration::from_millis(50));
        self.err.lock().unwrap().clone()
    }

    /// Sends a request; answers status and body.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, String) {
        try_call(self.address, method, path, headers, body).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.call("GET", path, &[], "")
    }

    pub(crate) fn sign_in(&self, password: &str) -> Option<Admin> {
        let credentials = json!({ "username": "admin", "password": password }).to_string();
        let (status, body) =
            self.call("POST", "/api/admin/login", &[("content-type", "application/json")], &credentials);
        let body: Value = serde_json::from_str(&body).unwrap();
        (status == 200)
            .then(|| Admin { address: self.address, token: body["access_token"].as_str().unwrap().into() })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody who has signed in.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) address: SocketAddr,
    token: String,
}

impl Admin {
    /// Calls the admin API; `None` when the server went away meanwhile.
    pub(crate) fn try_call(&self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, text) = try_call(self.address, method, &format!("/api/admin{path}"), &headers, &body)?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.try_call(method, path, body).unwrap()
    }

    /// Opens the stream of a job's events; the first of them has come.
    pub(crate) fn follow(&self, job: i64) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (path, token) = (format!("/api/admin/jobs/{job}/events"), &self.token);
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let (mut events, mut line) = (BufReader::new(stream), String::new());
        while !line.starts_with("data: ") {
            line.clear();
            assert_ne!(events.read_line(&mut line).unwrap(), 0);
        }
        events
    }

    /// Registers a generic service with one key; answers its id.
    pub(crate) fn add_service(&self, slug: &str, target: &str, key: &str) -> i64 {
        let (status, config) = self.call("POST", "/proxy-configs", &service(slug, target));
        assert_eq!(status, 201, "{config}");
        let id = config["id"].as_i64().unwrap();
        let path = format!("/proxy-configs/{id}/keys");
        assert_eq!(self.call("POST", &path, &json!({ "key_value": key })).0, 201);
        id
    }
}

/// The form of a generic service.
pub(crate) fn service(slug: &str, target: &str) -> Value {
    json!({
        "name": slug, "slug": slug, "config_type": "GENERIC", "target_url": target,
        "api_key_location": "header", "api_key_name": "x-upstream-key",
    })
}

/// One request over one connection; `None` when the server went away meanwhile.
pub(crate) fn try_call(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let headers = headers.iter().fold(String::new(), |all, (name, value)| all + name + ": " + value + "\r\n");
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Waits for something that happens soon.
pub(crate) fn until(happened: impl FnMut() -> bool) {
    within(PATIENCE, happened);
}

/// Waits for something that has to happen in this time.
pub(crate) fn within(time: Duration, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + time;
    while !happened() {
        assert!(Instant::now() < deadline, "it did not happen within {time:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Every file below a folder, whole.
pub(crate) fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// Reads lines into a text as they come, and passes them on.
fn collect(stream: impl std::io::Read + Send + 'static) -> (Arc<Mutex<String>>, Receiver<String>) {
    let text = Arc::<Mutex<String>>::default();
    let (sender, lines) = channel();
    let sink = Arc::clone(&text);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut text = sink.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
            let _ = sender.send(line);
        }
    });
    (text, lines)
}
