//! A child process that ends with its handle, whatever happens.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::accounting;

/// How long a server may take to start or to end; under callgrind everything takes fifty times as long.
const PATIENCE: Duration = Duration::from_secs(40);

/// A server, or a helper of the harness itself.
pub(crate) struct Process {
    child: Child,
    name: &'static str,
}

impl Process {
    /// Starts a server that writes what it has to say to a log file.
    pub(crate) fn server(name: &'static str, command: &mut Command, log: &Path) -> Result<Self> {
        let output = File::create(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Self::spawn(name, command)
    }

    /// Starts this very program in another role. It ends when its standard input does, so even a harness that is
    /// killed leaves none behind.
    pub(crate) fn helper(arguments: &[&str]) -> Result<(Self, Lines)> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Self::spawn("helper", &mut command)?;
        let output = process.child.stdout.take().context("a child without its output")?;
        Ok((process, Lines(BufReader::new(output))))
    }

    fn spawn(name: &'static str, command: &mut Command) -> Result<Self> {
        let child = command.spawn().with_context(|| {
            format!("cannot start {}: is it installed? see scripts/install-bench-tools.sh", program(command))
        })?;
        Ok(Self { child, name })
    }

    /// Of the process that was started.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, by itself or not.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits until a server is ready; if it ends instead, says what it wrote.
    pub(crate) fn wait_for(&mut self, log: &Path, is_ready: impl Fn() -> bool) -> Result<()> {
        wait_until(PATIENCE, || {
            if self.has_ended()? {
                bail!("{} does not start: {}", self.name, fs::read_to_string(log)?);
            }
            Ok(is_ready())
        })
    }

    /// Asks a process of this tree to end, and waits until the whole has.
    pub(crate) fn terminate(mut self, pid: u32) -> Result<()> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no process id")?;
        kill_process(pid, Signal::TERM)?;
        wait_until(PATIENCE, || self.has_ended()).with_context(|| format!("{} does not end", self.name))
    }

    /// Waits for a helper that ends by itself.
    pub(crate) fn join(mut self) -> Result<()> {
        let status = self.child.wait()?;
        ensure!(status.success(), "a measurement failed; what is above says why");
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let descendants = accounting::descendants(self.id()).unwrap_or_default();
        // The parent first: nginx's would replace a worker that ends. What has ended meanwhile is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for pid in descendants.into_iter().filter_map(|pid| Pid::from_raw(pid.try_into().ok()?)) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// What a helper prints.
pub(crate) struct Lines(BufReader<ChildStdout>);

impl Lines {
    /// The next line; an error when the helper ended instead.
    pub(crate) fn next(&mut self) -> Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        ensure!(!line.is_empty(), "a helper ended; what is above says why");
        Ok(line.trim_end().into())
    }
}

/// Asks again and again until the answer is yes.
pub(crate) fn wait_until(limit: Duration, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !done()? {
        if start.elapsed() > limit {
            bail!("waited {} s in vain", limit.as_secs());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// An address on which nobody listens at the moment.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn program(command: &Command) -> String {
    PathBuf::from(command.get_program()).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many processes run with this argument.
    fn running(argument: &str) -> usize {
        let folders = fs::read_dir("/proc").unwrap().flatten();
        let commands = folders.filter_map(|folder| fs::read_to_string(folder.path().join("cmdline")).ok());
        commands.filter(|command| command.split('\0').any(|word| word == argument)).count()
    }

    #[test]
    fn dropping_a_process_ends_its_descendants_even_if_it_would_replace_them() {
        let folder = tempfile::tempdir().unwrap();
        let mark = format!("60.{}", std::process::id());
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do sleep $0; done", &mark]);
        let process = Process::server("sh", &mut command, &folder.path().join("log")).unwrap();
        wait_until(Duration::from_secs(5), || Ok(running(&mark) == 2)).unwrap();

        drop(process);

        wait_until(Duration::from_secs(5), || Ok(running(&mark) == 0)).unwrap();
    }

    #[test]
    fn a_server_that_ends_instead_of_listening_is_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such setting >&2; exit 2"]);
        let mut process = Process::server("sh", &mut command, &log).unwrap();

        let error = process.wait_for(&log, || false).unwrap_err();

        assert!(error.to_string().contains("no such setting"));
    }
}
