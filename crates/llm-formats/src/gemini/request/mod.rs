//! What a client asks of a model.

mod build;
mod config;
mod parse;
mod tools;

pub(crate) use build::build_request;
pub(crate) use parse::parse_request;
