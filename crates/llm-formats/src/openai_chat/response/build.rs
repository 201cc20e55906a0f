//! Writing a whole answer.

use std::borrow::Cow;

use super::stop::finish_reason;
use crate::{
    json::{Json, Members},
    neutral::{Asked, Choice, Content, Head, Response, Seal, SealMaker, ToolCall},
    openai_chat::{logprobs, usage},
};

/// What stands between the paragraphs of thoughts.
pub(in super::super) const BLANK_LINE: &str = "\n\n";

/// Writes a whole answer.
pub(crate) fn build_response<'a>(response: Response<'a>, asked: &Asked) -> Json<'a> {
    let choices =
        response.choices.into_iter().zip(0_u64..).map(|(choice, index)| write_choice(choice, index, asked));
    let choices: Json<'_> = choices.collect();
    let head = complete(response.head, asked);
    Members::new()
        .with("id", head.id)
        .with("object", "chat.completion")
        .with("created", head.created.unwrap_or(asked.now))
        .with("model", head.model)
        .with("choices", choices)
        .with_some("usage", response.usage.map(usage::write))
        .into()
}

/// The head with what the provider did not tell.
pub(in super::super) fn complete<'a>(head: Head<'a>, asked: &Asked) -> Head<'a> {
    let or = |text: Cow<'a, str>, other: &str| if text.is_empty() { other.to_owned().into() } else { text };
    Head { id: or(head.id, &asked.id), model: or(head.model, &asked.model), ..head }
}

fn write_choice<'a>(choice: Choice<'a>, index: u64, asked: &Asked) -> Json<'a> {
    let (mut texts, mut refusals, mut thoughts, mut calls) = (vec![], vec![], vec![], vec![]);
    for part in choice.parts {
        match part.content {
            Content::Text(text) => texts.push(text),
            Content::Refusal(text) => refusals.push(text),
            Content::Reasoning(reasoning) => {
                thoughts.extend(reasoning.texts.into_iter().filter(|text| !text.is_empty()));
            }
            Content::ToolCall(call) => calls.push(call),
            // An answer of this API has no place for them.
            Content::Media(_) | Content::ToolResult(_) => {}
        }
    }
    let (text, refusal) = (texts.concat(), refusals.concat());
    let has_refusal = !refusal.is_empty();
    let message = Members::new()
        .with("role", "assistant")
        .with("content", text_or_null(text, has_refusal || !calls.is_empty()))
        .with("refusal", text_or_null(refusal, true))
        .with_some("reasoning_content", (!thoughts.is_empty()).then(|| thoughts.join(BLANK_LINE)))
        .with("annotations", Vec::new());
    let message = if asked.has_functions {
        message.with_some("function_call", calls.into_iter().next().map(write_function))
    } else {
        let calls: Vec<_> = calls.into_iter().map(write_call).collect();
        message.with_some("tool_calls", (!calls.is_empty()).then_some(calls))
    };
    Members::new()
        .with("index", index)
        .with("message", message)
        .with("logprobs", logprobs::write(choice.logprobs))
        .with("finish_reason", finish_reason(&choice.stop, has_refusal, asked))
        .into()
}

/// A text; `null` for an empty one if that `may_be_null`. Many clients read `content` of every plain answer.
pub(in super::super) fn text_or_null<'a>(text: String, may_be_null: bool) -> Json<'a> {
    if text.is_empty() && may_be_null { Json::Null } else { text.into() }
}

fn write_call(call: ToolCall<'_>) -> Json<'_> {
    let ToolCall { id, name, arguments, is_free_form, seal } = call;
    let kind = if is_free_form { "custom" } else { "function" };
    let tool = if is_free_form {
        Members::new().with("name", name).with("input", arguments)
    } else {
        function(name, arguments)
    };
    Members::new()
        .with("id", id)
        .with("type", kind)
        .with(kind, tool)
        .with_some("extra_content", seal.map(signature))
        .into()
}

fn write_function(call: ToolCall<'_>) -> Members<'_> {
    function(call.name, call.arguments)
}

fn function<'a>(name: Cow<'a, str>, arguments: Cow<'a, str>) -> Members<'a> {
    // Clients read JSON here, also of a tool that takes nothing.
    let arguments = if arguments.trim().is_empty() { arguments + "{}" } else { arguments };
    Members::new().with("name", name).with("arguments", arguments)
}

/// The `extra_content` of a call, in which Gemini's compatible API has its seal.
pub(in super::super) fn signature(seal: Seal<'_>) -> Members<'_> {
    let google = Members::new().with("thought_signature", seal.write(SealMaker::Gemini));
    Members::new().with("google", google)
}
