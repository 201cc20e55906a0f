//! What a proxy adds to the time of a request: asked directly and through each proxy, request by request in turns.

use anyhow::Result;

use super::{Effort, turns::start_all};
use crate::{
    fixture::Route,
    lab::{Lab, Running, Subject, send},
    load::{Outcome, Requests},
    report::{Amount, Row, Section, Target},
    stats, targets,
};

/// Far below what any subject can serve.
const RATE: u32 = 2_000;

pub(super) fn run(lab: &Lab, subjects: &[Subject], effort: Effort) -> Result<Section> {
    let mut section = Section::new(
        "Added latency",
        "Requests go to the upstream directly and through each proxy in turns; the difference of the medians (or of \
         the 99th percentiles) is what the proxy adds.",
    );
    let running = start_all(lab, subjects)?;
    let plan = |route, connections, rate| Requests {
        endpoints: std::iter::once(lab.direct()).chain(running.iter().map(Running::endpoint)).collect(),
        route,
        connections,
        count: 4_000 * effort.scale,
        seconds: 30,
        rate,
    };

    let alone = || plan(Route::Plain, 1, None);
    let added = measure(effort, alone)?;
    section.rows.extend(rows(
        "added p50 at 1 connection",
        subjects,
        &added,
        |o| o.latency.p50,
        Some(targets::ADDED_LATENCY),
    ));

    let paced = || plan(Route::Plain, 64, Some(RATE));
    let added = measure(effort, paced)?;
    let name = format!("at {RATE} requests/s in all, over 64 connections");
    section.rows.extend(rows(&format!("added p50 {name}"), subjects, &added, |o| o.latency.p50, None));
    section.rows.extend(rows(&format!("added p99 {name}"), subjects, &added, |o| o.latency.p99, None));

    let first_event =
        || Requests { count: 1_000 * effort.scale, ..plan(Route::Stream { events: 2, gap_ms: 1 }, 1, None) };
    let added = measure(effort, first_event)?;
    let target = Some(targets::ADDED_FIRST_BYTE);
    section.rows.extend(rows(
        "added time to first byte of a stream",
        subjects,
        &added,
        |o| o.first_byte.p50,
        target,
    ));
    Ok(section)
}

fn measure(effort: Effort, plan: impl Fn() -> Requests) -> Result<Vec<Vec<Outcome>>> {
    (0..effort.rounds).map(|_| send(plan())).collect()
}

/// The rows of one quantile; the first outcome of each round is the upstream's own.
fn rows(
    measure: &str,
    subjects: &[Subject],
    rounds: &[Vec<Outcome>],
    quantile: impl Fn(&Outcome) -> f64,
    target: Option<Target>,
) -> Vec<Row> {
    let values = |index: usize| rounds.iter().map(|outcomes| quantile(&outcomes[index])).collect::<Vec<_>>();
    let direct = values(0);
    let row = |(index, subject): (usize, &Subject)| {
        let added = stats::paired_difference(&values(index + 1), &direct);
        let target = target.filter(|_| *subject == Subject::Rotator);
        Row::new(measure, subject.name(), Amount(added, "µs")).judged(target)
    };
    subjects.iter().enumerate().map(row).collect()
}
