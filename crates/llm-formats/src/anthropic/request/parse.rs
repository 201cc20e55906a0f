//! Reading a request.

use std::borrow::Cow;

use super::{messages, output, thinking, tools};
use crate::{
    anthropic::cache,
    json::Json,
    neutral::{
        Error, Losses, Message, Request, Role, Sampling, ServiceTier,
        fields::{Fields, Path},
    },
};

/// Reads a request.
pub(crate) fn parse_request<'a>(body: Json<'a>, losses: &mut Losses) -> Result<Request<'a>, Error> {
    let path = Path::BODY;
    let mut fields = Fields::of(body, path)?;
    if fields.json("thread").is_some() {
        return Err(Error::NoCounterpart { what: "`thread`".into() });
    }
    let tools::Tools { all, choice, parallel } = tools::read(&mut fields, losses)?;
    let output::Config { effort, output } = output::read(&mut fields, losses)?;
    let request = Request {
        model: fields.need_text("model")?,
        messages: conversation(&mut fields, losses)?,
        tools: all,
        tool_choice: choice,
        parallel_tool_calls: parallel,
        max_tokens: fields.count("max_tokens")?,
        sampling: Sampling {
            temperature: fields.number("temperature")?,
            top_p: fields.number("top_p")?,
            top_k: fields.count("top_k")?,
            ..Sampling::default()
        },
        stop: texts(fields.array("stop_sequences")?, path.member("stop_sequences"))?,
        thinking: thinking::read(&mut fields, effort, losses)?,
        output,
        stream: fields.flag("stream")?.unwrap_or_default(),
        user: user(&mut fields, losses)?,
        service_tier: service_tier(&mut fields)?,
        cache: cache::read(&mut fields, losses)?,
        ..Request::default()
    };
    fields.finish(losses);
    Ok(request)
}

/// The instructions, which stand beside the turns, and the turns.
fn conversation<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Vec<Message<'a>>, Error> {
    let path = fields.path;
    let system = match fields.json("system") {
        Some(system) => messages::parts(system, path.member("system"), losses)?,
        None => Vec::new(),
    };
    let mut conversation = vec![Message::new(Role::System, system)];
    let items = fields.array("messages")?;
    if items.is_empty() {
        return Err(path.member("messages").error("must hold a message"));
    }
    for (index, item) in items.into_iter().enumerate() {
        conversation.push(messages::message(item, path.member("messages").item(index), losses)?);
    }
    conversation.retain(|message| !message.parts.is_empty());
    Ok(conversation)
}

fn texts<'a>(items: Vec<Json<'a>>, path: Path<'_>) -> Result<Vec<Cow<'a, str>>, Error> {
    let text = |(index, item)| match item {
        Json::String(text) => Ok(text),
        _ => Err(path.item(index).error("must be a string")),
    };
    items.into_iter().enumerate().map(text).collect()
}

fn service_tier(fields: &mut Fields<'_, '_>) -> Result<Option<ServiceTier>, Error> {
    match fields.text("service_tier")?.as_deref() {
        None => Ok(None),
        Some("auto") => Ok(Some(ServiceTier::Auto)),
        Some("standard_only") => Ok(Some(ServiceTier::Standard)),
        Some(_) => Err(fields.path.member("service_tier").error("must be `auto` or `standard_only`")),
    }
}

/// Who the end user is; Anthropic keeps no other notes.
fn user<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Option<Cow<'a, str>>, Error> {
    let Some(metadata) = fields.json("metadata") else { return Ok(None) };
    let mut metadata = Fields::of(metadata, fields.path.member("metadata"))?;
    let user = metadata.text("user_id")?;
    metadata.finish(losses);
    Ok(user)
}
