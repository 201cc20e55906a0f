//! Reading the tools of a request, also those that were called functions.

use std::borrow::Cow;

use super::parse::cache;
use crate::{
    json::{Json, Members},
    neutral::{
        Error, Losses, Tool, ToolChoice, ToolInput,
        fields::{Fields, Path},
    },
};

/// `tools`, and the deprecated `functions`; and whether they are nothing but functions.
pub(super) fn tools<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<(Vec<Tool<'a>>, bool), Error> {
    let here = fields.path;
    let (path, old_path) = (here.member("tools"), here.member("functions"));
    let mut tools = Vec::new();
    for (index, json) in fields.array("tools")?.into_iter().enumerate() {
        tools.push(tool(Fields::of(json, path.item(index))?, losses)?);
    }
    let has_tools = !tools.is_empty();
    for (index, json) in fields.array("functions")?.into_iter().enumerate() {
        tools.push(function(Fields::of(json, old_path.item(index))?, losses)?);
    }
    let has_functions = !has_tools && !tools.is_empty();
    Ok((tools, has_functions))
}

fn tool<'a>(mut fields: Fields<'a, '_>, losses: &mut Losses) -> Result<Tool<'a>, Error> {
    let here = fields.path;
    let is_free_form = is_free_form(&mut fields)?;
    let tool = if is_free_form {
        custom(inner(&mut fields, "custom", here.member("custom"))?, losses)?
    } else {
        function(inner(&mut fields, "function", here.member("function"))?, losses)?
    };
    let cache = cache(&mut fields, losses)?.or(tool.cache);
    fields.finish(losses);
    Ok(Tool { cache, ..tool })
}

/// Whether a tool, a choice or a call is `custom`, not a `function`.
pub(super) fn is_free_form(fields: &mut Fields<'_, '_>) -> Result<bool, Error> {
    match fields.text("type")?.as_deref() {
        None | Some("function") => Ok(false),
        Some("custom") => Ok(true),
        Some(_) => Err(fields.path.member("type").error("must be `function` or `custom`")),
    }
}

/// The object in a member that has to be there.
pub(super) fn inner<'a, 'p>(
    fields: &mut Fields<'a, '_>,
    name: &str,
    path: Path<'p>,
) -> Result<Fields<'a, 'p>, Error> {
    Fields::of(fields.json(name).ok_or_else(|| path.error("is missing"))?, path)
}

fn function<'a>(mut fields: Fields<'a, '_>, losses: &mut Losses) -> Result<Tool<'a>, Error> {
    let tool = Tool {
        name: fields.need_text("name")?,
        description: fields.text("description")?,
        input: ToolInput::Schema(fields.object("parameters")?.map(Json::Object)),
        strict: fields.flag("strict")?,
        cache: cache(&mut fields, losses)?,
    };
    fields.finish(losses);
    Ok(tool)
}

fn custom<'a>(mut fields: Fields<'a, '_>, losses: &mut Losses) -> Result<Tool<'a>, Error> {
    let tool = Tool {
        name: fields.need_text("name")?,
        description: fields.text("description")?,
        input: ToolInput::FreeForm { format: fields.object("format")?.map(flat_format) },
        strict: None,
        cache: None,
    };
    fields.finish(losses);
    Ok(tool)
}

/// The format of a plain text as Responses writes it: there a grammar's members stand beside the `type`.
fn flat_format(mut format: Members<'_>) -> Json<'_> {
    if let Some(Json::Object(grammar)) = format.take("grammar") {
        for (name, value) in grammar {
            format.push(name, value);
        }
    }
    format.into()
}

/// `tool_choice`, or the deprecated `function_call`.
pub(super) fn choice<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Option<ToolChoice<'a>>, Error> {
    let here = fields.path;
    let (path, old_path) = (here.member("tool_choice"), here.member("function_call"));
    let old = fields.json("function_call");
    match (fields.json("tool_choice"), old) {
        (Some(Json::String(choice)), _) => named(&choice, path).map(Some),
        (Some(choice), _) => object(Fields::of(choice, path)?, losses).map(Some),
        (None, Some(Json::String(choice))) => named(&choice, old_path).map(Some),
        (None, Some(function)) => {
            let mut function = Fields::of(function, old_path)?;
            let choice = ToolChoice::Tool(function.need_text("name")?);
            function.finish(losses);
            Ok(Some(choice))
        }
        (None, None) => Ok(None),
    }
}

fn named<'a>(choice: &str, path: Path<'_>) -> Result<ToolChoice<'a>, Error> {
    match choice {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        _ => Err(path.error("must be auto, none, required, or an object that names a tool")),
    }
}

fn object<'a>(mut fields: Fields<'a, '_>, losses: &mut Losses) -> Result<ToolChoice<'a>, Error> {
    let here = fields.path;
    let choice = if let Some(tools) = fields.json("allowed_tools") {
        let path = here.member("allowed_tools");
        fields.ignore(&["type"]);
        allowed(Fields::of(tools, path)?, losses)?
    } else {
        ToolChoice::Tool(tool_name(&mut fields, losses)?)
    };
    fields.finish(losses);
    Ok(choice)
}

fn allowed<'a>(mut fields: Fields<'a, '_>, losses: &mut Losses) -> Result<ToolChoice<'a>, Error> {
    let here = fields.path;
    let path = here.member("tools");
    let required = fields.text("mode")?.as_deref() == Some("required");
    let mut names = Vec::new();
    for (index, tool) in fields.array("tools")?.into_iter().enumerate() {
        let mut tool = Fields::of(tool, path.item(index))?;
        names.push(tool_name(&mut tool, losses)?);
        tool.finish(losses);
    }
    fields.finish(losses);
    Ok(ToolChoice::Allowed { names, required })
}

/// The name in `{"type":"function","function":{"name":…}}`, and the same for `custom`.
fn tool_name<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Cow<'a, str>, Error> {
    let here = fields.path;
    let member = if is_free_form(fields)? { "custom" } else { "function" };
    let mut tool = inner(fields, member, here.member(member))?;
    let name = tool.need_text("name")?;
    tool.finish(losses);
    Ok(name)
}
