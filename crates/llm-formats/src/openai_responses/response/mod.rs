//! Answers.

pub(super) mod answer;
mod build;
pub(super) mod items;
mod parse;

pub(crate) use build::build_response;
pub(crate) use parse::parse_response;
pub(super) use parse::{Has, head_of, item_parts, logprobs_of, says_nothing, stop_of, text_of, usage_of};
