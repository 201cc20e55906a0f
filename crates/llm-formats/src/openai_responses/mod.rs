//! `OpenAI` Responses, as `platform.openai.com/docs/api-reference/responses` describes it in November 2026.
//!
//! Codex CLI speaks nothing else, and the Vercel AI SDK speaks it unless told otherwise. What the reference leaves
//! open is as the real API was seen to do it.

mod error;
mod namespace;
mod request;
mod response;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use error::{build_error, parse_error};
pub(crate) use request::{build_request, parse_request};
pub(crate) use response::{build_response, parse_response};
pub(crate) use stream::{StreamReader, StreamWriter};
