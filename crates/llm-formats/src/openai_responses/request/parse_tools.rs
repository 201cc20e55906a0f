//! The tools that a client offers, and how far the model may choose.

use std::borrow::Cow;

use super::super::namespace::flat_name;
use crate::{
    json::Json,
    neutral::{
        Error, Losses, Tool, ToolChoice, ToolInput,
        fields::{Fields, Path},
    },
};

/// Reads tools, also those in namespaces.
pub(super) fn parse_tools<'a>(
    tools: Vec<Json<'a>>,
    path: Path<'_>,
    found: &mut Vec<Tool<'a>>,
    losses: &mut Losses,
) -> Result<(), Error> {
    for (index, tool) in tools.into_iter().enumerate() {
        let path = path.item(index);
        let mut tool = Fields::of(tool, path)?;
        let kind = tool.need_text("type")?;
        if kind != "namespace" {
            found.extend(parse_tool(tool, &kind, None, losses)?);
            continue;
        }
        let namespace = tool.need_text("name")?;
        let path = path.member("tools");
        for (index, inner) in tool.array("tools")?.into_iter().enumerate() {
            let mut inner = Fields::of(inner, path.item(index))?;
            let kind = inner.need_text("type")?;
            found.extend(parse_tool(inner, &kind, Some(&namespace), losses)?);
        }
        // It says what the tools say themselves.
        tool.ignore(&["description"]);
        tool.finish(losses);
    }
    Ok(())
}

/// Reads a tool. One that `OpenAI` itself runs is lost: nobody else runs it.
fn parse_tool<'a>(
    mut tool: Fields<'a, '_>,
    kind: &str,
    namespace: Option<&str>,
    losses: &mut Losses,
) -> Result<Option<Tool<'a>>, Error> {
    let mut strict = None;
    let input = match kind {
        "function" => {
            strict = tool.flag("strict")?;
            ToolInput::Schema(tool.object("parameters")?.map(Json::Object))
        }
        "custom" => ToolInput::FreeForm { format: tool.object("format")?.map(Json::Object) },
        _ => {
            losses.lose_named(&format!("tools[].{kind}"));
            return Ok(None);
        }
    };
    let name = flat_name(namespace, tool.need_text("name")?);
    let description = tool.text("description")?;
    tool.finish(losses);
    Ok(Some(Tool { name, description, input, strict, cache: None }))
}

/// Reads how far the model may choose.
pub(super) fn parse_tool_choice<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Option<ToolChoice<'a>>, Error> {
    const NAMES: &str = "must be none, auto, required or an object";
    let path = Path::BODY.member("tool_choice");
    let choice = match fields.json("tool_choice") {
        None => return Ok(None),
        Some(Json::String(name)) => {
            return match &*name {
                "none" => Ok(Some(ToolChoice::None)),
                "auto" => Ok(Some(ToolChoice::Auto)),
                "required" => Ok(Some(ToolChoice::Required)),
                _ => Err(path.error(NAMES)),
            };
        }
        Some(choice @ Json::Object(_)) => choice,
        Some(_) => return Err(path.error(NAMES)),
    };
    let mut choice = Fields::of(choice, path)?;
    let kind = choice.need_text("type")?;
    let found = match &*kind {
        "function" | "custom" => Some(ToolChoice::Tool(tool_name(&mut choice)?)),
        "allowed_tools" => Some(parse_allowed(&mut choice, losses)?),
        _ => {
            losses.lose_named(&format!("tool_choice.{kind}"));
            return Ok(None);
        }
    };
    choice.finish(losses);
    Ok(found)
}

fn parse_allowed<'a>(choice: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<ToolChoice<'a>, Error> {
    let required = match choice.text("mode")?.as_deref() {
        None | Some("auto") => false,
        Some("required") => true,
        Some(_) => return Err(choice.path.member("mode").error("must be auto or required")),
    };
    let mut names = Vec::new();
    let tools = choice.array("tools")?;
    let path = choice.path.member("tools");
    for (index, tool) in tools.into_iter().enumerate() {
        let mut tool = Fields::of(tool, path.item(index))?;
        let kind = tool.need_text("type")?;
        if matches!(&*kind, "function" | "custom") {
            names.push(tool_name(&mut tool)?);
            tool.finish(losses);
        } else {
            losses.lose_named(&format!("tool_choice.tools[].{kind}"));
        }
    }
    Ok(ToolChoice::Allowed { names, required })
}

/// The flat name of a tool that is called or chosen.
pub(super) fn tool_name<'a>(fields: &mut Fields<'a, '_>) -> Result<Cow<'a, str>, Error> {
    let namespace = fields.text("namespace")?;
    Ok(flat_name(namespace.as_deref(), fields.need_text("name")?))
}
