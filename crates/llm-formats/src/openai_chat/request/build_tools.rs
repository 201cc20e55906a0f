//! Writing the tools of a request.

use std::borrow::Cow;

use crate::{
    json::{Json, Members},
    neutral::{Losses, Tool, ToolChoice, ToolInput},
    openai_chat::family::Family,
};

/// Appends `tools`, `tool_choice` and `parallel_tool_calls`. The latter two are refused where there is no tool.
pub(super) fn write<'a>(
    mut tools: Vec<Tool<'a>>,
    mut choice: Option<ToolChoice<'a>>,
    is_parallel: Option<bool>,
    family: Family,
    body: &mut Members<'a>,
    losses: &mut Losses,
) {
    if let Some(ToolChoice::Allowed { names, required }) = &choice
        && !family.has_custom_tools()
    {
        tools.retain(|tool| names.contains(&tool.name));
        choice = Some(if *required { ToolChoice::Required } else { ToolChoice::Auto });
    }
    if tools.is_empty() {
        if matches!(choice, Some(ToolChoice::Required | ToolChoice::Tool(_))) {
            losses.lose_named("tool_choice");
        }
        return;
    }
    let is_custom = |name: &str| {
        let is_free_form = |tool: &Tool<'_>| matches!(tool.input, ToolInput::FreeForm { .. });
        family.has_custom_tools() && tools.iter().any(|tool| tool.name == name && is_free_form(tool))
    };
    let choice = choice.map(|choice| tool_choice(choice, is_custom));
    let tools: Json<'_> = tools.into_iter().map(|tool| write_tool(tool, family, losses)).collect();
    body.push("tools", tools);
    if let Some(choice) = choice {
        body.push("tool_choice", choice);
    }
    if let Some(is_parallel) = is_parallel {
        body.push("parallel_tool_calls", is_parallel);
    }
}

fn write_tool<'a>(tool: Tool<'a>, family: Family, losses: &mut Losses) -> Json<'a> {
    if tool.cache.is_some() {
        losses.lose_named("cache_control");
    }
    let shown =
        Members::new().with("name", tool.name.clone()).with_some("description", tool.description.clone());
    match tool.input {
        ToolInput::FreeForm { format } if family.has_custom_tools() => {
            let custom = shown.with_some("format", format.map(nested_format));
            Members::new().with("type", "custom").with("custom", custom).into()
        }
        ToolInput::FreeForm { format: Some(_) } => {
            losses.lose_named("tools[].format");
            function(shown, tool)
        }
        _ => function(shown, tool),
    }
}

fn function<'a>(shown: Members<'a>, tool: Tool<'a>) -> Json<'a> {
    let strict = tool.strict;
    let function = shown.with("parameters", tool.into_schema()).with_some("strict", strict);
    Members::new().with("type", "function").with("function", function).into()
}

/// The format of a plain text as this API writes it: the members of a grammar stand in a `grammar`.
fn nested_format(format: Json<'_>) -> Json<'_> {
    let Json::Object(members) = format else { return format };
    if members.get("type").and_then(Json::as_str) != Some("grammar") {
        return members.into();
    }
    let grammar: Members<'_> = members.into_iter().filter(|(name, _)| name != "type").collect();
    Members::new().with("type", "grammar").with("grammar", grammar).into()
}

fn tool_choice<'a>(choice: ToolChoice<'a>, is_custom: impl Fn(&str) -> bool) -> Json<'a> {
    let named = |name: Cow<'a, str>| -> Json<'a> {
        let kind = if is_custom(&name) { "custom" } else { "function" };
        Members::new().with("type", kind).with(kind, Members::new().with("name", name)).into()
    };
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Tool(name) => named(name),
        ToolChoice::Allowed { names, required } => {
            let allowed = Members::new()
                .with("mode", if required { "required" } else { "auto" })
                .with("tools", names.into_iter().map(named).collect::<Json<'_>>());
            Members::new().with("type", "allowed_tools").with("allowed_tools", allowed).into()
        }
    }
}
