//! Writing an answer.

use std::borrow::Cow;

use crate::{
    anthropic::{
        stop::{Ending, Said},
        usage,
    },
    json::{Json, Members},
    neutral::{Asked, Content, Head, Part, Reasoning, Response, Seal, SealMaker, ToolCall},
};

/// Writes an answer. Anthropic has one choice only; the first is taken.
pub(crate) fn build_response<'a>(response: Response<'a>, asked: &Asked) -> Json<'a> {
    let choice = response.choices.into_iter().next().unwrap_or_default();
    let mut blocks = Vec::with_capacity(choice.parts.len());
    let mut said = Said::default();
    for part in choice.parts {
        push(part, &mut blocks, &mut said);
    }
    let mut message = begin(response.head, asked).with("content", blocks);
    Ending::of(choice.stop, said).write(&mut message);
    message.with("usage", usage::write(response.usage.unwrap_or_default())).into()
}

/// The members with which a message begins.
pub(in crate::anthropic) fn begin<'a>(head: Head<'a>, asked: &Asked) -> Members<'a> {
    let id = if head.id.is_empty() { format!("msg_{}", asked.id).into() } else { head.id };
    let model = if asked.model.is_empty() { head.model } else { Cow::Owned(asked.model.clone()) };
    Members::new().with("id", id).with("type", "message").with("role", "assistant").with("model", model)
}

fn push<'a>(part: Part<'a>, blocks: &mut Vec<Json<'a>>, said: &mut Said) {
    let block = match part.content {
        Content::Text(text) if !text.is_empty() => write_text(text),
        Content::Refusal(words) if !words.is_empty() => {
            said.has_refusal = true;
            write_text(words)
        }
        Content::Reasoning(thought) => match write_thought(thought) {
            Some(block) => block,
            None => return,
        },
        Content::ToolCall(mut call) => {
            said.has_calls = true;
            blocks.extend(call.seal.take().map(|seal| Json::from(redacted(seal))));
            write_call(call)
        }
        Content::Text(_) | Content::Refusal(_) | Content::Media(_) | Content::ToolResult(_) => return,
    };
    blocks.push(block.into());
}

fn write_text(text: Cow<'_, str>) -> Members<'_> {
    Members::new().with("type", "text").with("text", text)
}

fn write_call(mut call: ToolCall<'_>) -> Members<'_> {
    Members::new()
        .with("type", "tool_use")
        .with("id", std::mem::take(&mut call.id))
        .with("name", std::mem::take(&mut call.name))
        .with("input", call.into_object())
}

fn write_thought(thought: Reasoning<'_>) -> Option<Members<'_>> {
    let text = match <[_; 1]>::try_from(thought.texts) {
        Ok([text]) => text,
        Err(texts) => texts.join("\n\n").into(),
    };
    match thought.seal {
        Some(seal) if text.is_empty() && is_hidden(&seal) => Some(redacted(seal)),
        None if text.is_empty() => None,
        seal => {
            let signature = seal.map_or(Cow::default(), |seal| seal.write(SealMaker::Anthropic));
            let block = Members::new().with("type", "thinking").with("thinking", text);
            Some(block.with("signature", signature))
        }
    }
}

/// Whether a seal without words stands in a `redacted_thinking` block. Anthropic itself has hidden words in `thinking`.
pub(in crate::anthropic) fn is_hidden(seal: &Seal<'_>) -> bool {
    seal.maker != SealMaker::Anthropic
}

fn redacted(seal: Seal<'_>) -> Members<'_> {
    let data = seal.write(SealMaker::AnthropicRedacted);
    Members::new().with("type", "redacted_thinking").with("data", data)
}
