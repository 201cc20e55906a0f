//! Resident memory: at rest, after work, and with many streams open.

use std::{thread, time::Duration};

use anyhow::Result;

use crate::{
    fixture::Route,
    lab::{Lab, Mode, Subject, hold, send},
    limits,
    load::Requests,
    report::{Amount, Row, Section, Target},
    targets,
};

/// Until what was started or opened has come to rest.
const REST: Duration = Duration::from_secs(1);
const FEW: u32 = 1_000;
const MANY: u32 = 10_000;
const KIB_PER_MIB: f64 = 1024.0;

pub(super) fn run(lab: &Lab, subjects: &[Subject]) -> Result<Section> {
    let mut section = Section::new(
        "Memory",
        "Resident memory of the proxy's processes. nginx's processes share pages, which count for each of them.",
    );
    let most = limits::raise()?.min(MANY);
    if most < MANY {
        section.notes.push(format!(
            "{most} streams instead of {MANY}: the system's hard limit of open files is too low."
        ));
    }
    let mut columns = Vec::new();
    for subject in subjects {
        let mut rows = used(lab, *subject)?;
        for level in [FEW, most] {
            rows.extend(streams(lab, *subject, level)?);
        }
        columns.push(rows.into_iter());
    }
    // Measure by measure, so that subjects stand below each other.
    loop {
        let before = section.rows.len();
        section.rows.extend(columns.iter_mut().filter_map(Iterator::next));
        if section.rows.len() == before {
            return Ok(section);
        }
    }
}

/// At rest, and after 256 connections with a request in flight on each.
fn used(lab: &Lab, subject: Subject) -> Result<Vec<Row>> {
    let running = lab.start(subject, Mode::Free)?;
    thread::sleep(REST);
    let idle = running.resident_kib()?;
    send(Requests {
        endpoints: vec![running.endpoint()],
        route: Route::Delayed { ms: 10 },
        connections: 256,
        count: 20_000,
        seconds: 30,
        rate: None,
    })?;
    thread::sleep(REST);
    let used = running.resident_kib()?;
    let row = |measure: &str, kib: f64, target| {
        Row::new(measure, subject.name(), Amount(kib / KIB_PER_MIB, "MiB")).judged(ours(subject, target))
    };
    Ok(vec![
        row("idle", idle, targets::MEMORY_IDLE),
        row("after 20 000 requests on 256 connections", used, targets::MEMORY_USED),
    ])
}

/// With streams open on which nothing happens.
fn streams(lab: &Lab, subject: Subject, streams: u32) -> Result<[Row; 2]> {
    let running = lab.start(subject, Mode::Crowded(streams))?;
    thread::sleep(REST);
    let idle = running.resident_kib()?;
    let open = hold(running.address, streams as usize)?;
    thread::sleep(REST);
    let used = running.resident_kib()?;
    drop(open);
    let row = |measure: &str, amount| {
        Row::new(format!("with {streams} open streams{measure}"), subject.name(), amount)
    };
    let each = row(", each", Amount((used - idle) / f64::from(streams), "KiB"));
    Ok([row("", Amount(used / KIB_PER_MIB, "MiB")), each.judged(ours(subject, targets::MEMORY_STREAM))])
}

fn ours(subject: Subject, target: Target) -> Option<Target> {
    (subject == Subject::Rotator).then_some(target)
}
