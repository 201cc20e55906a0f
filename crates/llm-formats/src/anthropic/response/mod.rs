//! Whole answers.

mod build;
mod parse;

pub(crate) use build::build_response;
pub(super) use build::{begin, is_hidden};
pub(crate) use parse::parse_response;
