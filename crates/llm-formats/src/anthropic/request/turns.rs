//! Writing instructions and turns as Anthropic takes them: it is strict about their order and about what is empty.

use super::media;
use crate::{
    anthropic::{cache, name::sendable},
    json::{Json, Members},
    neutral::{
        Content, Error, Losses, Message, Part, Reasoning, Role, Seal, SealMaker, ToolResult,
        instructions_and_turns,
    },
};

/// Stands where Anthropic wants words and there are none.
const NO_WORDS: &str = ".";

/// Instructions and turns, in an order that Anthropic takes, without what it refuses.
pub(super) fn arrange<'a>(
    mut messages: Vec<Message<'a>>,
    losses: &mut Losses,
) -> (Vec<Part<'a>>, Vec<Message<'a>>) {
    for message in &mut messages {
        if message.name.is_some() {
            losses.lose_named("messages[].name");
        }
        let role = message.role;
        message.parts.retain(|part| is_sendable(role, &part.content, losses));
    }
    messages.retain(|message| !message.parts.is_empty());
    let (instructions, mut turns) = instructions_and_turns(messages);
    if turns.first().is_none_or(|turn| turn.role != Role::User) {
        turns.insert(0, Message::new(Role::User, vec![Part::text(NO_WORDS)]));
    }
    if let Some(Message { role: Role::Assistant, parts, .. }) = turns.last_mut()
        && let Some(Content::Text(text) | Content::Refusal(text)) =
            parts.last_mut().map(|part| &mut part.content)
    {
        *text = text.trim_end().to_owned().into();
    }
    (instructions, turns)
}

fn is_sendable(role: Role, content: &Content<'_>, losses: &mut Losses) -> bool {
    let lost = match content {
        Content::Text(text) | Content::Refusal(text) => return !text.trim().is_empty(),
        Content::Reasoning(thought) if role == Role::Assistant && is_own(thought) => return true,
        Content::Reasoning(_) => "reasoning",
        Content::Media(_) | Content::ToolResult(_) if role == Role::User => return true,
        Content::Media(media) => media::name(media.kind),
        Content::ToolCall(call) if role == Role::Assistant => {
            if call.seal.is_some() {
                losses.lose_named("reasoning");
            }
            return true;
        }
        Content::ToolCall(_) => "tool_calls",
        Content::ToolResult(_) => "tool results",
    };
    losses.lose_named(lost);
    false
}

/// Whether Anthropic would know a thought again. Others it refuses.
fn is_own(thought: &Reasoning<'_>) -> bool {
    let maker = thought.seal.as_ref().map(|seal| seal.maker);
    matches!(maker, Some(SealMaker::Anthropic | SealMaker::AnthropicRedacted))
}

/// Whether a budget of thought is allowed: the last turn of the model, if it goes on, has to begin with a thought.
pub(super) fn allow_budget(turns: &[Message<'_>]) -> bool {
    let Some(last) = turns.iter().rposition(|turn| turn.role == Role::Assistant) else { return true };
    let parts = &turns[last].parts;
    let goes_on =
        last + 1 == turns.len() || parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
    !goes_on || parts.first().is_some_and(|part| matches!(part.content, Content::Reasoning(_)))
}

/// The member `messages`.
pub(super) fn write<'a>(turns: Vec<Message<'a>>, losses: &mut Losses) -> Result<Json<'a>, Error> {
    let turn = |turn: Message<'a>| {
        let role = if turn.role == Role::Assistant { "assistant" } else { "user" };
        Ok(Members::new().with("role", role).with("content", content(turn.parts, losses)?).into())
    };
    turns.into_iter().map(turn).collect::<Result<Vec<_>, _>>().map(Json::Array)
}

/// What a turn or the instructions consist of: a lone text as it is, or else blocks.
pub(super) fn content<'a>(mut parts: Vec<Part<'a>>, losses: &mut Losses) -> Result<Json<'a>, Error> {
    if let [Part { content: Content::Text(text) | Content::Refusal(text), cache: None }] = &mut parts[..] {
        return Ok(std::mem::take(text).into());
    }
    parts.into_iter().map(|part| block(part, losses)).collect::<Result<Vec<_>, _>>().map(Json::Array)
}

fn block<'a>(part: Part<'a>, losses: &mut Losses) -> Result<Json<'a>, Error> {
    let block = Members::new();
    let block = match part.content {
        Content::Text(text) | Content::Refusal(text) => block.with("type", "text").with("text", text),
        Content::Media(media) => media::write(media, losses)?,
        Content::ToolCall(mut call) => block
            .with("type", "tool_use")
            .with("id", sendable(std::mem::take(&mut call.id)))
            .with("name", sendable(std::mem::take(&mut call.name)))
            .with("input", call.into_object()),
        Content::ToolResult(result) => tool_result(result, losses)?,
        Content::Reasoning(Reasoning { texts, seal, .. }) => thought(texts.join("\n\n"), seal),
    };
    Ok(block.with_some("cache_control", part.cache.map(cache::write)).into())
}

fn tool_result<'a>(mut result: ToolResult<'a>, losses: &mut Losses) -> Result<Members<'a>, Error> {
    result.parts.retain(|part| is_sendable(Role::User, &part.content, losses));
    for part in &mut result.parts {
        part.cache = None;
    }
    // An error without a word is refused; a result may be empty.
    if result.is_error && result.parts.is_empty() {
        result.parts.push(Part::text(NO_WORDS));
    }
    let parts = Some(result.parts).filter(|parts| !parts.is_empty());
    let content = parts.map(|parts| content(parts, losses)).transpose()?;
    Ok(Members::new()
        .with("type", "tool_result")
        .with("tool_use_id", sendable(result.id))
        .with_some("content", content)
        .with_some("is_error", result.is_error.then_some(true)))
}

fn thought(text: String, seal: Option<Seal<'_>>) -> Members<'_> {
    match seal {
        Some(Seal { maker: SealMaker::AnthropicRedacted, data }) => {
            Members::new().with("type", "redacted_thinking").with("data", data)
        }
        seal => Members::new()
            .with("type", "thinking")
            .with("thinking", text)
            .with("signature", seal.map(|seal| seal.data).unwrap_or_default()),
    }
}
