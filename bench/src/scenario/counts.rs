//! What no other process can disturb: instructions and system calls per request.

use anyhow::Result;

use crate::{
    fixture::Route,
    lab::{Lab, Mode, Subject, send},
    load::Requests,
    report::{Amount, Row, Section, Target},
    targets,
    tool::Tool,
};

/// Two runs of different length: what starting and connecting takes is in both, and falls out of their difference.
const SHORT: u32 = 1_000;
const LONG: u32 = 5_000;

pub(super) fn run(lab: &Lab, subjects: &[Subject]) -> Result<Section> {
    let mut section = Section::new(
        "Instructions and system calls",
        "One worker, 64 connections, everything switched on; user instructions by callgrind, system calls by strace. \
         These two barely depend on the machine, nor on what else it does.",
    );
    section.rows.extend(rows(
        "user instructions per request",
        lab,
        subjects,
        Tool::Callgrind,
        targets::INSTRUCTIONS,
    )?);
    section.rows.extend(rows(
        "system calls per request",
        lab,
        subjects,
        Tool::Strace,
        targets::SYSTEM_CALLS,
    )?);
    Ok(section)
}

/// What one request costs, background work included.
pub(crate) fn per_request(lab: &Lab, subject: Subject, tool: Tool) -> Result<f64> {
    let (short, long) = (count(lab, subject, tool, SHORT)?, count(lab, subject, tool, LONG)?);
    Ok((long - short) / f64::from(LONG - SHORT))
}

fn rows(measure: &str, lab: &Lab, subjects: &[Subject], tool: Tool, target: Target) -> Result<Vec<Row>> {
    tool.check()?;
    let row = |subject: &Subject| {
        let amount = Amount(per_request(lab, *subject, tool)?, "");
        let target = (*subject == Subject::Rotator).then_some(target);
        Ok(Row::new(measure, subject.name(), amount).judged(target))
    };
    subjects.iter().map(row).collect()
}

fn count(lab: &Lab, subject: Subject, tool: Tool, requests: u32) -> Result<f64> {
    let running = lab.start(subject, Mode::Counted(tool))?;
    send(Requests {
        endpoints: vec![running.endpoint()],
        route: Route::Plain,
        connections: 64,
        count: requests,
        seconds: 60,
        rate: None,
    })?;
    running.end_and_count(tool)
}
