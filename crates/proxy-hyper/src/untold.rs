//! Requests whose answers did not tell what they used: it is estimated from what was asked and said, beside the data path.

use std::{fmt, mem, sync::Arc};

use llm_formats::{Said, prompt_tokens, rough_tokens};
use rotator_core::{
    access::Terms,
    model::KeyId,
    record::{RequestRecord, Tokens},
    routes::Route,
};
use tokio::time::Instant;

use crate::{body::RequestBody, byte_budget::ByteBudget, pass, record::Batch};

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

/// The beginning of a request's body: a copy, for a piece of a body would keep all of it in memory.
pub(crate) struct Prompt {
    text: Vec<u8>,
    /// The bytes of all of it.
    whole: u64,
    budget: Arc<ByteBudget>,
}

impl Prompt {
    /// `None` when there is no room for it, or when it was not kept.
    pub(crate) fn of(body: &RequestBody, budget: &Arc<ByteBudget>) -> Option<Self> {
        let text = body.beginning(MAX_PROMPT);
        let is_kept = !text.is_empty() && budget.take(text.len());
        is_kept.then(|| Self { whole: body.bytes().max(text.len() as u64), text, budget: Arc::clone(budget) })
    }

    fn tokens(&self) -> u64 {
        prompt_tokens(&self.text, self.whole)
    }

    /// The same by the rule of thumb, of what was kept alone.
    fn rough_tokens(&self) -> u64 {
        rough_tokens(&self.text)
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        self.budget.give_back(self.text.len());
    }
}

impl Untold {
    /// Estimates what the request used, and counts what has not been counted of it.
    fn settle(self, record: &mut RequestRecord) {
        let output = self.said.tokens();
        self.count(record, Prompt::tokens, output);
    }

    fn count(self, record: &mut RequestRecord, of_prompt: fn(&Prompt) -> u64, output: u64) {
        let (used, more) = if let Some(told) = record.usage {
            // An answer that broke off after it had told of its prompt.
            let more = Tokens { output: output.saturating_sub(told.output), ..Tokens::default() };
            (Tokens { output: told.output.max(output), ..told }, more)
        } else {
            let all = Tokens { input: of_prompt(&self.prompt), output, ..Tokens::default() };
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

    /// The same at once, and roughly: nobody will read the records, and yet caps have to count.
    pub(crate) fn estimate_roughly(mut self) {
        for untold in mem::take(&mut self.untold) {
            if let Some(record) = self.requests.get_mut(untold.place) {
                let output = untold.said.rough_tokens();
                untold.count(record, Prompt::rough_tokens, output);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::body::{BodyLimits, Upload};

    /// A body that has been read.
    fn body(bytes: Bytes) -> RequestBody {
        let limits = BodyLimits {
            max_bytes: u64::MAX,
            max_replay_bytes: usize::MAX,
            budget: ByteBudget::new(0),
            names_model: false,
            frame_timeout: std::time::Duration::ZERO,
        };
        RequestBody::new(Upload::Whole(bytes), limits, Instant::now())
    }

    #[test]
    fn a_prompt_keeps_its_beginning_and_nothing_else_of_the_body_in_memory() {
        let bytes = Bytes::from(vec![b'x'; 10 << 20]);
        let body = body(bytes.clone());
        let prompt = Prompt::of(&body, &ByteBudget::new(MAX_PROMPT)).unwrap();

        drop(body);

        assert!(bytes.is_unique());
        assert_eq!((prompt.text.len(), prompt.whole), (MAX_PROMPT, 10 << 20));
    }
}
