//! Requests whose answers did not tell what they used: it is estimated from what was asked and said, beside the data path.

use std::{fmt, mem, sync::Arc};

use bytes::Bytes;
use llm_formats::{Said, prompt_tokens};
use rotator_core::{
    access::Terms,
    model::KeyId,
    record::{RequestRecord, Tokens},
    routes::Route,
};
use tokio::time::Instant;

use crate::{body::RequestBody, pass, record::Batch, replay_budget::ReplayBudget};

/// How much of a request's body is kept while it is answered, in bytes; for what comes after it the same is assumed.
const MAX_PROMPT: usize = 64 << 10;

/// What a request used, to be estimated.
pub struct Untold {
    /// Which of its batch's requests it is.
    pub(crate) place: usize,
    pub(crate) route: Arc<Route>,
    pub(crate) key: KeyId,
    /// Those of the proxy key, where it has some.
    pub(crate) terms: Option<Arc<Terms>>,
    pub(crate) prompt: Prompt,
    pub(crate) said: Said,
}

/// The beginning of a request's body.
pub(crate) struct Prompt {
    frames: Vec<Bytes>,
    kept: usize,
    /// The bytes of all of it.
    whole: u64,
    budget: Arc<ReplayBudget>,
}

impl Prompt {
    /// `None` when there is no room for it, or when it was not kept.
    pub(crate) fn of(body: &RequestBody) -> Option<Self> {
        let (all, budget) = body.beginning();
        let mut kept = 0;
        let mut frames = Vec::with_capacity(all.len());
        for frame in all {
            let len = frame.len().min(MAX_PROMPT - kept);
            kept += len;
            frames.push(frame.slice(..len));
            if kept == MAX_PROMPT {
                break;
            }
        }
        let is_kept = kept > 0 && budget.take(kept);
        is_kept.then(|| Self { frames, kept, whole: body.bytes().max(kept as u64), budget })
    }

    fn tokens(&self) -> u64 {
        prompt_tokens(&self.frames.concat(), self.whole)
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        self.budget.give_back(self.kept);
    }
}

impl Untold {
    /// Estimates what the request used, and counts what has not been counted of it.
    fn settle(self, record: &mut RequestRecord) {
        let output = self.said.tokens();
        let (used, more) = if let Some(told) = record.usage {
            // An answer that broke off after it had told of its prompt.
            let more = Tokens { output: output.saturating_sub(told.output), ..Tokens::default() };
            (Tokens { output: told.output.max(output), ..told }, more)
        } else {
            let all = Tokens { input: self.prompt.tokens(), output, ..Tokens::default() };
            (all, all)
        };
        let now = Instant::now().into_std();
        if let Some(terms) = &self.terms {
            pass::charge(terms, more, now);
        }
        let cost = self.route.charge(self.key, record.model.as_deref(), more, now);
        record.cost = match (record.cost, cost) {
            (Some(so_far), Some(more)) => Some(so_far.saturating_add(more)),
            (so_far, more) => so_far.or(more),
        };
        (record.usage, record.usage_estimated) = (Some(used), true);
    }
}

impl fmt::Debug for Untold {
    /// Without what was asked and said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Untold").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Batch {
    /// Estimates what its requests used whose answers did not tell. Takes milliseconds for each of them, and the first time
    /// half a second: not for a thread that has anything else to do.
    pub fn estimate(&mut self) {
        for untold in mem::take(&mut self.untold) {
            if let Some(record) = self.requests.get_mut(untold.place) {
                untold.settle(record);
            }
        }
    }
}
