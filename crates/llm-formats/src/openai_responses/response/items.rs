//! The items of an answer, and the parts of its messages.

use std::borrow::Cow;

use crate::{
    json::{Json, Members},
    neutral::{Asked, Seal, SealMaker, TokenLogprob, ToolCall},
    openai_responses::namespace,
};

/// Whether an item is whole.
#[derive(Debug, Clone, Copy)]
pub(in crate::openai_responses) enum Progress {
    /// It is not whole yet.
    Coming,
    /// It is.
    Whole,
    /// It breaks off.
    Cut,
}

impl Progress {
    fn name(self) -> &'static str {
        match self {
            Self::Coming => "in_progress",
            Self::Whole => "completed",
            Self::Cut => "incomplete",
        }
    }
}

/// A message of the model.
pub(in crate::openai_responses) fn message(
    id: String,
    progress: Progress,
    content: Vec<Json<'_>>,
) -> Json<'_> {
    Members::new()
        .with("id", id)
        .with("type", "message")
        .with("status", progress.name())
        .with("role", "assistant")
        .with("content", content)
        .into()
}

/// Words within a message.
pub(in crate::openai_responses) fn text_part<'a>(text: Cow<'a, str>, logprobs: Vec<Json<'a>>) -> Json<'a> {
    Members::new()
        .with("type", "output_text")
        .with("annotations", Vec::new())
        .with("logprobs", logprobs)
        .with("text", text)
        .into()
}

/// Words for why the model will not answer.
pub(in crate::openai_responses) fn refusal_part(text: Cow<'_, str>) -> Json<'_> {
    Members::new().with("type", "refusal").with("refusal", text).into()
}

/// A paragraph of what the model thought.
pub(in crate::openai_responses) fn summary_part(text: Cow<'_, str>) -> Json<'_> {
    Members::new().with("type", "summary_text").with("text", text).into()
}

/// What the model thought. A seal travels in it whoever made it; paragraphs without words have no place.
pub(in crate::openai_responses) fn reasoning<'a>(
    id: Cow<'a, str>,
    texts: impl IntoIterator<Item = Cow<'a, str>>,
    seal: Option<Seal<'a>>,
) -> Json<'a> {
    Members::new()
        .with("id", id)
        .with("type", "reasoning")
        .with(
            "summary",
            texts.into_iter().filter(|text| !text.is_empty()).map(summary_part).collect::<Json<'_>>(),
        )
        .with("encrypted_content", seal.map_or(Json::Null, |seal| seal.write(SealMaker::OpenAi).into()))
        .into()
}

/// A call of a tool.
pub(in crate::openai_responses) fn call<'a>(
    id: String,
    progress: Progress,
    call: ToolCall<'a>,
    asked: &Asked,
) -> Json<'a> {
    let tools = asked.repeated.iter().find(|(name, _)| *name == "tools");
    let split = tools.and_then(|(_, tools)| namespace::split(&call.name, tools));
    let split = split.map(|(namespace, name)| (namespace.to_owned(), name.to_owned()));
    let (namespace, name) = match split {
        Some((namespace, name)) => (Some(namespace), name.into()),
        None => (None, call.name),
    };
    let (kind, input) =
        if call.is_free_form { ("custom_tool_call", "input") } else { ("function_call", "arguments") };
    Members::new()
        .with("id", id)
        .with("type", kind)
        .with("status", progress.name())
        .with(input, call.arguments)
        .with("call_id", call.id)
        .with("name", name)
        .with_some("namespace", namespace)
        .into()
}

/// What the id of a call's item begins with.
pub(in crate::openai_responses) fn call_prefix(is_free_form: bool) -> &'static str {
    if is_free_form { "ctc" } else { "fc" }
}

/// The chance of a word.
pub(in crate::openai_responses) fn logprob(chance: TokenLogprob<'_>) -> Json<'_> {
    let top = chance.top.into_iter().map(|(token, logprob)| Json::from(token_of(token, logprob)));
    let top: Json<'_> = top.collect();
    token_of(chance.token, chance.logprob).with("top_logprobs", top).into()
}

fn token_of(token: Cow<'_, str>, logprob: f64) -> Members<'_> {
    let bytes: Json<'_> = token.bytes().map(|byte| Json::from(u64::from(byte))).collect();
    Members::new().with("token", token).with("logprob", logprob).with("bytes", bytes)
}
