//! Reading the messages of a request.

use std::borrow::Cow;

use super::{
    media,
    parse::cache,
    parse_tools::{inner, is_free_form},
};
use crate::{
    json::Json,
    neutral::{
        Content, Error, Losses, Message, Part, Reasoning, Role, Seal, SealMaker, ToolCall, ToolResult,
        fields::Fields,
    },
};

/// What later messages have to know of the calls in earlier ones.
#[derive(Default)]
struct Calls {
    /// The ids of those that have plain text.
    free_form: Vec<String>,
    /// The id that was made for the last deprecated `function_call`, which has none.
    function: Option<String>,
}

/// `messages`.
pub(super) fn parse_messages<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Vec<Message<'a>>, Error> {
    let here = fields.path;
    let path = here.member("messages");
    let messages = fields.array("messages")?;
    if messages.is_empty() {
        return Err(path.error("must have at least one message"));
    }
    let mut calls = Calls::default();
    let messages = messages.into_iter().enumerate().map(|(index, json)| {
        let fields = Fields::of(json, path.item(index))?;
        message(fields, index, &mut calls, losses)
    });
    messages.collect()
}

fn message<'a>(
    mut fields: Fields<'a, '_>,
    index: usize,
    calls: &mut Calls,
    losses: &mut Losses,
) -> Result<Message<'a>, Error> {
    let name = fields.text("name")?;
    let role = fields.need_text("role")?;
    let message = match &*role {
        "system" => Message { name, ..Message::new(Role::System, content(&mut fields, losses)?) },
        "developer" => Message { name, ..Message::new(Role::Developer, content(&mut fields, losses)?) },
        "user" => Message { name, ..Message::new(Role::User, content(&mut fields, losses)?) },
        "assistant" => {
            let parts = assistant(&mut fields, index, calls, losses)?;
            Message { name, ..Message::new(Role::Assistant, parts) }
        }
        "tool" => {
            let id = fields.need_text("tool_call_id")?;
            tool_result(id, name, calls, &mut fields, losses)?
        }
        "function" => {
            let id = calls.function.take();
            let why = "is `function`, but no `function_call` comes before it";
            let id = id.ok_or_else(|| fields.path.member("role").error(why))?;
            tool_result(id.into(), name, calls, &mut fields, losses)?
        }
        _ => {
            let why = "must be one of system, developer, user, assistant, tool, function";
            return Err(fields.path.member("role").error(why));
        }
    };
    fields.finish(losses);
    Ok(message)
}

fn tool_result<'a>(
    id: Cow<'a, str>,
    name: Option<Cow<'a, str>>,
    calls: &Calls,
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Message<'a>, Error> {
    let is_free_form = calls.free_form.iter().any(|free_form| *free_form == id);
    let parts = content(fields, losses)?;
    let result = ToolResult { id, name, parts, is_error: false, is_free_form };
    Ok(Message::new(Role::User, vec![Content::ToolResult(result).into()]))
}

/// `content`: a text, or an array of parts. An empty text is as good as none.
fn content<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Vec<Part<'a>>, Error> {
    let here = fields.path;
    let path = here.member("content");
    match fields.json("content") {
        None => Ok(Vec::new()),
        Some(Json::String(text)) if text.is_empty() => Ok(Vec::new()),
        Some(Json::String(text)) => Ok(vec![Part::text(text)]),
        Some(Json::Array(parts)) => {
            let parts = parts.into_iter().enumerate();
            parts.map(|(index, json)| part(Fields::of(json, path.item(index))?, losses)).collect()
        }
        Some(_) => Err(path.error("must be a string, or an array of parts")),
    }
}

fn part<'a>(mut fields: Fields<'a, '_>, losses: &mut Losses) -> Result<Part<'a>, Error> {
    let kind = fields.need_text("type")?;
    let content = match &*kind {
        "text" => Content::Text(fields.need_text("text")?),
        "refusal" => Content::Refusal(fields.need_text("refusal")?),
        "image_url" => media::image(&mut fields, losses)?,
        "input_audio" => media::audio(&mut fields, losses)?,
        "file" => media::file(&mut fields, losses)?,
        "video_url" => media::video(&mut fields, losses)?,
        _ => {
            let why = "must be one of text, refusal, image_url, input_audio, file, video_url";
            return Err(fields.path.member("type").error(why));
        }
    };
    let cache = cache(&mut fields, losses)?;
    fields.finish(losses);
    Ok(Part { content, cache })
}

fn assistant<'a>(
    fields: &mut Fields<'a, '_>,
    index: usize,
    calls: &mut Calls,
    losses: &mut Losses,
) -> Result<Vec<Part<'a>>, Error> {
    let here = fields.path;
    if fields.json("audio").is_some() {
        return Err(Error::NoCounterpart { what: format!("`{here}.audio`").into() });
    }
    let mut parts = Vec::new();
    let of_openrouter = fields.text("reasoning")?;
    let reasoning = fields.text("reasoning_content")?.or(of_openrouter);
    if let Some(text) = reasoning.filter(|text| !text.is_empty()) {
        let reasoning = Reasoning { texts: vec![text], ..Reasoning::default() };
        parts.push(Content::Reasoning(reasoning).into());
    }
    parts.extend(content(fields, losses)?);
    if let Some(text) = fields.text("refusal")?.filter(|text| !text.is_empty()) {
        parts.push(Content::Refusal(text).into());
    }
    let path = here.member("tool_calls");
    for (number, json) in fields.array("tool_calls")?.into_iter().enumerate() {
        let call = tool_call(Fields::of(json, path.item(number))?, losses)?;
        if call.is_free_form {
            calls.free_form.push(call.id.to_string());
        }
        parts.push(Content::ToolCall(call).into());
    }
    if let Some(json) = fields.json("function_call") {
        let id = format!("call_of_message_{index}");
        let call = function(id.clone().into(), Fields::of(json, here.member("function_call"))?, losses)?;
        calls.function = Some(id);
        parts.push(Content::ToolCall(call).into());
    }
    // Sources of a search that is over: nobody wants them back.
    fields.ignore(&["annotations"]);
    Ok(parts)
}

fn tool_call<'a>(mut fields: Fields<'a, '_>, losses: &mut Losses) -> Result<ToolCall<'a>, Error> {
    let here = fields.path;
    let id = fields.need_text("id")?;
    let call = if is_free_form(&mut fields)? {
        let mut custom = inner(&mut fields, "custom", here.member("custom"))?;
        let (name, arguments) = (custom.need_text("name")?, custom.need_text("input")?);
        custom.finish(losses);
        ToolCall { id, name, arguments, is_free_form: true, seal: None }
    } else {
        function(id, inner(&mut fields, "function", here.member("function"))?, losses)?
    };
    let seal = fields.json("extra_content").and_then(signature);
    fields.ignore(&["index"]);
    fields.finish(losses);
    Ok(ToolCall { seal, ..call })
}

fn function<'a>(
    id: Cow<'a, str>,
    mut fields: Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<ToolCall<'a>, Error> {
    let (name, arguments) = (fields.need_text("name")?, fields.need_text("arguments")?);
    fields.finish(losses);
    Ok(ToolCall { id, name, arguments, is_free_form: false, seal: None })
}

/// The seal of a call in its `extra_content`, where Gemini's compatible API has it.
pub(in super::super) fn signature(extra_content: Json<'_>) -> Option<Seal<'_>> {
    let Json::Object(mut extra) = extra_content else { return None };
    let Json::Object(mut google) = extra.take("google")? else { return None };
    match google.take("thought_signature")? {
        Json::String(text) => Some(Seal::read(SealMaker::Gemini, text)),
        _ => None,
    }
}
