//! Requests.

mod build;
mod build_items;
mod parse;
mod parse_content;
mod parse_items;
mod parse_tools;

pub(crate) use build::build_request;
pub(crate) use parse::parse_request;
