//! Wire formats of the LLM APIs, sans I/O: bytes in, bytes out, no sockets, no panics whatever the bytes are.
//!
//! | module | idea |
//! |---|---|
//! | [`dialect`] | which API's language a client speaks |
//! | [`error`] | errors we make ourselves, told in that language, also in the middle of a stream |
//! | [`format`](mod@format) | the formats between which we translate |
//! | [`endpoint`] | what a path asks for, and where another API has the same |
//! | [`neutral`] | what they have in common: requests, responses and events in no format at all |
//! | `openai_chat` | `OpenAI` Chat Completions, from and to the neutral types |
//! | `anthropic` | Anthropic Messages, from and to the neutral types |
//! | `gemini` | the Gemini API's `generateContent` and its streams |
//! | `openai_responses` | `OpenAI` Responses, from and to the neutral types |
//! | [`translate`] | from a client's format to an API's and back |
//! | `embeddings` | embeddings, between `OpenAI` and Gemini |
//! | `count_tokens` | how many tokens a prompt has |
//! | `models` | which models there are |
//! | [`json`] | JSON texts as trees that are taken apart |
//! | [`conversation`] | what stays the same over the turns of one conversation |
//! | [`member`] | one member of a JSON object, taken out without touching the rest |
//! | [`model`] | which model a request is for |
//! | [`sse`] | the events of a stream, wherever it is split |
//! | [`mod@stream_start`] | whether a stream begins with content or with an error |
//! | [`usage`] | how many tokens an answer used |
//! | [`estimate`] | how many it used where it does not tell |

mod anthropic;
#[cfg(test)]
mod any_json;
pub mod conversation;
mod count_tokens;
pub mod dialect;
mod embeddings;
pub mod endpoint;
pub mod error;
pub mod estimate;
#[cfg(test)]
mod fixtures;
pub mod format;
mod gemini;
pub mod json;
pub mod member;
pub mod model;
mod models;
pub mod neutral;
mod openai_chat;
mod openai_responses;
mod openai_service_tier;
pub mod sse;
pub mod stream_start;
pub mod translate;
pub mod usage;

pub use conversation::{KnownBy, known_by};
pub use dialect::Dialect;
pub use error::{ErrorKind, error_body, problem_body, stream_error_event};
pub use estimate::{Said, prompt_tokens, rough_tokens};
pub use format::Format;
pub use member::take_member;
pub use model::{ModelReader, model_in_path};
pub use sse::SseReader;
pub use stream_start::{StreamStart, stream_start};
pub use usage::{Usage, UsageReader};
