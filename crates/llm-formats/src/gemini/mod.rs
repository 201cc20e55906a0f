//! Google Gemini: `generateContent` and `streamGenerateContent` of the Gemini API, version `v1beta`.
//!
//! Follows <https://ai.google.dev/api/generate-content> as of November 2026, with
//! <https://ai.google.dev/gemini-api/docs/thought-signatures> for signatures and
//! <https://ai.google.dev/gemini-api/docs/thinking> for thinking.
//!
//! - Names come in `camelCase` and in `snake_case`; we read both and write the first.
//! - The model and whether to stream stand in the path, so neither is in a body.
//! - Calls may have no id. One is made up from their position, and results without one find their call by name and
//!   order.
//! - A signature stands on the part that follows the thought. Signatures are `bytes`, which SDKs decode: one of
//!   another provider is written as base64.
//! - Pictures behind an address become `fileData`. Of public addresses only newer models read it; nobody else could
//!   fetch them for the model.

pub(crate) mod base64;
mod error;
mod media;
mod part;
mod parts;
mod request;
mod response;
mod schema;
mod seal;
pub(crate) mod spelling;
mod stream;
#[cfg(test)]
mod tests;
mod thinking;

pub(crate) use error::{build_error, parse_error};
pub(crate) use request::{build_request, parse_request};
pub(crate) use response::{build_response, parse_response};
pub(crate) use stream::{StreamReader, StreamWriter};
