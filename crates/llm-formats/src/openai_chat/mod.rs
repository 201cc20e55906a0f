//! `OpenAI` Chat Completions, and the APIs of others that are compatible with it: OpenRouter, DeepSeek, DashScope,
//! vLLM, Ollama and so on.
//!
//! It follows the reference at `developers.openai.com/api/reference/resources/chat` as of November 2026. What others
//! added to it is read wherever it means something: reasoning as `reasoning_content` (DeepSeek, Qwen) or `reasoning`
//! (OpenRouter), `cache_control`, `video_url`, vLLM's `stop_reason`, Gemini's `extra_content`.
//!
//! An upstream gets only what its kind of model understands, see [`family`].

mod error;
mod family;
mod logprobs;
mod request;
mod response;
mod stream;
#[cfg(test)]
mod tests;
mod usage;

pub(crate) use error::{build_error, parse_error};
pub(crate) use request::{build_request, parse_request};
pub(crate) use response::{build_response, parse_response};
pub(crate) use stream::{StreamReader, StreamWriter};
