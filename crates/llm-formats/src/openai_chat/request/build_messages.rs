//! Writing the messages of a request.
//!
//! Many compatible APIs take a message of texts only as one string, so that is how it is written. Results of tools
//! are messages of their own directly behind the calls, and texts only: their media go into the user's next message.

use std::borrow::Cow;

use super::media;
use crate::{
    json::{Json, Members},
    neutral::{
        Content, Error, Losses, Message, Part, Reasoning, Role, Seal, SealMaker, ToolCall, ToolResult,
    },
    openai_chat::family::Family,
};

/// What a tool's message says when all that the tool gave are media.
const SEE_BELOW: &str = "The result is in the next message of the user.";
/// What stands between texts that become one.
const BLANK_LINE: &str = "\n\n";

/// `messages`.
pub(super) fn messages<'a>(
    messages: Vec<Message<'a>>,
    family: Family,
    losses: &mut Losses,
) -> Result<Json<'a>, Error> {
    let mut writer =
        Writer { family, losses, written: Vec::with_capacity(messages.len()), media: Vec::new() };
    for message in merged(messages) {
        match message.role {
            Role::Developer if family.has_developers() => writer.instruction("developer", message),
            Role::System | Role::Developer => writer.instruction("system", message),
            Role::User => writer.user(message)?,
            Role::Assistant => writer.assistant(message),
        }
    }
    writer.media_message();
    Ok(writer.written.into())
}

/// Joins the messages of one turn of the assistant, which some formats keep apart: here the results have to follow
/// the one message with the calls.
fn merged(messages: Vec<Message<'_>>) -> Vec<Message<'_>> {
    let mut merged: Vec<Message<'_>> = Vec::with_capacity(messages.len());
    for message in messages {
        match merged.last_mut().filter(|last| is_one_turn(last, &message)) {
            Some(last) => last.parts.extend(message.parts),
            None => merged.push(message),
        }
    }
    merged
}

fn is_one_turn(last: &Message<'_>, next: &Message<'_>) -> bool {
    let calls =
        |message: &Message<'_>| message.parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
    let only_thinks = |message: &Message<'_>| {
        message.parts.iter().all(|part| matches!(part.content, Content::Reasoning(_)))
    };
    let is_assistants = last.role == Role::Assistant && next.role == Role::Assistant;
    is_assistants && (calls(last) || calls(next) || only_thinks(last))
}

struct Writer<'a, 'l> {
    family: Family,
    losses: &'l mut Losses,
    written: Vec<Json<'a>>,
    /// Media of tools' results, until all results are told.
    media: Vec<Json<'a>>,
}

impl<'a> Writer<'a, '_> {
    fn push(&mut self, role: &'static str, name: Option<Cow<'a, str>>, members: Members<'a>) {
        let mut message = Members::new().with("role", role).with_some("name", name);
        for (name, value) in members {
            message.push(name, value);
        }
        self.written.push(message.into());
    }

    /// The media of results in a message of the user, if there are any.
    fn media_message(&mut self) {
        if !self.media.is_empty() {
            let content = std::mem::take(&mut self.media);
            self.push("user", None, Members::new().with("content", content));
        }
    }

    fn instruction(&mut self, role: &'static str, message: Message<'a>) {
        self.media_message();
        let content = self.texts(message.parts);
        self.push(role, message.name, Members::new().with("content", content));
    }

    /// The texts among parts, as one. Whatever else is among them is lost.
    fn texts(&mut self, parts: Vec<Part<'a>>) -> Cow<'a, str> {
        let mut texts = Vec::new();
        for part in parts {
            self.lose_cache(&part);
            match part.content {
                Content::Text(text) => texts.push(text),
                content => self.losses.lose_named(name_of(&content)),
            }
        }
        joined(texts, BLANK_LINE)
    }

    fn lose_cache(&mut self, part: &Part<'_>) {
        if part.cache.is_some() {
            self.losses.lose_named("cache_control");
        }
    }

    fn user(&mut self, message: Message<'a>) -> Result<(), Error> {
        let (results, said): (Vec<_>, Vec<_>) =
            message.parts.into_iter().partition(|part| matches!(part.content, Content::ToolResult(_)));
        let has_results = !results.is_empty();
        for part in results {
            self.lose_cache(&part);
            if let Content::ToolResult(result) = part.content {
                self.tool_result(result)?;
            }
        }
        if said.is_empty() && has_results {
            return Ok(());
        }
        let is_text = |part: &Part<'_>| matches!(part.content, Content::Text(_));
        let content = if self.media.is_empty() && said.iter().all(is_text) {
            self.texts(said).into()
        } else {
            let mut content = std::mem::take(&mut self.media);
            for part in said {
                self.lose_cache(&part);
                content.extend(self.user_part(part.content)?);
            }
            Json::from(content)
        };
        self.push("user", message.name, Members::new().with("content", content));
        Ok(())
    }

    fn user_part(&mut self, content: Content<'a>) -> Result<Option<Json<'a>>, Error> {
        Ok(match content {
            Content::Text(text) => Some(Members::new().with("type", "text").with("text", text).into()),
            Content::Media(media) => Some(media::part(media, self.family)?.into()),
            content => {
                self.losses.lose_named(name_of(&content));
                None
            }
        })
    }

    fn tool_result(&mut self, result: ToolResult<'a>) -> Result<(), Error> {
        if result.is_error {
            self.losses.lose_named("is_error");
        }
        let (texts, others): (Vec<_>, Vec<_>) =
            result.parts.into_iter().partition(|part| matches!(part.content, Content::Text(_)));
        let mut content = self.texts(texts);
        if content.is_empty() && !others.is_empty() {
            content = SEE_BELOW.into();
        }
        for part in others {
            self.lose_cache(&part);
            let part = self.user_part(part.content)?;
            self.media.extend(part);
        }
        self.push("tool", None, Members::new().with("tool_call_id", result.id).with("content", content));
        Ok(())
    }

    fn assistant(&mut self, message: Message<'a>) {
        self.media_message();
        let (mut texts, mut refusals, mut thoughts, mut calls) = (vec![], vec![], vec![], vec![]);
        for part in message.parts {
            self.lose_cache(&part);
            match part.content {
                Content::Text(text) => texts.push(text),
                Content::Refusal(text) => refusals.push(text),
                Content::Reasoning(reasoning) => thoughts.extend(self.reasoning(reasoning)),
                Content::ToolCall(call) => calls.push(self.tool_call(call)),
                content => self.losses.lose_named(name_of(&content)),
            }
        }
        let [text, refusal] = [texts, refusals].map(|texts| joined(texts, ""));
        let content = match text {
            text if text.is_empty() && !(refusal.is_empty() && calls.is_empty()) => Json::Null,
            text => text.into(),
        };
        let members = Members::new()
            .with("content", content)
            .with_some("refusal", Some(refusal).filter(|refusal| !refusal.is_empty()))
            .with_some(
                "reasoning_content",
                Some(joined(thoughts, BLANK_LINE)).filter(|text| !text.is_empty()),
            )
            .with_some("tool_calls", Some(calls).filter(|calls| !calls.is_empty()));
        self.push("assistant", message.name, members);
    }

    /// Thoughts that an API of this kind told: it tells no seal. `OpenAI`'s own told none, and takes none.
    fn reasoning(&mut self, reasoning: Reasoning<'a>) -> Vec<Cow<'a, str>> {
        let is_sealed = reasoning.seal.is_some_and(|seal| !seal.data.is_empty());
        if is_sealed || (self.family.is_openai() && !reasoning.texts.is_empty()) {
            self.losses.lose_named("reasoning");
            return Vec::new();
        }
        reasoning.texts
    }

    fn tool_call(&mut self, mut call: ToolCall<'a>) -> Json<'a> {
        let (id, name, seal) = (call.id.clone(), call.name.clone(), call.seal.take());
        let written = if call.is_free_form && self.family.has_custom_tools() {
            let custom = Members::new().with("name", name).with("input", call.arguments);
            Members::new().with("id", id).with("type", "custom").with("custom", custom)
        } else {
            let function = Members::new().with("name", name).with("arguments", arguments(call));
            Members::new().with("id", id).with("type", "function").with("function", function)
        };
        written.with_some("extra_content", seal.and_then(|seal| self.signature(seal))).into()
    }

    fn signature(&mut self, seal: Seal<'a>) -> Option<Members<'a>> {
        if self.family != Family::Gemini || seal.maker != SealMaker::Gemini {
            self.losses.lose_named("thought_signature");
            return None;
        }
        let google = Members::new().with("thought_signature", seal.write(SealMaker::Gemini));
        Some(Members::new().with("google", google))
    }
}

/// The arguments of a call of a function, always a JSON text.
fn arguments(call: ToolCall<'_>) -> Json<'_> {
    if call.is_free_form {
        return String::from_utf8_lossy(&Json::from(call.into_object()).to_vec()).into_owned().into();
    }
    if call.arguments.trim().is_empty() { "{}".into() } else { call.arguments.into() }
}

/// Texts as one; a single one is not copied.
fn joined<'a>(mut texts: Vec<Cow<'a, str>>, between: &str) -> Cow<'a, str> {
    match texts.len() {
        0 | 1 => texts.pop().unwrap_or_default(),
        _ => texts.join(between).into(),
    }
}

/// What `OpenAI` calls it.
fn name_of(content: &Content<'_>) -> &'static str {
    match content {
        Content::Text(_) => "text",
        Content::Refusal(_) => "refusal",
        Content::Media(media) => media::part_type(media.kind),
        Content::ToolCall(_) => "tool_calls",
        Content::ToolResult(_) => "tool",
        Content::Reasoning(_) => "reasoning",
    }
}
