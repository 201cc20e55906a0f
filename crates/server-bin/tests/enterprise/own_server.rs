//! A MariaDB of one's own, to take away and to bring back.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::until;

/// A server in a folder of its own; it ends with this.
pub(crate) struct OwnServer(TempDir);

/// A client that stays connected.
pub(crate) struct Console {
    child: Child,
    answers: BufReader<ChildStdout>,
}

/// Clients that have every connection there is.
pub(crate) struct TakenConnections(Vec<Console>);

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

    /// Ends it as an operator does.
    pub(crate) fn end(&self) {
        self.signal(Signal::TERM);
        until(|| !self.0.path().join("pid").exists());
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

    /// A client that stays connected, of a database.
    pub(crate) fn console(&self, database: &str) -> Console {
        let mut child = Command::new("mariadb")
            .args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--user=root", "--batch"])
            .args([
                "--force",
                "--unbuffered",
                "--skip-column-names",
                &format!("--port={}", self.port()),
                database,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut console = Console { child, answers };
        console.say("DO 0");
        console
    }

    /// Leaves no connection for the programs that use a database, until what is answered ends.
    pub(crate) fn take_every_connection(&self, database: &str) -> TakenConnections {
        // Ten is the least that a server can be told, and the operator has one beyond that.
        let mut consoles: Vec<_> = (0..12).map(|_| self.console("mysql")).collect();
        let console = &mut consoles[0];
        console.say("SET @before = @@max_connections, GLOBAL max_connections = 10");
        // Its columns are the id, the user, where from, and the database.
        for connection in console.say("SHOW PROCESSLIST") {
            let columns: Vec<_> = connection.split('\t').collect();
            if columns[3] == database {
                console.say(&format!("KILL {}", columns[0]));
            }
        }
        TakenConnections(consoles)
    }

    /// Its port.
    pub(crate) fn port(&self) -> String {
        fs::read_to_string(self.0.path().join("port")).unwrap().trim().to_owned()
    }
}

impl Console {
    /// Runs statements; answers their rows.
    pub(crate) fn say(&mut self, statements: &str) -> Vec<String> {
        writeln!(self.child.stdin.as_mut().unwrap(), "{statements}; SELECT 'done';").unwrap();
        let mut rows = Vec::new();
        loop {
            let mut row = Vec::new();
            assert_ne!(self.answers.read_until(b'\n', &mut row).unwrap(), 0, "it ended at: {statements}");
            match String::from_utf8_lossy(&row).trim() {
                "done" => return rows,
                row => rows.push(row.to_owned()),
            }
        }
    }

    /// A variable of the server's status.
    pub(crate) fn status(&mut self, name: &str) -> u64 {
        let rows = self.say(&format!("SHOW GLOBAL STATUS LIKE '{name}'"));
        rows[0].split('\t').nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for TakenConnections {
    fn drop(&mut self) {
        self.0[0].say("SET GLOBAL max_connections = @before");
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
