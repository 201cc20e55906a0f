//! The two counters that give the same answer on a busy machine as on an idle one.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// What runs a server in order to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// User instructions, by valgrind's callgrind.
    Callgrind,
    /// System calls, by strace.
    Strace,
}

impl Tool {
    /// Stops with a sentence if the tool is not there.
    pub(crate) fn check(self) -> Result<()> {
        let mut version = Command::new(self.program());
        let found = version.arg("--version").stdout(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            bail!("{} is not installed: run scripts/install-bench-tools.sh", self.program());
        }
        Ok(())
    }

    /// The command that runs a program and writes what it counted to a file.
    pub(crate) fn command(self, program: impl AsRef<OsStr>, output: &Path) -> Command {
        let mut command = Command::new(self.program());
        match self {
            Self::Callgrind => {
                let mut file = OsStr::new("--callgrind-out-file=").to_owned();
                file.push(output);
                command.args(["--tool=callgrind", "--quiet"]).arg(file)
            }
            Self::Strace => command.args(["-f", "-c", "-o"]).arg(output).arg("--"),
        };
        command.arg(program);
        command
    }

    /// Reads the total from what the tool wrote.
    pub(crate) fn total(self, text: &str) -> Result<f64> {
        let total = match self {
            Self::Callgrind => callgrind_total(text),
            Self::Strace => strace_total(text),
        };
        total.with_context(|| format!("{} wrote no total:\n{text:.500}", self.program()))
    }

    fn program(self) -> &'static str {
        match self {
            Self::Callgrind => "valgrind",
            Self::Strace => "strace",
        }
    }
}

fn callgrind_total(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}

/// Adds up the column `calls`: the summary line has other columns in other versions.
fn strace_total(text: &str) -> Option<f64> {
    let rows = text.lines().skip_while(|line| !line.starts_with("---")).skip(1);
    let calls = rows.take_while(|line| !line.starts_with("---")).map(|row| row.split_whitespace().nth(3));
    calls.map(|calls| calls?.parse::<f64>().ok()).sum::<Option<f64>>().filter(|total| *total > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_callgrind_is_read() {
        let text =
            "# callgrind format\nversion: 1\nevents: Ir\nsummary: 12\n\nfn=(1)\n0 12\n\ntotals: 123456789\n";

        assert_eq!(Tool::Callgrind.total(text).ok(), Some(123_456_789.0));
        assert!(Tool::Callgrind.total("version: 1").is_err());
    }

    #[test]
    fn the_calls_of_strace_are_added_up() {
        let text = "% time     seconds  usecs/call     calls    errors syscall\n\
                    ------ ----------- ----------- --------- --------- ----------------\n \
                    60.12    0.002000          10       200         3 recvfrom\n \
                    39.88    0.001000           5       100           epoll_wait\n\
                    ------ ----------- ----------- --------- --------- ----------------\n\
                    100.00    0.003000          10       300         3 total\n";

        assert_eq!(Tool::Strace.total(text).ok(), Some(300.0));
        assert!(Tool::Strace.total("").is_err());
    }
}
