//! What an event of a stream costs.

use anyhow::Result;

use super::{
    Effort,
    turns::{start_all, take},
};
use crate::{
    fixture::{Endpoint, Route},
    lab::{Lab, Subject},
    load::{Outcome, Requests},
    report::{Amount, Row, Section},
    stats, targets,
};

const STREAMS: usize = 64;
const EVENTS: u32 = 250;
/// Long enough that no proxy finds two events of a stream in one read.
const GAP_MS: u64 = 4;
/// What the LLM service's upstream is asked for.
pub(crate) const CHAT: Route = Route::Chat { events: EVENTS as usize, gap_ms: GAP_MS };

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
    section.rows.extend(turns.rows("CPU per 10 000 events", "s", per_10_000_events, |base| {
        (base == Subject::NginxSwap).then_some(targets::CPU_EVENT)
    }));
    drop(running);
    if subjects.contains(&Subject::Rotator) {
        section.rows.extend(translated(lab, effort)?);
    }
    Ok(section)
}

/// The same stream of an LLM to clients that speak its format, and to clients that do not.
fn translated(lab: &Lab, effort: Effort) -> Result<[Row; 2]> {
    let running = start_all(lab, &[Subject::Rotator, Subject::Rotator])?;
    let passing = running[0].address;
    let turns = take(&running, effort.rounds, |subject| Requests {
        endpoints: vec![match subject.address {
            address if address == passing => Endpoint::Chat(address),
            address => Endpoint::Messages(address),
        }],
        route: CHAT,
        connections: STREAMS,
        count: 64 * effort.scale,
        seconds: 60,
        rate: None,
    })?;
    let figures = turns.figures(per_10_000_events);
    let [passed, translated] = [&figures[0], &figures[1]];
    let row = |what: &str, figures: &[f64]| {
        let measure = format!("CPU per 10 000 events of an LLM, {what}");
        Row::new(measure, Subject::Rotator.name(), Amount(stats::median(figures.iter().copied()), "s"))
    };
    Ok([
        row("passed through", passed),
        row("translated", translated)
            .against("passed through", stats::paired_ratio(translated, passed))
            .judged(Some(targets::CPU_TRANSLATED_EVENT)),
    ])
}

fn per_10_000_events(cpu: f64, outcome: &Outcome) -> f64 {
    cpu / f64::from(outcome.completed * EVENTS) * 10_000.0
}
