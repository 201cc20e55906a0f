//! What it costs that instances share their turns over Redis.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::{Effort, turns::take};
use crate::{
    awake,
    fixture::{Endpoint, Route},
    lab::{Lab, Mode, Running, Sharing, Subject, send},
    load::{Outcome, Requests},
    process::{Process, free_address},
    report::{Amount, Row, Section, Target},
    rotator, stats, targets,
};

const CONNECTIONS: usize = 64;
/// Far below what an instance can serve.
const RATE: u32 = 2_000;
const MEMORY: &str = "turns in memory";

/// Turns from Redis, so many at a time.
struct Shared {
    name: &'static str,
    lease: u16,
    target: Option<Target>,
}

const SHARED: [Shared; 3] = [
    Shared { name: "Redis", lease: 1, target: Some(targets::CPU_SHARED) },
    Shared { name: "Redis, ROTATION_LEASE=16", lease: 16, target: None },
    Shared { name: "Redis, ROTATION_LEASE=256", lease: 256, target: Some(targets::CPU_SHARED_256) },
];

/// A Redis of our own.
struct Redis {
    address: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

pub(super) fn run(lab: &Lab, effort: Effort) -> Result<Section> {
    let mut section = Section::new(
        "Turns from Redis",
        "The enterprise build, as one instance with turns in its memory, and with turns from a Redis on the same \
         machine. Processor time is that of the instance.",
    );
    if !rotator::is_enterprise()? {
        section
            .notes
            .push("Not measured: this is the lightweight build. `make bench-sharing` measures it.".into());
        return Ok(section);
    }
    let redis = Redis::start()?;
    let mut running = vec![lab.start(Subject::Rotator, Mode::Free)?];
    for Shared { lease, .. } in SHARED {
        let sharing = Sharing { redis: redis.address, lease };
        running.push(lab.start(Subject::Rotator, Mode::Sharing(sharing))?);
    }
    section.rows.extend(costs(&running, effort)?);
    section.rows.extend(added(&running[0], &running[1], effort)?);
    for Shared { lease, .. } in SHARED {
        let count = if lease == 1 { 8_000 * effort.scale } else { 1 };
        ensure!(redis.turns(lease)? >= count, "turns did not come from Redis");
    }
    Ok(section)
}

fn costs(running: &[Running], effort: Effort) -> Result<Vec<Row>> {
    let turns = take(running, effort.rounds, |subject| {
        requests(vec![subject.endpoint()], 8_000 * effort.scale, None)
    })?;
    let cpu = turns.figures(|cpu, outcome| cpu / f64::from(outcome.completed) * 10_000.0);
    let row = |name, cpu: &[f64]| {
        let amount = Amount(stats::median(cpu.iter().copied()), "s");
        Row::new(format!("CPU per 10 000 requests at {CONNECTIONS} connections"), name, amount)
    };
    let mut rows = vec![row(MEMORY, &cpu[0])];
    for (Shared { name, target, .. }, shared) in SHARED.iter().zip(&cpu[1..]) {
        let ratio = stats::paired_ratio(shared, &cpu[0]);
        rows.push(row(name, shared).against(MEMORY, ratio).judged(*target));
    }
    Ok(rows)
}

/// What turns from Redis add to the time of a request, request by request in turns.
fn added(memory: &Running, shared: &Running, effort: Effort) -> Result<[Row; 2]> {
    let _awake = awake::keep()?;
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let endpoints = vec![memory.endpoint(), shared.endpoint()];
        let outcomes = send(requests(endpoints, 2_000 * effort.scale, Some(RATE)))?;
        let difference = |figure: fn(&Outcome) -> f64| figure(&outcomes[1]) - figure(&outcomes[0]);
        p50.push(difference(|outcome| outcome.latency.p50));
        p99.push(difference(|outcome| outcome.latency.p99));
    }
    let row = |what: &str, added: Vec<f64>| {
        let measure = format!("{what} added at {RATE} requests/s in all, over {CONNECTIONS} connections");
        Row::new(measure, SHARED[0].name, Amount(stats::median(added), "µs"))
    };
    Ok([row("p50", p50), row("p99", p99).judged(Some(targets::ADDED_BY_REDIS))])
}

fn requests(endpoints: Vec<Endpoint>, count: u32, rate: Option<u32>) -> Requests {
    Requests { endpoints, route: Route::Plain, connections: CONNECTIONS, count, seconds: 30, rate }
}

impl Redis {
    fn start() -> Result<Self> {
        let (folder, address) = (tempfile::tempdir()?, free_address()?);
        let mut command = Command::new("redis-server");
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        command.args(["--bind", &host, "--port", &port, "--save", ""]).current_dir(folder.path());
        let log = folder.path().join("log");
        let mut process = Process::server("redis-server", &mut command, &log)?;
        process.wait_for(&log, || TcpStream::connect(address).is_ok())?;
        Ok(Self { address, _process: process, _folder: folder })
    }

    /// How many turns have been taken.
    fn turns(&self, lease: u16) -> Result<u32> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(stream, "GET {}\r\n", rotator::turns_name(lease))?;
        // The length of the number, and the number.
        let turns = BufReader::new(stream).lines().nth(1).context("Redis does not know of any turns")??;
        Ok(turns.parse()?)
    }
}
