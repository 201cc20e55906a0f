//! Tools and the choice among them.

use std::borrow::Cow;

use crate::{
    anthropic::{cache, name::sendable},
    json::{Json, Members},
    neutral::{
        Error, Losses, Tool, ToolChoice, ToolInput,
        fields::{Fields, Path},
    },
};

/// The tools of a request and how they may be called.
pub(super) struct Tools<'a> {
    pub(super) all: Vec<Tool<'a>>,
    pub(super) choice: Option<ToolChoice<'a>>,
    pub(super) parallel: Option<bool>,
}

/// Reads the tools. Those that only Anthropic has are lost.
///
/// # Errors
/// The model must call one of the lost tools: then it could do nothing that is wanted.
pub(super) fn read<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Tools<'a>, Error> {
    let path = fields.path;
    let mut tools = Vec::new();
    let mut lost = Vec::new();
    for (index, item) in fields.array("tools")?.into_iter().enumerate() {
        match tool(item, path.member("tools").item(index), losses)? {
            Read::Known(tool) => tools.push(tool),
            Read::Lost { name, kind } => {
                losses.lose_named(&format!("tools[].{kind}"));
                lost.extend(name.map(|name| (name, kind)));
            }
        }
    }
    let (choice, parallel) = match fields.json("tool_choice") {
        Some(choice) => read_choice(choice, path.member("tool_choice"), losses)?,
        None => (None, None),
    };
    if let Some(ToolChoice::Tool(wanted)) = &choice
        && let Some((_, kind)) = lost.iter().find(|(name, _)| name == wanted)
    {
        return Err(Error::NoCounterpart { what: format!("a call of the tool `{kind}`").into() });
    }
    Ok(Tools { all: tools, choice, parallel })
}

enum Read<'a> {
    Known(Tool<'a>),
    Lost { name: Option<Cow<'a, str>>, kind: Cow<'a, str> },
}

fn tool<'a>(json: Json<'a>, path: Path<'_>, losses: &mut Losses) -> Result<Read<'a>, Error> {
    let mut fields = Fields::of(json, path)?;
    if let Some(kind) = fields.text("type")?.filter(|kind| kind != "custom") {
        return Ok(Read::Lost { name: fields.text("name")?, kind });
    }
    fields.ignore(&["eager_input_streaming"]);
    let tool = Tool {
        name: fields.need_text("name")?,
        description: fields.text("description")?,
        input: ToolInput::Schema(fields.json("input_schema")),
        strict: fields.flag("strict")?,
        cache: cache::read(&mut fields, losses)?,
    };
    fields.finish(losses);
    Ok(Read::Known(tool))
}

type Choice<'a> = (Option<ToolChoice<'a>>, Option<bool>);

fn read_choice<'a>(json: Json<'a>, path: Path<'_>, losses: &mut Losses) -> Result<Choice<'a>, Error> {
    let mut fields = Fields::of(json, path)?;
    let choice = match &*fields.need_text("type")? {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Tool(fields.need_text("name")?),
        _ => return Err(path.member("type").error("must be `auto`, `any`, `none` or `tool`")),
    };
    let parallel = fields.flag("disable_parallel_tool_use")?.map(|is_disabled| !is_disabled);
    fields.finish(losses);
    Ok((Some(choice), parallel))
}

impl<'a> Tools<'a> {
    /// Leaves only those tools that may be called, where the choice names them: Anthropic has no such choice.
    pub(super) fn narrow(&mut self) {
        let Some(ToolChoice::Allowed { names, required }) = &self.choice else { return };
        self.all.retain(|tool| names.contains(&tool.name));
        self.choice = Some(if *required { ToolChoice::Required } else { ToolChoice::Auto });
    }

    /// Whether the model must call a tool.
    pub(super) fn is_forced(&self) -> bool {
        matches!(self.choice, Some(ToolChoice::Required | ToolChoice::Tool(_)))
    }

    /// Appends tools and choice. Without tools there is no choice.
    pub(super) fn write(self, body: &mut Members<'a>, losses: &mut Losses) {
        if self.all.is_empty() {
            if self.is_forced() {
                losses.lose_named("tool_choice");
            }
            return;
        }
        let choice = write_choice(self.choice, self.parallel == Some(false));
        body.push("tools", self.all.into_iter().map(|tool| write_tool(tool, losses)).collect::<Json<'_>>());
        if let Some(choice) = choice {
            body.push("tool_choice", choice);
        }
    }
}

fn write_choice(choice: Option<ToolChoice<'_>>, is_one_by_one: bool) -> Option<Members<'_>> {
    let choice = match choice {
        None | Some(ToolChoice::Allowed { .. }) if !is_one_by_one => return None,
        None | Some(ToolChoice::Auto | ToolChoice::Allowed { .. }) => Members::new().with("type", "auto"),
        Some(ToolChoice::None) => return Some(Members::new().with("type", "none")),
        Some(ToolChoice::Required) => Members::new().with("type", "any"),
        Some(ToolChoice::Tool(name)) => Members::new().with("type", "tool").with("name", sendable(name)),
    };
    Some(choice.with_some("disable_parallel_tool_use", is_one_by_one.then_some(true)))
}

fn write_tool<'a>(mut tool: Tool<'a>, losses: &mut Losses) -> Json<'a> {
    if matches!(tool.input, ToolInput::FreeForm { format: Some(_) }) {
        losses.lose_named("tools[].format");
    }
    let is_strict = tool.strict.filter(|is_strict| *is_strict);
    let name = sendable(std::mem::take(&mut tool.name));
    let description = tool.description.take();
    let cache = tool.cache.take().map(cache::write);
    let schema = match tool.into_schema() {
        Json::Object(schema) if schema.get("type").is_some() => schema,
        // Whatever a tool takes, Anthropic wants to be told that it is an object.
        Json::Object(schema) => Members::new().with("type", "object").into_iter().chain(schema).collect(),
        _ => Members::new().with("type", "object"),
    };
    Members::new()
        .with("name", name)
        .with_some("description", description)
        .with("input_schema", schema)
        .with_some("strict", is_strict)
        .with_some("cache_control", cache)
        .into()
}
