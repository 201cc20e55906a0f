//! What a model answers.

mod answer;
mod build;
mod call_id;
mod finish;
mod logprobs;
mod parse;
mod usage;

pub(super) use answer::{Answer, Candidate};
pub(crate) use build::build_response;
pub(super) use build::{blocked, build_candidate, build_envelope};
pub(super) use call_id::CallIds;
pub(super) use finish::{block_word, finish_word, stop_of};
pub(crate) use parse::parse_response;
