//! From nothing to ready.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::Effort;
use crate::{
    admin,
    process::{Process, free_address},
    report::{Amount, Row, Section},
    rotator, stats, targets,
};

pub(super) fn run(effort: Effort) -> Result<Section> {
    let mut section = Section::new(
        "Cold start",
        "From starting the process in an empty folder, which includes making its databases, to the first 200 of \
         `/readyz`.",
    );
    let starts = (0..effort.rounds).map(|_| start().map(|took| took.as_secs_f64() * 1e3));
    let starts = starts.collect::<Result<Vec<_>>>()?;
    let amount = Amount(stats::median(starts), "ms");
    section.rows.push(Row::new("start to ready", rotator::BINARY, amount).judged(Some(targets::COLD_START)));
    Ok(section)
}

fn start() -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let address = free_address()?;
    let log = folder.path().join("log");
    let mut command = rotator::configure(Command::new(rotator::find_binary()?), folder.path(), address, 2);
    let start = Instant::now();
    let mut process = Process::server(rotator::BINARY, &mut command, &log)?;
    process.wait_for(&log, || admin::is_ready(address))?;
    Ok(start.elapsed())
}
