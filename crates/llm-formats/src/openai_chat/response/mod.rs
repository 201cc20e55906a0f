//! Whole answers.

mod build;
mod parse;
mod stop;
mod words;

pub(crate) use build::build_response;
pub(super) use build::{BLANK_LINE, complete, signature};
pub(crate) use parse::parse_response;
pub(super) use parse::{as_text, head, made_up_id};
pub(super) use stop::{finish_reason, read_stop};
pub(super) use words::{Kind, said};
