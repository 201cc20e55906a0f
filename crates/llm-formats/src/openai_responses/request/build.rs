//! What an upstream of this format is asked.

use std::{borrow::Cow, collections::HashSet};

use super::build_items::Items;
use crate::{
    json::{Json, Members},
    neutral::{
        Cache, Content, Effort, Error, Losses, Message, Output, Request, Role, Thinking, ThinkingAmount,
        Tool, ToolChoice, ToolInput,
    },
    openai_service_tier,
};

/// Writes a request. Nothing is to be stored: what the model thought comes back sealed instead.
pub(crate) fn build_request<'a>(mut request: Request<'a>, losses: &mut Losses) -> Result<Json<'a>, Error> {
    lose_what_has_no_place(&request, losses);
    let instructions = take_instructions(&mut request.messages);
    let mut items = Items::new(losses);
    for message in request.messages {
        items.add(message)?;
    }
    let input = items.into_json();
    let tool_choice = request.tool_choice.map(|choice| tool_choice(choice, &request.tools));
    let tools: Vec<_> = request.tools.into_iter().map(|tool| build_tool(tool, losses)).collect();
    let mut include = Vec::new();
    if may_think(&request.model) {
        include.push(Json::from("reasoning.encrypted_content"));
    }
    include.extend(request.logprobs.map(|_| Json::from("message.output_text.logprobs")));
    Ok(Members::new()
        .with("model", request.model)
        .with_some("instructions", instructions)
        .with("input", input)
        .with_some("tools", (!tools.is_empty()).then_some(tools))
        .with_some("tool_choice", tool_choice)
        .with_some("parallel_tool_calls", request.parallel_tool_calls)
        .with_some("max_output_tokens", request.max_tokens)
        .with_some("temperature", request.sampling.temperature)
        .with_some("top_p", request.sampling.top_p)
        .with_some("top_logprobs", request.logprobs.and_then(|logprobs| logprobs.top))
        .with_some("reasoning", request.thinking.and_then(reasoning))
        .with_some("text", text(request.output, request.verbosity.map(Json::from)))
        .with_some("metadata", request.metadata)
        .with_some("safety_identifier", request.user)
        .with_some("service_tier", request.service_tier.map(openai_service_tier::name))
        .with_some("prompt_cache_key", request.prompt_cache_key)
        .with("store", false)
        .with_some("include", (!include.is_empty()).then_some(include))
        .with_some("stream", request.stream.then_some(true))
        .into())
}

/// The API refuses a request for sealed thoughts to a model that has none. All models since these think.
fn may_think(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or_default();
    let name = name.strip_prefix("ft:").unwrap_or(name);
    !["gpt-3", "gpt-4", "gpt-5-chat", "chatgpt-"].iter().any(|family| name.starts_with(family))
}

fn lose_what_has_no_place(request: &Request<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    for (name, is_there) in [
        ("stop", !request.stop.is_empty()),
        ("n", request.choices.is_some_and(|choices| choices != 1)),
        ("top_k", sampling.top_k.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("seed", sampling.seed.is_some()),
    ] {
        if is_there {
            losses.lose_named(name);
        }
    }
    lose_cache(request.cache.as_ref(), losses);
}

/// The API keeps every prompt by itself, as long as it likes.
pub(super) fn lose_cache(cache: Option<&Cache<'_>>, losses: &mut Losses) {
    if cache.is_some_and(|cache| cache.ttl.is_some()) {
        losses.lose_named("cache_control.ttl");
    }
}

/// Instructions that are one text, as this format has them. Any others are among the items.
fn take_instructions<'a>(messages: &mut Vec<Message<'a>>) -> Option<Json<'a>> {
    let first = messages.first().filter(|first| first.role == Role::System && first.name.is_none())?;
    match &first.parts[..] {
        [part] if part.cache.is_none() && matches!(part.content, Content::Text(_)) => {}
        _ => return None,
    }
    match messages.remove(0).parts.pop()?.content {
        Content::Text(text) => Some(text.into()),
        _ => None,
    }
}

fn build_tool<'a>(tool: Tool<'a>, losses: &mut Losses) -> Json<'a> {
    lose_cache(tool.cache.as_ref(), losses);
    let (name, description) = (tool.name.clone(), tool.description.clone());
    let named =
        |kind| Members::new().with("type", kind).with("name", name).with_some("description", description);
    if let ToolInput::FreeForm { format } = tool.input {
        return named("custom").with_some("format", format).into();
    }
    // Without a word about it, this API makes a schema strict; the others do not.
    let strict = tool.strict.unwrap_or_default();
    named("function").with("parameters", tool.into_schema()).with("strict", strict).into()
}

fn tool_choice<'a>(choice: ToolChoice<'a>, tools: &[Tool<'a>]) -> Json<'a> {
    let free_form = tools.iter().filter(|tool| matches!(tool.input, ToolInput::FreeForm { .. }));
    let free_form: HashSet<&str> = free_form.map(|tool| &*tool.name).collect();
    let named = |name: Cow<'a, str>| {
        let kind = if free_form.contains(&*name) { "custom" } else { "function" };
        Members::new().with("type", kind).with("name", name)
    };
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Tool(name) => named(name).into(),
        ToolChoice::Allowed { names, required } => Members::new()
            .with("type", "allowed_tools")
            .with("mode", if required { "required" } else { "auto" })
            .with("tools", names.into_iter().map(|name| named(name).into()).collect::<Json<'_>>())
            .into(),
    }
}

fn reasoning(thinking: Thinking) -> Option<Json<'static>> {
    let effort = match thinking.amount {
        ThinkingAmount::Adaptive => None,
        ThinkingAmount::Effort(effort) => Some(effort),
        ThinkingAmount::Budget(0) => Some(Effort::None),
        // These three are known to every model that thinks.
        ThinkingAmount::Budget(tokens) => Some(Effort::of_budget(tokens).clamp(Effort::Low, Effort::High)),
    };
    let is_shown = thinking.is_shown == Some(true);
    let reasoning = Members::new()
        .with_some("effort", effort.map(Effort::as_str))
        .with_some("summary", is_shown.then_some("auto"));
    (!reasoning.is_empty()).then(|| reasoning.into())
}

fn text<'a>(output: Output<'a>, verbosity: Option<Json<'a>>) -> Option<Json<'a>> {
    let format = match output {
        Output::Text => None,
        Output::JsonObject => Some(Members::new().with("type", "json_object")),
        Output::JsonSchema { name, description, schema, strict } => Some(
            Members::new()
                .with("type", "json_schema")
                .with("name", name.unwrap_or_else(|| "answer".into()))
                .with_some("description", description)
                .with("schema", schema)
                .with_some("strict", strict),
        ),
    };
    let text = Members::new().with_some("format", format).with_some("verbosity", verbosity);
    (!text.is_empty()).then(|| text.into())
}
