//! Reading messages and the blocks they consist of.

use super::media;
use crate::{
    anthropic::cache,
    json::Json,
    neutral::{
        Content, Error, Losses, Message, Part, Reasoning, Role, Seal, SealMaker, ToolCall, ToolResult,
        fields::{Fields, Path},
    },
};

/// A message.
pub(super) fn message<'a>(json: Json<'a>, path: Path<'_>, losses: &mut Losses) -> Result<Message<'a>, Error> {
    let mut fields = Fields::of(json, path)?;
    let role = match &*fields.need_text("role")? {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return Err(path.member("role").error("must be `user`, `assistant` or `system`")),
    };
    let at = path.member("content");
    let content = fields.json("content").ok_or_else(|| at.error("is missing"))?;
    let parts = parts(content, at, losses)?;
    fields.finish(losses);
    Ok(Message::new(role, parts))
}

/// What a message, a tool's result or the instructions consist of.
pub(super) fn parts<'a>(
    content: Json<'a>,
    path: Path<'_>,
    losses: &mut Losses,
) -> Result<Vec<Part<'a>>, Error> {
    let blocks = match content {
        Json::String(text) => return Ok(vec![Part::text(text)]),
        Json::Array(blocks) => blocks,
        _ => return Err(path.error("must be a string or an array of blocks")),
    };
    let mut parts = Vec::with_capacity(blocks.len());
    for (index, json) in blocks.into_iter().enumerate() {
        block(json, path.item(index), &mut parts, losses)?;
    }
    return_seals(&mut parts);
    Ok(parts)
}

fn block<'a>(
    json: Json<'a>,
    path: Path<'_>,
    parts: &mut Vec<Part<'a>>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let mut fields = Fields::of(json, path)?;
    let kind = fields.need_text("type")?;
    let cache = cache::read(&mut fields, losses)?;
    let content = match &*kind {
        "text" => Content::Text(fields.need_text("text")?),
        "image" => media::image(&mut fields, losses)?,
        "document" => media::document(&mut fields, parts, losses)?,
        "search_result" => media::search_result(&mut fields, losses)?,
        "thinking" => thinking(&mut fields)?,
        "redacted_thinking" => {
            let seal = Seal::read(SealMaker::AnthropicRedacted, fields.need_text("data")?);
            Content::Reasoning(Reasoning { seal: Some(seal), ..Reasoning::default() })
        }
        "tool_use" => tool_use(&mut fields)?,
        "tool_result" => tool_result(&mut fields, losses)?,
        // A tool that a search for tools found: all of them are in the request.
        "tool_reference" => Content::Text(fields.need_text("tool_name")?),
        // Mostly what one of Anthropic's own tools did or gave.
        _ => {
            losses.lose_named(&format!("{}.{kind}", path.kind_of_place()));
            return Ok(());
        }
    };
    fields.finish(losses);
    parts.push(Part { content, cache });
    Ok(())
}

fn thinking<'a>(fields: &mut Fields<'a, '_>) -> Result<Content<'a>, Error> {
    let text = fields.text("thinking")?.filter(|text| !text.is_empty());
    let signature = fields.text("signature")?.filter(|signature| !signature.is_empty());
    let seal = signature.map(|signature| Seal::read(SealMaker::Anthropic, signature));
    Ok(Content::Reasoning(Reasoning { texts: text.into_iter().collect(), seal, id: None }))
}

fn tool_use<'a>(fields: &mut Fields<'a, '_>) -> Result<Content<'a>, Error> {
    fields.ignore(&["caller"]);
    let input = fields.object("input")?.unwrap_or_default();
    Ok(Content::ToolCall(ToolCall {
        id: fields.need_text("id")?,
        name: fields.need_text("name")?,
        arguments: String::from_utf8(Json::from(input).to_vec()).unwrap_or_default().into(),
        is_free_form: false,
        seal: None,
    }))
}

fn tool_result<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Content<'a>, Error> {
    let path = fields.path;
    let at = path.member("content");
    let content = fields.json("content").map(|content| parts(content, at, losses)).transpose()?;
    let parts = content.unwrap_or_default();
    if !parts.iter().all(|part| matches!(part.content, Content::Text(_) | Content::Media(_))) {
        return Err(at.error("must consist of texts, images and documents"));
    }
    Ok(Content::ToolResult(ToolResult {
        id: fields.need_text("tool_use_id")?,
        name: None,
        parts,
        is_error: fields.flag("is_error")?.unwrap_or_default(),
        is_free_form: false,
    }))
}

/// Gemini signs calls. Its seals travel as thoughts before the calls, and go back onto them.
fn return_seals(parts: &mut Vec<Part<'_>>) {
    for index in 1..parts.len() {
        let (before, after) = parts.split_at_mut(index);
        if let (Some(Content::Reasoning(thought)), Some(Content::ToolCall(call))) =
            (before.last_mut().map(|part| &mut part.content), after.first_mut().map(|part| &mut part.content))
            && thought.texts.is_empty()
        {
            call.seal = thought.seal.take_if(|seal| seal.maker == SealMaker::Gemini);
        }
    }
    let is_empty = |thought: &Reasoning<'_>| thought.texts.is_empty() && thought.seal.is_none();
    parts.retain(|part| !matches!(&part.content, Content::Reasoning(thought) if is_empty(thought)));
}
