//! What jobs do.

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use rotator_core::{
    model::{ApiKey, KeyId, ProxyConfig},
    pool::Now,
    probe::ProbeReport,
    store::{AuditAction, Change, KeyFilter, KeySet, StoreError},
};
use tokio::{
    task::{JoinError, JoinSet},
    time::{MissedTickBehavior, interval},
};

use super::registry::{Action, Job, Order};
use crate::{api_keys::keys_of, error::ApiError, state::AdminState};

/// How many keys are changed in one transaction: other writes wait no longer than it takes.
const PIECE: usize = 1000;
/// How many keys are opened at once to be tested.
const TEST_PIECE: usize = 100;
/// How many test requests may be under way at once, however slow the upstream is.
const TESTS_AT_ONCE: usize = 32;

/// Begins a job, which goes on by itself. Its writes are audited as `by`.
pub(super) fn start(
    state: &AdminState,
    order: &Order,
    keys: Vec<KeyId>,
    per_second: NonZeroU32,
    by: Change,
) -> Result<Arc<Job>, ApiError> {
    let job = state.jobs().begin(order)?;
    let (state, begun, request_id) = (state.clone(), Arc::clone(&job), by.request_id.clone());
    tokio::spawn(async move {
        let work = tokio::spawn(run(state.clone(), Arc::clone(&begun), keys, per_second, by));
        // A panic ends the job, as any failure does.
        let result = work.await.map_err(ApiError::internal).flatten();
        let failure = result.err().inspect(|error| error.log(&request_id)).map(|error| sentence(&error));
        begun.end(state.now(), failure);
    });
    Ok(job)
}

async fn run(
    state: AdminState,
    job: Arc<Job>,
    keys: Vec<KeyId>,
    per_second: NonZeroU32,
    by: Change,
) -> Result<(), ApiError> {
    if job.action == Action::Test {
        state.store().audit(AuditAction::KeysTested(job.config, keys.len()), &by).await?;
        return test(&state, &job, &keys, per_second).await;
    }
    let (config, all) = (job.config, state.clone());
    // Whether it gets through or not, what it changed is live before it ends.
    Ok(state.change(async move { Ok((config, change(&all, &job, &keys, &by).await)) }).await??)
}

/// Sends one test request per key, evenly spread: an upstream that was slow gets no burst afterwards.
async fn test(state: &AdminState, job: &Job, keys: &[KeyId], per_second: NonZeroU32) -> Result<(), ApiError> {
    let mut turns = interval(Duration::from_secs(1) / per_second.get());
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Tasks of their own, so that each is sent in its turn, whatever is waited for here. They end with the job.
    let mut under_way = JoinSet::new();
    for piece in keys.chunks(TEST_PIECE) {
        let config = state.store().config(job.config).await?.ok_or(StoreError::NotFound)?.config;
        let (config, there) = (Arc::new(config), keys_of(state, job.config, piece).await?);
        if there.len() < piece.len() {
            job.advance(|progress| progress.skipped += piece.len() - there.len());
        }
        for key in there {
            loop {
                tokio::select! {
                    biased;
                    () = job.cancelled.cancelled() => return Ok(()),
                    Some(tested) = under_way.join_next() => note(job, tested)?,
                    _ = turns.tick(), if under_way.len() < TESTS_AT_ONCE => break,
                }
            }
            under_way.spawn(test_one(state.clone(), Arc::clone(&config), key));
        }
    }
    while let Some(Some(tested)) = job.cancelled.run_until_cancelled(under_way.join_next()).await {
        note(job, tested)?;
    }
    Ok(())
}

async fn test_one(state: AdminState, config: Arc<ProxyConfig>, key: ApiKey) -> (KeyId, ProbeReport) {
    (key.id, state.probe().probe(&config, &key).await)
}

fn note(job: &Job, tested: Result<(KeyId, ProbeReport), JoinError>) -> Result<(), ApiError> {
    let (key, report) = tested.map_err(ApiError::internal)?;
    job.advance(|progress| progress.note(key, report));
    Ok(())
}

/// Changes the keys piece by piece.
async fn change(state: &AdminState, job: &Job, keys: &[KeyId], by: &Change) -> Result<(), StoreError> {
    for piece in keys.chunks(PIECE) {
        if job.cancelled.is_cancelled() {
            break;
        }
        let by = Change { at: state.now(), ..by.clone() };
        let there = change_piece(state, job, piece, &by).await?;
        job.advance(|progress| {
            progress.succeeded += there;
            progress.skipped += piece.len() - there;
        });
    }
    Ok(())
}

/// Answers how many of the keys were there.
async fn change_piece(
    state: &AdminState,
    job: &Job,
    piece: &[KeyId],
    by: &Change,
) -> Result<usize, StoreError> {
    let (store, config) = (state.store(), job.config);
    match job.action {
        Action::Test => Ok(0),
        Action::Disable => Ok(store.set_keys_active(config, piece, false, by).await?.len()),
        Action::Enable => Ok(store.set_keys_active(config, piece, true, by).await?.len()),
        Action::Reset => {
            let there = store.reset_keys(config, piece, by).await?;
            for key in &there {
                state.routes().reset_key(*key, Now { instant: Instant::now(), wall: by.at });
            }
            Ok(there.len())
        }
        Action::Delete => {
            let filter = KeyFilter { set: Some(KeySet::Among(piece.to_vec())), ..KeyFilter::default() };
            let deleted = store.delete_keys(config, filter, by).await?;
            Ok(usize::try_from(deleted).unwrap_or(piece.len()))
        }
    }
}

/// What a person reads of a job that could not go on.
fn sentence(error: &ApiError) -> &'static str {
    match error {
        ApiError::NotFound(_) => "the proxy config is gone",
        ApiError::Full(_) => "there is no space left to write; what was done before is kept",
        ApiError::Unavailable(_) | ApiError::Unconfirmed(_) => {
            "the database does not answer; what was done before is kept"
        }
        _ => {
            "something went wrong on the server; its log has the details under the id of the request that began the job"
        }
    }
}
