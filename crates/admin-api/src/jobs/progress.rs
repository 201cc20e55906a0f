//! How far a job is, and what it showed.

use jiff::Timestamp;
use rotator_core::{model::KeyId, probe::ProbeReport};
use serde::Serialize;
use utoipa::ToSchema;

/// How far a job is.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    pub(super) succeeded: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
    pub(super) results: TestResults,
    /// When and how it ended.
    pub(super) ended: Option<(Timestamp, Ending)>,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Done,
    Cancelled,
    /// For a reason that a person can read.
    Failed(&'static str),
}

/// What test requests showed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct TestResults {
    /// How often which answer came: the first 20 kinds.
    outcomes: Vec<Outcome>,
    /// How many answers were of another kind.
    other_outcomes: usize,
    /// The first 100 keys that the service did not take.
    failures: Vec<Failure>,
}

/// A kind of answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = TestOutcome)]
struct Outcome {
    /// Whether the service took the key.
    ok: bool,
    /// What it answered; null when it could not be reached.
    #[schema(required)]
    status: Option<u16>,
    /// A sentence for people.
    message: String,
    /// How many keys were answered like this.
    count: usize,
}

/// A key that the service did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = TestFailure)]
struct Failure {
    /// The key.
    id: i64,
    /// What the service answered; null when it could not be reached.
    #[schema(required)]
    status: Option<u16>,
    /// A sentence for people.
    message: String,
}

/// Kinds of answers that are told apart.
const MAX_OUTCOMES: usize = 20;
/// Failing keys that are named.
const MAX_FAILURES: usize = 100;

impl Progress {
    /// How many keys are done with.
    pub(super) fn done(&self) -> usize {
        self.succeeded + self.failed + self.skipped
    }

    /// Notes what a test request with a key showed.
    pub(super) fn note(&mut self, key: KeyId, report: ProbeReport) {
        *(if report.ok { &mut self.succeeded } else { &mut self.failed }) += 1;
        self.results.note(key, report);
    }
}

impl TestResults {
    fn note(&mut self, key: KeyId, report: ProbeReport) {
        let ProbeReport { ok, status, message, .. } = report;
        if !ok && self.failures.len() < MAX_FAILURES {
            self.failures.push(Failure { id: key.0, status, message: message.clone() });
        }
        let is_like =
            |known: &&mut Outcome| (known.ok, known.status, &known.message) == (ok, status, &message);
        let has_room = self.outcomes.len() < MAX_OUTCOMES;
        match self.outcomes.iter_mut().find(is_like) {
            Some(known) => known.count += 1,
            None if has_room => {
                self.outcomes.push(Outcome { ok, status, message, count: 1 });
            }
            None => self.other_outcomes += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn report(ok: bool, message: &str) -> ProbeReport {
        ProbeReport {
            ok,
            status: Some(if ok { 200 } else { 401 }),
            latency: Duration::ZERO,
            message: message.into(),
        }
    }

    #[test]
    fn answers_are_counted_by_kind_and_failing_keys_are_named() {
        let mut progress = Progress { skipped: 1, ..Progress::default() };
        for (key, ok, message) in
            [(1, true, "fine"), (2, false, "no"), (3, true, "fine"), (4, false, "never")]
        {
            progress.note(KeyId(key), report(ok, message));
        }

        assert_eq!((progress.succeeded, progress.failed, progress.done()), (2, 2, 5));
        let kinds: Vec<_> = progress.results.outcomes.iter().map(|o| (o.message.as_str(), o.count)).collect();
        assert_eq!(kinds, [("fine", 2), ("no", 1), ("never", 1)]);
        let failing: Vec<_> = progress.results.failures.iter().map(|f| (f.id, f.message.as_str())).collect();
        assert_eq!(failing, [(2, "no"), (4, "never")]);
    }

    #[test]
    fn what_is_kept_of_a_hundred_thousand_answers_stays_small() {
        let mut progress = Progress::default();
        for key in 0..100_000 {
            progress.note(KeyId(key), report(false, &format!("reason {}", key % 1000)));
        }

        assert_eq!(progress.failed, 100_000);
        assert_eq!((progress.results.outcomes.len(), progress.results.failures.len()), (20, 100));
        let told_apart: usize = progress.results.outcomes.iter().map(|outcome| outcome.count).sum();
        assert_eq!((told_apart, progress.results.other_outcomes), (2_000, 98_000));
    }
}
