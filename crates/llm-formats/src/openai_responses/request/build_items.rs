//! The items of a conversation, from its turns.

use std::borrow::Cow;

use super::build::lose_cache;
use crate::{
    json::{Json, Members},
    neutral::{
        Content, Error, Losses, Media, MediaKind, Message, Reasoning, Role, SealMaker, Source, ToolCall,
        ToolResult,
    },
};

/// The items that were written so far.
pub(super) struct Items<'a, 'l> {
    whole: Vec<Json<'a>>,
    /// The parts of a message that is not an item yet.
    content: Vec<Json<'a>>,
    losses: &'l mut Losses,
}

impl<'a, 'l> Items<'a, 'l> {
    /// None.
    pub(super) fn new(losses: &'l mut Losses) -> Self {
        Self { whole: Vec::new(), content: Vec::new(), losses }
    }

    /// Appends a turn.
    pub(super) fn add(&mut self, message: Message<'a>) -> Result<(), Error> {
        if message.name.is_some() {
            self.losses.lose_named("name");
        }
        let role = message.role;
        for part in message.parts {
            lose_cache(part.cache.as_ref(), self.losses);
            match part.content {
                Content::ToolCall(call) => {
                    let item = call_item(call, self.losses);
                    self.push(role, item);
                }
                Content::ToolResult(result) => {
                    let item = result_item(result, self.losses)?;
                    self.push(role, item);
                }
                Content::Reasoning(reasoning) => match reasoning_item(reasoning) {
                    Some(item) => self.push(role, item),
                    None => self.losses.lose_named("reasoning"),
                },
                Content::Media(_) if role == Role::Assistant => {
                    self.losses.lose_named("media of the assistant");
                }
                content => self.content.push(content_part(content, role)?),
            }
        }
        self.end_message(role);
        Ok(())
    }

    /// All of them.
    pub(super) fn into_json(self) -> Json<'a> {
        Json::Array(self.whole)
    }

    fn push(&mut self, role: Role, item: Json<'a>) {
        self.end_message(role);
        self.whole.push(item);
    }

    fn end_message(&mut self, role: Role) {
        if self.content.is_empty() {
            return;
        }
        let role = match role {
            Role::System => "system",
            Role::Developer => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let content = std::mem::take(&mut self.content);
        let item = Members::new().with("type", "message").with("role", role).with("content", content);
        self.whole.push(item.into());
    }
}

fn call_item<'a>(call: ToolCall<'a>, losses: &mut Losses) -> Json<'a> {
    if call.seal.is_some() {
        losses.lose_named("reasoning");
    }
    let (kind, input) =
        if call.is_free_form { ("custom_tool_call", "input") } else { ("function_call", "arguments") };
    Members::new()
        .with("type", kind)
        .with("call_id", call.id)
        .with("name", call.name)
        .with(input, call.arguments)
        .into()
}

/// Whether a result is a failure has no place but its words.
fn result_item<'a>(result: ToolResult<'a>, losses: &mut Losses) -> Result<Json<'a>, Error> {
    if result.is_error {
        losses.lose_named("is_error");
    }
    let mut parts = Vec::new();
    for part in result.parts {
        lose_cache(part.cache.as_ref(), losses);
        parts.push(part.content);
    }
    let output = match parts.pop() {
        None => "".into(),
        Some(Content::Text(text)) if parts.is_empty() => text.into(),
        Some(last) => {
            parts.push(last);
            let parts: Result<Vec<_>, _> =
                parts.into_iter().map(|part| content_part(part, Role::User)).collect();
            Json::Array(parts?)
        }
    };
    let kind = if result.is_free_form { "custom_tool_call_output" } else { "function_call_output" };
    Ok(Members::new().with("type", kind).with("call_id", result.id).with("output", output).into())
}

/// Nobody but `OpenAI` can open what it sealed, and it takes thoughts only sealed.
fn reasoning_item(reasoning: Reasoning<'_>) -> Option<Json<'_>> {
    let seal = reasoning.seal.filter(|seal| seal.maker == SealMaker::OpenAi)?;
    let summary = reasoning
        .texts
        .into_iter()
        .map(|text| Json::from(Members::new().with("type", "summary_text").with("text", text)));
    Some(
        Members::new()
            .with("type", "reasoning")
            .with_some("id", reasoning.id)
            .with("summary", summary.collect::<Json<'_>>())
            .with("encrypted_content", seal.data)
            .into(),
    )
}

fn content_part(content: Content<'_>, role: Role) -> Result<Json<'_>, Error> {
    let text_type = if role == Role::Assistant { "output_text" } else { "input_text" };
    let part = match content {
        Content::Refusal(text) if role == Role::Assistant => {
            Members::new().with("type", "refusal").with("refusal", text)
        }
        Content::Text(text) | Content::Refusal(text) => {
            Members::new().with("type", text_type).with("text", text)
        }
        Content::Media(media) => media_part(media)?,
        // A turn within a result: no parser makes one.
        Content::ToolCall(_) | Content::ToolResult(_) | Content::Reasoning(_) => {
            return Err(Error::NoCounterpart { what: "a call or a thought within a tool's result".into() });
        }
    };
    Ok(part.into())
}

fn media_part(media: Media<'_>) -> Result<Members<'_>, Error> {
    let detail = media.detail;
    let part = match (media.kind, media.source) {
        (MediaKind::Audio | MediaKind::Video, _) => {
            return Err(Error::NoCounterpart { what: "a sound or a film in a message".into() });
        }
        (MediaKind::Image, Source::Base64 { mime, data }) => Members::new()
            .with("type", "input_image")
            .with("image_url", format!("data:{mime};base64,{data}"))
            .with_some("detail", detail),
        (MediaKind::Image, Source::Url { url, .. }) => {
            Members::new().with("type", "input_image").with("image_url", url).with_some("detail", detail)
        }
        (MediaKind::Document, Source::Base64 { mime, data }) => Members::new()
            .with("type", "input_file")
            .with("filename", media.name.unwrap_or_else(|| file_name(&mime)))
            .with("file_data", format!("data:{mime};base64,{data}")),
        (MediaKind::Document, Source::Url { url, .. }) => {
            Members::new().with("type", "input_file").with("file_url", url)
        }
        (_, Source::Text(text)) => Members::new().with("type", "input_text").with("text", text),
    };
    Ok(part)
}

/// The API wants a name for a file that it gets as data.
fn file_name(mime: &str) -> Cow<'static, str> {
    match mime {
        "application/pdf" => "document.pdf".into(),
        "text/plain" => "document.txt".into(),
        _ => "document".into(),
    }
}
