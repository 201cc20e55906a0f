//! The participants of a measurement: the mock upstream, and the proxies before it.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::{
    accounting, admin,
    fixture::Endpoint,
    load::{Outcome, Plan, Requests},
    nginx::{self, Setup},
    process::{Lines, Process, free_address},
    rotator::{self, Seed},
    tool::Tool,
};

/// Workers of every proxy, unless a tool counts.
const WORKERS: usize = 2;

/// Which an nginx worker has room for: 256 clients, as many connections to the upstream, and some to spare.
const CONNECTIONS: u32 = 768;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Subject {
    /// nginx that puts one key on every request.
    NginxSwap,
    /// nginx that does our job: access check, key rotation, JSON log.
    NginxFull,
    /// Us, with everything switched on.
    Rotator,
}

/// The upstream, and how to start what stands before it.
pub(crate) struct Lab {
    upstream: SocketAddr,
    rotator: Option<(PathBuf, Seed)>,
    _upstream: (Process, Lines),
}

/// How a proxy is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As in production.
    Free,
    /// As in production, with room for so many open streams.
    Crowded(u32),
    /// As in production, as one of several instances.
    Sharing(Sharing),
    /// With one worker, under a tool that counts.
    Counted(Tool),
}

/// Where turns come from, and how many at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sharing {
    pub(crate) redis: SocketAddr,
    pub(crate) lease: u16,
}

/// A proxy that is ready.
pub(crate) struct Running {
    pub(crate) subject: Subject,
    pub(crate) address: SocketAddr,
    process: Process,
    mode: Mode,
    folder: TempDir,
}

impl Subject {
    /// As in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NginxSwap => "nginx swap",
            Self::NginxFull => "nginx full",
            Self::Rotator => rotator::BINARY,
        }
    }
}

impl Lab {
    /// Starts the upstream, and prepares the rotator if it is among the subjects.
    pub(crate) fn open(subjects: &[Subject]) -> Result<Self> {
        let (process, mut lines) = Process::helper(&["upstream"])?;
        let upstream = lines.next()?.parse()?;
        let rotator = if subjects.contains(&Subject::Rotator) {
            let binary = rotator::find_binary()?;
            let seed = Seed::prepare(&binary, upstream)?;
            Some((binary, seed))
        } else {
            None
        };
        Ok(Self { upstream, rotator, _upstream: (process, lines) })
    }

    /// The upstream itself, to be asked without a proxy.
    pub(crate) fn direct(&self) -> Endpoint {
        Endpoint::Direct(self.upstream)
    }

    /// Starts a proxy and waits until it is ready.
    pub(crate) fn start(&self, subject: Subject, mode: Mode) -> Result<Running> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let mut command = self.command(subject, mode, folder.path(), address)?;
        let log = folder.path().join("log");
        let mut process = Process::server(subject.name(), &mut command, &log)?;
        process.wait_for(&log, || match subject {
            Subject::Rotator => admin::is_ready(address),
            Subject::NginxSwap | Subject::NginxFull => TcpStream::connect(address).is_ok(),
        })?;
        Ok(Running { subject, address, process, mode, folder })
    }

    fn command(&self, subject: Subject, mode: Mode, folder: &Path, address: SocketAddr) -> Result<Command> {
        let workers = if matches!(mode, Mode::Counted(_)) { 1 } else { WORKERS };
        let start = |program: &Path| match mode {
            Mode::Free | Mode::Crowded(_) | Mode::Sharing(_) => Command::new(program),
            Mode::Counted(tool) => tool.command(program, &folder.join(COUNTED)),
        };
        let template = match subject {
            Subject::NginxSwap => nginx::SWAP,
            Subject::NginxFull => nginx::FULL,
            Subject::Rotator => {
                let (binary, seed) = self.rotator.as_ref().context("the rotator was not prepared")?;
                seed.copy_to(folder)?;
                let mut command = rotator::configure(start(binary), folder, address, workers);
                if let Mode::Sharing(sharing) = mode {
                    rotator::share(&mut command, sharing);
                }
                return Ok(command);
            }
        };
        let connections = CONNECTIONS + if let Mode::Crowded(streams) = mode { 2 * streams } else { 0 };
        nginx::configure(
            template,
            &Setup { folder, listen: address, upstream: self.upstream, workers, connections },
        )?;
        let mut command = start(Path::new("nginx"));
        command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf"));
        Ok(command)
    }
}

/// The file that a counting tool writes.
const COUNTED: &str = "counted";

impl Running {
    /// The proxy, to be asked for the upstream.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Proxied(self.address)
    }

    /// Processor time used so far, in seconds.
    pub(crate) fn cpu(&self) -> Result<f64> {
        Ok(accounting::cpu(self.process.id())?.as_secs_f64())
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> Result<f64> {
        accounting::resident_kib(self.process.id()).map(f64::from)
    }

    /// Ends the proxy and says what the tool counted.
    pub(crate) fn end_and_count(self, tool: Tool) -> Result<f64> {
        let pid = match self.mode {
            // strace runs the server as its child, callgrind inside itself.
            Mode::Counted(Tool::Strace) => {
                *accounting::descendants(self.process.id())?.first().context("strace runs nothing")?
            }
            Mode::Counted(Tool::Callgrind) | Mode::Free | Mode::Crowded(_) | Mode::Sharing(_) => {
                self.process.id()
            }
        };
        self.process.terminate(pid)?;
        tool.total(&fs::read_to_string(self.folder.path().join(COUNTED))?)
    }
}

/// Runs clients until they are done: one outcome per endpoint.
pub(crate) fn send(requests: Requests) -> Result<Vec<Outcome>> {
    let plan = serde_json::to_string(&Plan::Requests(requests))?;
    let (process, mut lines) = Process::helper(&["load", &plan])?;
    let outcomes = lines.next()?;
    process.join()?;
    Ok(serde_json::from_str(&outcomes)?)
}

/// Opens silent streams, which stay open as long as what is returned.
pub(crate) fn hold(proxy: SocketAddr, streams: usize) -> Result<Process> {
    let plan = serde_json::to_string(&Plan::Hold { proxy, streams })?;
    let (process, mut lines) = Process::helper(&["load", &plan])?;
    lines.next()?;
    Ok(process)
}
