//! Requests: one file for each thing that both directions tell, and one for each direction's frame.

mod build;
mod media;
mod messages;
mod output;
mod parse;
mod sampling;
mod thinking;
mod tools;
mod turns;

pub(crate) use build::build_request;
pub(crate) use parse::parse_request;
