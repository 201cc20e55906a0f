//! A MariaDB of one's own, to take away and to bring back.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A server in a folder of its own; it ends with this.
pub(crate) struct OwnServer(TempDir);

/// A client that stays connected.
pub(crate) struct Console {
    child: Child,
    answers: BufReader<ChildStdout>,
}

fn script(verb: &str, folder: &Path) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scripts/test-servers/mariadb.sh");
    let done = Command::new(script).arg(verb).arg(folder).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

impl OwnServer {
    /// Starts one.
    pub(crate) fn start() -> Self {
        let own = Self(TempDir::new().unwrap());
        own.start_again();
        own
    }

    /// Starts it again, at the same address.
    pub(crate) fn start_again(&self) {
        script("start", self.0.path());
    }

    /// Ends it without warning.
    pub(crate) fn kill(&self) {
        script("stop", self.0.path());
    }

    /// It hangs: connections are accepted, and nothing is answered.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// It goes on.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = fs::read_to_string(self.0.path().join("pid")).unwrap();
        kill_process(Pid::from_raw(pid.trim().parse().unwrap()).unwrap(), signal).unwrap();
    }

    /// A client of a database that stays connected.
    pub(crate) fn console(&self, database: &str) -> Console {
        let mut child = Command::new("mariadb")
            .args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--user=root", "--batch"])
            .args(["--unbuffered", "--skip-column-names", &format!("--port={}", self.port()), database])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Console { child, answers }
    }

    /// Its port.
    pub(crate) fn port(&self) -> String {
        fs::read_to_string(self.0.path().join("port")).unwrap().trim().to_owned()
    }
}

impl Console {
    /// Runs a statement.
    pub(crate) fn say(&mut self, statement: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{statement}; SELECT 'done';").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), "done");
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.kill();
    }
}
