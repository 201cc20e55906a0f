//! What the four formats have in common: a request, a response and the events of a stream, in no format at all.
//!
//! Every format parses into these types and builds from them, so that each pair of formats needs no code of its own.
//! What a format knows and these types do not is named in [`Losses`].

#[cfg(test)]
pub(crate) mod arbitrary;
mod asked;
mod content;
mod error;
mod event;
pub(crate) mod fields;
mod free_form;
mod loss;
mod request;
mod response;
mod seal;
mod turns;

pub use asked::{Asked, Repeated};
pub use content::{
    Cache, Content, Media, MediaKind, Message, Part, Reasoning, Role, Source, ToolCall, ToolResult,
};
pub use error::{ApiError, Error};
pub use event::{Event, PartKind};
pub(crate) use free_form::FreeFormCalls;
pub use loss::Losses;
pub use request::{
    Effort, Logprobs, Output, Request, Sampling, ServiceTier, Thinking, ThinkingAmount, Tool, ToolChoice,
    ToolInput,
};
pub use response::{Choice, Head, Response, Stop, TokenLogprob};
pub use seal::{Seal, SealMaker};
pub use turns::{instructions_and_turns, name_tool_results};
