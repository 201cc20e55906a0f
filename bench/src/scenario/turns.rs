//! Subjects that take turns, so that what slows the machine for a while slows all of them.

use std::{thread, time::Duration};

use anyhow::Result;

use crate::{
    lab::{Lab, Mode, Running, Subject, send},
    load::{Outcome, Requests},
    report::{Amount, Row, Target},
    stats,
};

/// Longer than any subject waits before it writes down what it has done (its request log, say).
const SETTLE: Duration = Duration::from_secs(3);

/// What each subject did in each round.
pub(super) struct Turns {
    subjects: Vec<Subject>,
    /// Per subject and round: processor time in seconds, and what the clients saw.
    rounds: Vec<Vec<(f64, Outcome)>>,
}

/// Starts all subjects.
pub(super) fn start_all(lab: &Lab, subjects: &[Subject]) -> Result<Vec<Running>> {
    subjects.iter().map(|subject| lab.start(*subject, Mode::Free)).collect()
}

/// Lets the subjects take turns, after one that warms them up. The processor time of a round lasts until the subject's
/// next round begins, so that what it puts off is counted too.
pub(super) fn take(running: &[Running], rounds: usize, plan: impl Fn(&Running) -> Requests) -> Result<Turns> {
    for subject in running {
        send(plan(subject))?;
    }
    thread::sleep(SETTLE);
    let mut before: Vec<Vec<f64>> = running.iter().map(|_| Vec::new()).collect();
    let mut outcomes: Vec<Vec<Outcome>> = running.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (index, subject) in running.iter().enumerate() {
            before[index].push(subject.cpu()?);
            outcomes[index].extend(send(plan(subject))?);
        }
    }
    thread::sleep(SETTLE);
    for (index, subject) in running.iter().enumerate() {
        before[index].push(subject.cpu()?);
    }
    let used = before.iter().map(|cpu| cpu.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>());
    let rounds =
        used.zip(outcomes).map(|(used, outcomes)| used.into_iter().zip(outcomes).collect()).collect();
    Ok(Turns { subjects: running.iter().map(|r| r.subject).collect(), rounds })
}

impl Turns {
    /// A figure of each round, by subject.
    pub(super) fn figures(&self, figure: impl Fn(f64, &Outcome) -> f64) -> Vec<Vec<f64>> {
        let of = |rounds: &Vec<(f64, Outcome)>| {
            rounds.iter().map(|(cpu, outcome)| figure(*cpu, outcome)).collect()
        };
        self.rounds.iter().map(of).collect()
    }

    /// One row per subject and base: a figure of each round, the median of its ratios, and the target for us.
    pub(super) fn rows(
        &self,
        measure: &str,
        unit: &'static str,
        figure: impl Fn(f64, &Outcome) -> f64,
        target: impl Fn(Subject) -> Option<Target>,
    ) -> Vec<Row> {
        let values = self.figures(figure);
        let mut rows = Vec::new();
        for (index, subject) in self.subjects.iter().enumerate() {
            let amount = Amount(stats::median(values[index].iter().copied()), unit);
            let row = || Row::new(measure, subject.name(), amount);
            if index == 0 {
                rows.push(row());
            }
            for (base, base_values) in self.subjects.iter().zip(&values).take(index) {
                let ratio = stats::paired_ratio(&values[index], base_values);
                let target = if *subject == Subject::Rotator { target(*base) } else { None };
                rows.push(row().against(base.name(), ratio).judged(target));
            }
        }
        rows
    }
}
