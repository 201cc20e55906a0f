//! Which jobs there are, and who may begin one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use rotator_core::model::ConfigId;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::progress::{Ending, Progress};
use crate::error::ApiError;

/// The jobs of this process: a bounded number, in memory only, and gone after a restart.
#[derive(Default)]
pub(crate) struct Jobs {
    known: Mutex<Known>,
    /// Cancelled when the server stops, and every job with it.
    stopping: CancellationToken,
}

#[derive(Default)]
struct Known {
    last_id: i64,
    /// Oldest first.
    jobs: VecDeque<Arc<Job>>,
}

/// A job that runs, or did.
pub(crate) struct Job {
    pub(super) id: i64,
    pub(super) config: ConfigId,
    pub(super) action: Action,
    pub(super) total: usize,
    pub(super) started_at: Timestamp,
    pub(super) cancelled: CancellationToken,
    progress: watch::Sender<Progress>,
}

/// What a job is to be.
pub(super) struct Order {
    pub(super) config: ConfigId,
    pub(super) action: Action,
    /// How many keys it is about.
    pub(super) total: usize,
    /// How many of them are known not to be there.
    pub(super) skipped: usize,
    /// When it begins.
    pub(super) at: Timestamp,
}

/// What is done to keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = JobAction)]
pub(super) enum Action {
    /// One request to the service with each.
    Test,
    /// Back into rotation at once.
    Reset,
    /// Switched off.
    Disable,
    /// Switched on.
    Enable,
    /// Gone.
    Delete,
}

/// How many jobs are remembered.
const REMEMBERED: usize = 100;
/// How many jobs may run at once.
const RUNNING: usize = 4;

impl Jobs {
    /// Begins a job, unless one does the same to this config, or too many run.
    pub(super) fn begin(&self, order: &Order) -> Result<Arc<Job>, ApiError> {
        let mut known = self.known();
        let mut running = known.jobs.iter().filter(|job| job.is_running());
        if let Some(job) =
            running.clone().find(|job| (job.config, job.action) == (order.config, order.action))
        {
            return Err(ApiError::JobRunning(job.id));
        }
        if running.nth(RUNNING - 1).is_some() {
            return Err(ApiError::TooManyJobs);
        }
        known.last_id += 1;
        let job = Arc::new(Job {
            id: known.last_id,
            config: order.config,
            action: order.action,
            total: order.total,
            started_at: order.at,
            cancelled: self.stopping.child_token(),
            progress: watch::Sender::new(Progress { skipped: order.skipped, ..Progress::default() }),
        });
        known.jobs.push_back(Arc::clone(&job));
        if known.jobs.len() > REMEMBERED
            && let Some(oldest) = known.jobs.iter().position(|job| !job.is_running())
        {
            known.jobs.remove(oldest);
        }
        Ok(job)
    }

    /// The job with this id, if it is remembered.
    pub(super) fn find(&self, id: i64) -> Option<Arc<Job>> {
        self.known().jobs.iter().find(|job| job.id == id).cloned()
    }

    /// Every job that is remembered.
    pub(super) fn newest_first(&self) -> Vec<Arc<Job>> {
        self.known().jobs.iter().rev().cloned().collect()
    }

    /// Cancels every job at once, and those that begin from now on. Answers what waits until those that run have ended.
    pub(crate) fn stop(&self) -> impl Future<Output = ()> + use<> {
        self.stopping.cancel();
        let jobs = self.newest_first();
        async move {
            for job in jobs {
                job.ended().await;
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing that is done under the lock leaves it half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// How far it is.
    pub(super) fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Tells of every change from now on, and of how it stands first.
    pub(super) fn follow(&self) -> watch::Receiver<Progress> {
        let mut follower = self.progress.subscribe();
        follower.mark_changed();
        follower
    }

    /// Lets it begin nothing more.
    pub(super) fn cancel(&self) {
        self.cancelled.cancel();
    }

    /// Notes how far it is.
    pub(super) fn advance(&self, change: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(change);
    }

    /// It has come to its end, unless something kept it from that: what, in a sentence.
    pub(super) fn end(&self, at: Timestamp, failure: Option<&'static str>) {
        self.advance(|progress| {
            let ending = match failure {
                Some(why) => Ending::Failed(why),
                None if progress.done() < self.total => Ending::Cancelled,
                None => Ending::Done,
            };
            progress.ended = Some((at, ending));
        });
    }

    fn is_running(&self) -> bool {
        self.progress.borrow().ended.is_none()
    }

    async fn ended(&self) {
        // The sender is ours, so it cannot be gone.
        let _ = self.progress.subscribe().wait_for(|progress| progress.ended.is_some()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(config: i64, action: Action) -> Order {
        Order { config: ConfigId(config), action, total: 3, skipped: 0, at: Timestamp::UNIX_EPOCH }
    }

    fn ids(jobs: &Jobs) -> Vec<i64> {
        jobs.newest_first().iter().map(|job| job.id).collect()
    }

    fn end(job: &Job) -> Ending {
        job.end(Timestamp::UNIX_EPOCH, None);
        job.progress().ended.unwrap().1
    }

    #[test]
    fn a_config_has_one_job_of_a_kind_at_a_time() {
        let jobs = Jobs::default();
        let first = jobs.begin(&order(1, Action::Test)).unwrap();

        assert!(matches!(jobs.begin(&order(1, Action::Test)), Err(ApiError::JobRunning(1))));
        jobs.begin(&order(1, Action::Delete)).unwrap();
        jobs.begin(&order(2, Action::Test)).unwrap();
        end(&first);
        jobs.begin(&order(1, Action::Test)).unwrap();
        assert_eq!(ids(&jobs), [4, 3, 2, 1]);
    }

    #[test]
    fn four_jobs_run_at_a_time() {
        let jobs = Jobs::default();
        let running: Vec<_> =
            (1..=4).map(|config| jobs.begin(&order(config, Action::Test)).unwrap()).collect();

        assert!(matches!(jobs.begin(&order(5, Action::Test)), Err(ApiError::TooManyJobs)));
        end(&running[2]);
        jobs.begin(&order(5, Action::Test)).unwrap();
    }

    #[test]
    fn the_latest_hundred_are_remembered_and_none_that_runs_is_forgotten() {
        let jobs = Jobs::default();
        let running = jobs.begin(&order(1, Action::Test)).unwrap();
        for _ in 0..150 {
            end(&jobs.begin(&order(2, Action::Reset)).unwrap());
        }

        let remembered = ids(&jobs);
        assert_eq!((remembered.len(), remembered[0], remembered[98], remembered[99]), (100, 151, 53, 1));
        assert!(jobs.find(running.id).is_some() && jobs.find(52).is_none());
    }

    #[test]
    fn a_job_is_done_when_it_has_been_through_all_its_keys() {
        let jobs = Jobs::default();
        let [done, cancelled, late] =
            [1, 2, 3].map(|config| jobs.begin(&order(config, Action::Enable)).unwrap());
        for (job, succeeded) in [(&done, 3), (&cancelled, 2), (&late, 3)] {
            job.advance(|progress| progress.succeeded = succeeded);
        }
        cancelled.cancel();
        late.cancel();

        assert_eq!(
            [&done, &cancelled, &late].map(|job| end(job)),
            [Ending::Done, Ending::Cancelled, Ending::Done]
        );
    }

    #[tokio::test]
    async fn stopping_cancels_every_job_and_waits_for_its_end() {
        let jobs = Jobs::default();
        let job = jobs.begin(&order(1, Action::Test)).unwrap();
        let end = async {
            job.cancelled.cancelled().await;
            job.end(Timestamp::UNIX_EPOCH, None);
        };

        tokio::join!(jobs.stop(), end);

        assert!(!job.is_running());
        let late = jobs.begin(&order(1, Action::Test)).unwrap();
        assert!(late.cancelled.is_cancelled());
    }
}
