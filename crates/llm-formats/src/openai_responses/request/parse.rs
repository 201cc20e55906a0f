//! What a client asks.

use std::sync::Arc;

use super::{
    parse_items::Conversation,
    parse_tools::{parse_tool_choice, parse_tools},
};
use crate::{
    json::{Json, Members},
    neutral::{
        Effort, Error, Logprobs, Losses, Message, Output, Part, Repeated, Request, Role, Sampling, Thinking,
        ThinkingAmount,
        fields::{Fields, Path},
    },
    openai_service_tier,
};

/// The members that the answer repeats.
const REPEATED: [&str; 17] = [
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// Reads a request.
pub(crate) fn parse_request<'a>(body: Json<'a>, losses: &mut Losses) -> Result<Request<'a>, Error> {
    let repeated = repeated(&body);
    let mut fields = Fields::of(body, Path::BODY)?;
    refuse_what_is_stored_elsewhere(&mut fields)?;
    let mut request = Request { repeated, ..Request::default() };
    request.model = fields.need_text("model")?;
    parse_tools(fields.array("tools")?, Path::BODY.member("tools"), &mut request.tools, losses)?;
    request.messages.extend(instructions(&mut fields)?);
    parse_input(&mut fields, &mut request, losses)?;
    request.tool_choice = parse_tool_choice(&mut fields, losses)?;
    request.parallel_tool_calls = fields.flag("parallel_tool_calls")?;
    request.max_tokens = fields.count("max_output_tokens")?;
    request.sampling = Sampling {
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        ..Sampling::default()
    };
    request.logprobs = parse_include(&mut fields, losses)?;
    request.thinking = parse_reasoning(&mut fields, losses)?;
    parse_text(&mut fields, &mut request, losses)?;
    request.stream = fields.flag("stream")?.unwrap_or_default();
    let user = fields.text("user")?;
    request.user = fields.text("safety_identifier")?.or(user);
    request.metadata = fields.object("metadata")?.filter(|notes| !notes.is_empty()).map(Json::Object);
    request.service_tier = openai_service_tier::read(&mut fields, losses)?;
    request.prompt_cache_key = fields.text("prompt_cache_key")?;
    ignore_defaults(&mut fields, losses)?;
    fields.finish(losses);
    Ok(request)
}

/// Tools that stand among the items are as good as those that stand beside them.
fn repeated(body: &Json<'_>) -> Repeated {
    let Some(body) = body.as_object() else { return Repeated::default() };
    let own = |name| body.get(name).filter(|value| !value.is_null()).map(Json::to_static);
    let mut repeated: Vec<_> = REPEATED.into_iter().filter_map(|name| Some((name, own(name)?))).collect();
    let Some(Json::Array(items)) = body.get("input") else { return Arc::new(repeated) };
    let more = items
        .iter()
        .filter_map(Json::as_object)
        .filter(|item| matches!(item.get("type"), Some(Json::String(kind)) if kind == "additional_tools"));
    let more: Vec<_> = more
        .filter_map(|item| match item.get("tools") {
            Some(Json::Array(tools)) => Some(tools),
            _ => None,
        })
        .flatten()
        .map(Json::to_static)
        .collect();
    match repeated.iter_mut().find(|(name, _)| *name == "tools") {
        Some((_, Json::Array(tools))) => tools.extend(more),
        None if !more.is_empty() => repeated.push(("tools", Json::Array(more))),
        _ => {}
    }
    Arc::new(repeated)
}

/// What the real API looks up in what it stored.
fn refuse_what_is_stored_elsewhere(fields: &mut Fields<'_, '_>) -> Result<(), Error> {
    for name in ["previous_response_id", "conversation", "prompt"] {
        if fields.json(name).is_some() {
            return Err(Error::NoCounterpart { what: format!("`{name}`").into() });
        }
    }
    if fields.flag("background")? == Some(true) {
        return Err(Error::NoCounterpart { what: "`background`".into() });
    }
    Ok(())
}

/// What stands for itself when it is what it is anyway.
fn ignore_defaults(fields: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<(), Error> {
    if fields.flag("store")? == Some(true) {
        losses.lose_named("store");
    }
    if fields.text("truncation")?.is_some_and(|truncation| truncation != "disabled") {
        losses.lose_named("truncation");
    }
    // It counts the calls of built-in tools, of which there are none; the others are about the connection.
    fields.ignore(&["max_tool_calls", "stream_options", "client_metadata"]);
    Ok(())
}

fn instructions<'a>(fields: &mut Fields<'a, '_>) -> Result<Option<Message<'a>>, Error> {
    let text = fields.text("instructions")?.filter(|text| !text.is_empty());
    Ok(text.map(|text| Message::new(Role::System, vec![Part::text(text)])))
}

fn parse_input<'a>(
    fields: &mut Fields<'a, '_>,
    request: &mut Request<'a>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let path = Path::BODY.member("input");
    match fields.json("input") {
        Some(Json::String(text)) => {
            request.messages.push(Message::new(Role::User, vec![Part::text(text)]));
        }
        Some(Json::Array(items)) => {
            let mut conversation = Conversation::after(std::mem::take(&mut request.messages));
            for (index, item) in items.into_iter().enumerate() {
                conversation.add(item, path.item(index), &mut request.tools, losses)?;
            }
            request.messages = conversation.into_messages();
        }
        Some(_) => return Err(path.error("must be a string or an array")),
        None => return Err(path.error("is missing")),
    }
    Ok(())
}

/// Encrypted reasoning comes always, asked for or not.
fn parse_include(fields: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<Option<Logprobs>, Error> {
    let top = fields.count("top_logprobs")?;
    let mut logprobs = None;
    for name in fields.array("include")? {
        match name.as_str() {
            Some("message.output_text.logprobs") => logprobs = Some(Logprobs { top }),
            Some("reasoning.encrypted_content") => {}
            name => losses.lose_named(&format!("include[].{}", name.unwrap_or_default())),
        }
    }
    Ok(logprobs)
}

/// Without a summary the client does not get to read any of it.
fn parse_reasoning(fields: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<Option<Thinking>, Error> {
    let path = Path::BODY.member("reasoning");
    let Some(reasoning) = fields.object("reasoning")? else { return Ok(None) };
    let mut reasoning = Fields::of(reasoning.into(), path)?;
    let effort = reasoning.text("effort")?;
    let summary = reasoning.text("summary")?;
    let is_shown = reasoning.text("generate_summary")?.or(summary).is_some();
    reasoning.finish(losses);
    let amount = match effort {
        Some(effort) => ThinkingAmount::Effort(Effort::named(&effort).ok_or_else(|| {
            path.member("effort").error("must be none, minimal, low, medium, high, xhigh or max")
        })?),
        None if is_shown => ThinkingAmount::Adaptive,
        None => return Ok(None),
    };
    Ok(Some(Thinking { amount, is_shown: Some(is_shown) }))
}

fn parse_text<'a>(
    fields: &mut Fields<'a, '_>,
    request: &mut Request<'a>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let path = Path::BODY.member("text");
    let Some(text) = fields.object("text")? else { return Ok(()) };
    let mut text = Fields::of(text.into(), path)?;
    request.verbosity = text.text("verbosity")?;
    if let Some(format) = text.object("format")? {
        request.output = parse_format(format, path.member("format"), losses)?;
    }
    text.finish(losses);
    Ok(())
}

fn parse_format<'a>(format: Members<'a>, path: Path<'_>, losses: &mut Losses) -> Result<Output<'a>, Error> {
    let mut format = Fields::of(format.into(), path)?;
    let output = match &*format.need_text("type")? {
        "text" => Output::Text,
        "json_object" => Output::JsonObject,
        "json_schema" => Output::JsonSchema {
            name: format.text("name")?,
            description: format.text("description")?,
            schema: format.object("schema")?.ok_or_else(|| path.member("schema").error("is missing"))?.into(),
            strict: format.flag("strict")?,
        },
        _ => return Err(path.member("type").error("must be text, json_object or json_schema")),
    };
    format.finish(losses);
    Ok(output)
}
