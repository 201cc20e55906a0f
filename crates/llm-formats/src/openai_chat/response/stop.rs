//! Why an answer ends.

use crate::{
    json::{Json, Members},
    neutral::{Asked, Stop},
};

/// Takes the reason out of a choice; none while it goes on. What a choice consists of says more than some APIs do:
/// a call means that it is the tools' turn, and a refusal is told as an ordinary end.
pub(in super::super) fn read_stop<'a>(
    choice: &mut Members<'a>,
    has_calls: bool,
    has_refusal: bool,
) -> Option<Stop<'a>> {
    let Json::String(reason) = choice.take("finish_reason")? else { return None };
    Some(match &*reason {
        "length" => Stop::MaxTokens,
        "tool_calls" | "function_call" => Stop::ToolCalls,
        "content_filter" => Stop::Filtered(reason),
        _ if has_calls => Stop::ToolCalls,
        _ if has_refusal => Stop::Refusal,
        // vLLM says which text it was; or a number, which is a token.
        _ => match choice.take("stop_reason") {
            Some(Json::String(text)) => Stop::Sequence(Some(text)),
            _ => Stop::End,
        },
    })
}

/// The reason in the words of this API. A refusal without words would look like an ordinary end.
pub(in super::super) fn finish_reason(stop: &Stop<'_>, has_refusal: bool, asked: &Asked) -> &'static str {
    match stop {
        Stop::MaxTokens | Stop::ContextWindow => "length",
        Stop::ToolCalls if asked.has_functions => "function_call",
        Stop::ToolCalls => "tool_calls",
        Stop::Filtered(_) => "content_filter",
        Stop::Refusal if !has_refusal => "content_filter",
        Stop::End | Stop::Sequence(_) | Stop::Refusal | Stop::Paused => "stop",
    }
}
