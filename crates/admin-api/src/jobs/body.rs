//! A job as JSON: the form that an admin writes, and what is shown.

use std::num::NonZeroU32;

use jiff::Timestamp;
use rotator_core::model::KeyId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    progress::{Ending, TestResults},
    registry::{Action, Job},
};
use crate::{body::Form, error::ApiError};

/// The most keys that one form names.
const MAX_IDS: usize = 100_000;
/// How many test requests a second an upstream gets, unless the form says otherwise.
const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
/// And at most.
const MAX_PER_SECOND: u32 = 50;

/// What to do, and to which keys: those in `state`, of a `quota_group`, or both; those in `ids`; or all of the config.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewJob)]
pub(crate) struct JobForm {
    /// What to do.
    #[schema(required, nullable = false)]
    action: Option<Action>,
    /// To those in this state when the job begins: `active`, `cooling`, `invalid`, `exhausted` or `disabled`.
    state: Option<String>,
    /// To those of this quota group; an empty text means keys without a group.
    quota_group: Option<String>,
    /// To these: 1 to 100 000.
    #[schema(min_items = 1, max_items = 100_000)]
    ids: Option<Vec<i64>>,
    /// With `test`: how many requests a second the service gets at most.
    #[schema(minimum = 1, maximum = 50, default = 5)]
    per_second: Option<i64>,
}

/// Which keys a form means.
pub(super) enum Wanted {
    /// Those in a state, of a quota group, or both; or all.
    Alike { state: Option<String>, quota_group: Option<String> },
    /// These, each once.
    These(Vec<KeyId>),
}

/// A job.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobView {
    /// Given by this process, from 1 up; begins anew when the server restarts.
    id: i64,
    /// Whose keys it is about.
    proxy_config_id: i64,
    /// What is done to them.
    action: Action,
    /// How it stands.
    state: JobState,
    /// How many keys it is about.
    total: usize,
    /// How many of them are done with.
    done: usize,
    /// To how many it was done; with `test`, how many the service took.
    succeeded: usize,
    /// With `test`: how many the service did not take.
    failed: usize,
    /// How many were not there, or no longer.
    skipped: usize,
    /// With `test`: what it showed.
    #[schema(required)]
    results: Option<TestResults>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it ended.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// With `failed`: why, in a sentence.
    #[schema(required)]
    error: Option<&'static str>,
}

/// How a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum JobState {
    /// It goes on.
    Running,
    /// It has been through all its keys.
    Done,
    /// Somebody cancelled it, or the server stopped.
    Cancelled,
    /// Something kept it from going on.
    Failed,
}

impl Form for JobForm {}

impl JobForm {
    /// The checked form: what to do, how often a second, and to which keys.
    pub(super) fn into_parts(self) -> Result<(Action, NonZeroU32, Wanted), ApiError> {
        let action = self.action.ok_or_else(|| {
            ApiError::field("action", "is required: test, reset, disable, enable or delete")
        })?;
        let per_second = match self.per_second {
            None => PER_SECOND,
            Some(_) if action != Action::Test => {
                return Err(ApiError::field("per_second", "is for the action test only"));
            }
            Some(number) => per_second(number)?,
        };
        let wanted = match (self.state, self.quota_group, self.ids) {
            (state, quota_group, None) => Wanted::Alike { state, quota_group },
            (None, None, Some(ids)) => Wanted::These(distinct(ids)?),
            (Some(_), _, Some(_)) => {
                return Err(ApiError::field("ids", "cannot be combined with state: leave one of them out"));
            }
            (None, Some(_), Some(_)) => {
                let reason = "cannot be combined with quota_group: leave one of them out";
                return Err(ApiError::field("ids", reason));
            }
        };
        Ok((action, per_second, wanted))
    }
}

impl JobView {
    /// A job as it is now.
    pub(super) fn of(job: &Job) -> Self {
        let progress = job.progress();
        let (state, ended_at, error) = match progress.ended {
            None => (JobState::Running, None, None),
            Some((at, Ending::Done)) => (JobState::Done, Some(at), None),
            Some((at, Ending::Cancelled)) => (JobState::Cancelled, Some(at), None),
            Some((at, Ending::Failed(why))) => (JobState::Failed, Some(at), Some(why)),
        };
        Self {
            id: job.id,
            proxy_config_id: job.config.0,
            action: job.action,
            state,
            total: job.total,
            done: progress.done(),
            succeeded: progress.succeeded,
            failed: progress.failed,
            skipped: progress.skipped,
            results: Some(progress.results).filter(|_| job.action == Action::Test),
            started_at: job.started_at,
            ended_at,
            error,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.state == JobState::Running
    }
}

fn per_second(number: i64) -> Result<NonZeroU32, ApiError> {
    let number = u32::try_from(number).ok().filter(|number| *number <= MAX_PER_SECOND);
    number
        .and_then(NonZeroU32::new)
        .ok_or_else(|| ApiError::field("per_second", format!("must be 1 to {MAX_PER_SECOND}")))
}

/// An empty list is refused: read as "no condition", it would mean every key.
fn distinct(mut ids: Vec<i64>) -> Result<Vec<KeyId>, ApiError> {
    if !(1..=MAX_IDS).contains(&ids.len()) {
        return Err(ApiError::field("ids", format!("must be a list of 1 to {MAX_IDS} ids of keys")));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids.into_iter().map(KeyId).collect())
}
