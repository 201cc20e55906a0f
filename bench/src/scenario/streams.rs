//! What an event of a stream costs.

use anyhow::Result;

use super::{
    Effort,
    turns::{start_all, take},
};
use crate::{
    fixture::Route,
    lab::{Lab, Subject},
    load::Requests,
    report::Section,
    targets,
};

const STREAMS: usize = 64;
const EVENTS: u32 = 250;
/// Long enough that no proxy finds two events of a stream in one read.
const GAP_MS: u64 = 4;

pub(super) fn run(lab: &Lab, subjects: &[Subject], effort: Effort) -> Result<Section> {
    let mut section = Section::new(
        "Streaming",
        "64 streams of server-sent events, an event every 4 ms on each, so that every event travels alone.",
    );
    let running = start_all(lab, subjects)?;
    let turns = take(&running, effort.rounds, |subject| Requests {
        endpoints: vec![subject.endpoint()],
        route: Route::Stream { events: EVENTS as usize, gap_ms: GAP_MS },
        connections: STREAMS,
        count: 64 * effort.scale,
        seconds: 60,
        rate: None,
    })?;
    section.rows.extend(turns.rows(
        "CPU per 10 000 events",
        "s",
        |cpu, outcome| cpu / f64::from(outcome.completed * EVENTS) * 10_000.0,
        |base| (base == Subject::NginxSwap).then_some(targets::CPU_EVENT),
    ));
    Ok(section)
}
