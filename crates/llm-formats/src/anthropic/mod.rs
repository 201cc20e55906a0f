//! Anthropic Messages, version `2023-06-01`, as `platform.claude.com/docs/en/api/messages` and the types of
//! Anthropic's SDKs tell it in November 2026.

mod cache;
mod error;
mod model;
mod name;
mod request;
mod response;
mod stop;
mod stream;
#[cfg(test)]
mod tests;
mod usage;

pub(crate) use error::{build_error, parse_error};
pub(crate) use request::{build_request, parse_request};
pub(crate) use response::{build_response, parse_response};
pub(crate) use stream::{StreamReader, StreamWriter};
