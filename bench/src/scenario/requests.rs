//! What a request costs under full load, and how long it takes then.

use anyhow::Result;

use super::{
    Effort,
    turns::{start_all, take},
};
use crate::{
    admin,
    fixture::Route,
    lab::{Lab, Subject},
    load::Requests,
    report::{Amount, Row, Section, Target},
    targets,
};

pub(super) fn run(lab: &Lab, subjects: &[Subject], effort: Effort) -> Result<Section> {
    let mut section = Section::new(
        "Requests under full load",
        "Closed loop, keep-alive on both sides: a POST of 240 bytes is answered with 976 bytes of JSON. Processor time \
         is user + system time of the proxy's processes, its background work included.",
    );
    let running = start_all(lab, subjects)?;
    for (connections, requests) in [(1, 3_000), (64, 8_000), (256, 8_000)] {
        let turns = take(&running, effort.rounds, |subject| Requests {
            endpoints: vec![subject.endpoint()],
            route: Route::Plain,
            connections,
            count: requests * effort.scale,
            seconds: 30,
            rate: None,
        })?;
        let at = format!("at {connections} connection{}", if connections == 1 { "" } else { "s" });
        section.rows.extend(turns.rows(
            &format!("CPU per 10 000 requests {at}"),
            "s",
            |cpu, outcome| cpu / f64::from(outcome.completed) * 10_000.0,
            |base| target(connections, base),
        ));
        let (p50, p99) = (format!("p50 {at}"), format!("p99 {at}"));
        section.rows.extend(turns.rows(&p50, "µs", |_, outcome| outcome.latency.p50, |_| None));
        section.rows.extend(turns.rows(&p99, "µs", |_, outcome| outcome.latency.p99, |_| None));
    }
    for ours in running.iter().filter(|running| running.subject == Subject::Rotator) {
        let lost = Amount(admin::records_lost(ours.address)?, "");
        let row = Row::new("records lost to the request log", ours.subject.name(), lost);
        section.rows.push(row.judged(Some(targets::RECORDS_LOST)));
    }
    Ok(section)
}

fn target(connections: usize, base: Subject) -> Option<Target> {
    match (connections, base) {
        (64, Subject::NginxFull) => Some(targets::CPU_FULL_64),
        (64, Subject::NginxSwap) => Some(targets::CPU_SWAP_64),
        (256, Subject::NginxSwap) => Some(targets::CPU_SWAP_256),
        _ => None,
    }
}
