//! Requests.

mod build;
mod build_messages;
mod build_tools;
mod media;
mod parse;
mod parse_messages;
mod parse_tools;

pub(crate) use build::build_request;
pub(crate) use parse::parse_request;
pub(super) use parse_messages::signature;
