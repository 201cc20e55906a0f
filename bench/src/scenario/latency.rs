//! What a proxy adds to the time of a request: asked directly and through it, request by request in turns.

use anyhow::Result;

use super::{Effort, turns::start_all};
use crate::{
    awake,
    fixture::Route,
    lab::{Lab, Running, Subject, send},
    load::{Outcome, Requests},
    report::{Amount, Row, Section, Target},
    stats, targets,
};

/// Far below what any subject can serve.
const RATE: u32 = 2_000;

/// What one subject added in each round, in µs.
struct Added {
    subject: Subject,
    p50: Vec<f64>,
    p99: Vec<f64>,
    first_byte: Vec<f64>,
}

pub(super) fn run(lab: &Lab, subjects: &[Subject], effort: Effort) -> Result<Section> {
    let mut section = Section::new(
        "Added latency",
        "Requests go to the upstream directly and through one proxy in turns; the difference of the medians (or of the \
         99th percentiles) is what the proxy adds. A process of the lowest priority (SCHED_IDLE) keeps the processors \
         awake, since waking one of a virtual machine takes longer than the proxy does.",
    );
    let running = start_all(lab, subjects)?;
    let _awake = awake::keep()?;
    let plan = |proxy: &Running, route, connections, rate, count| Requests {
        endpoints: vec![lab.direct(), proxy.endpoint()],
        route,
        connections,
        count: count * effort.scale,
        seconds: 30,
        rate,
    };

    let added = measure(effort, &running, |proxy| plan(proxy, Route::Plain, 1, None, 2_000))?;
    let target = Some(targets::ADDED_LATENCY);
    section.rows.extend(rows("added p50 at 1 connection", &added, |added| &added.p50, target));

    let added = measure(effort, &running, |proxy| plan(proxy, Route::Plain, 64, Some(RATE), 2_000))?;
    let name = format!("at {RATE} requests/s in all, over 64 connections");
    section.rows.extend(rows(&format!("added p50 {name}"), &added, |added| &added.p50, None));
    section.rows.extend(rows(&format!("added p99 {name}"), &added, |added| &added.p99, None));

    let stream = Route::Stream { events: 2, gap_ms: 1 };
    let added = measure(effort, &running, |proxy| plan(proxy, stream, 1, None, 500))?;
    let target = Some(targets::ADDED_FIRST_BYTE);
    section.rows.extend(rows(
        "added time to first byte of a stream",
        &added,
        |added| &added.first_byte,
        target,
    ));
    Ok(section)
}

/// The subjects take turns, so that what slows the machine for a while slows all of them.
fn measure(effort: Effort, running: &[Running], plan: impl Fn(&Running) -> Requests) -> Result<Vec<Added>> {
    let mut all: Vec<Added> = (running.iter())
        .map(|proxy| Added { subject: proxy.subject, p50: vec![], p99: vec![], first_byte: vec![] })
        .collect();
    for _ in 0..effort.rounds {
        for (proxy, added) in running.iter().zip(&mut all) {
            let outcomes = send(plan(proxy))?;
            let difference = |figure: fn(&Outcome) -> f64| figure(&outcomes[1]) - figure(&outcomes[0]);
            added.p50.push(difference(|outcome| outcome.latency.p50));
            added.p99.push(difference(|outcome| outcome.latency.p99));
            added.first_byte.push(difference(|outcome| outcome.first_byte.p50));
        }
    }
    Ok(all)
}

/// One row per subject, and one more for each that ours is compared with.
fn rows(
    measure: &str,
    all: &[Added],
    figure: impl Fn(&Added) -> &Vec<f64>,
    target: Option<Target>,
) -> Vec<Row> {
    let mut rows = Vec::new();
    for added in all {
        let amount = Amount(stats::median(figure(added).iter().copied()), "µs");
        let row = || Row::new(measure, added.subject.name(), amount);
        if added.subject != Subject::Rotator {
            rows.push(row());
            continue;
        }
        rows.push(row().judged(target));
        for base in all.iter().filter(|base| base.subject != Subject::Rotator) {
            let ratio = stats::paired_ratio(figure(added), figure(base));
            rows.push(row().against(base.subject.name(), ratio));
        }
    }
    rows
}
