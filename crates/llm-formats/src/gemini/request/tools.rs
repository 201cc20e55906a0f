//! Tools, and whether they may be called.

use std::borrow::Cow;

use crate::{
    gemini::{schema, spelling},
    json::{Json, Members},
    neutral::{Error, Losses, Tool, ToolChoice, ToolInput, fields::Path},
};

/// Reads `tools`. Those that Google runs itself are lost by name.
pub(super) fn read_tools<'a>(
    tools: Vec<Json<'a>>,
    path: Path<'_>,
    losses: &mut Losses,
) -> Result<Vec<Tool<'a>>, Error> {
    let mut read = Vec::new();
    for (index, json) in tools.into_iter().enumerate() {
        let path = path.item(index);
        let mut fields = spelling::fields(json, path)?;
        let path = path.member("functionDeclarations");
        for (index, json) in fields.array("functionDeclarations")?.into_iter().enumerate() {
            read.push(read_tool(json, path.item(index), losses)?);
        }
        fields.finish(losses);
    }
    Ok(read)
}

fn read_tool<'a>(json: Json<'a>, path: Path<'_>, losses: &mut Losses) -> Result<Tool<'a>, Error> {
    let mut fields = spelling::fields(json, path)?;
    let name = fields.need_text("name")?;
    let description = fields.text("description")?;
    let openapi = fields.json("parameters").map(schema::from_openapi);
    let schema = fields.json("parametersJsonSchema").or(openapi);
    fields.finish(losses);
    Ok(Tool { name, description, input: ToolInput::Schema(schema), strict: None, cache: None })
}

/// Reads a `toolConfig`.
pub(super) fn read_choice<'a>(
    json: Json<'a>,
    path: Path<'_>,
    losses: &mut Losses,
) -> Result<Option<ToolChoice<'a>>, Error> {
    let mut fields = spelling::fields(json, path)?;
    let config = fields.json("functionCallingConfig");
    fields.finish(losses);
    let Some(config) = config else { return Ok(None) };
    let path = path.member("functionCallingConfig");
    let mut fields = spelling::fields(config, path)?;
    let mode = fields.text("mode")?.unwrap_or_default().to_ascii_uppercase();
    let mut names: Vec<Cow<'a, str>> = Vec::new();
    for (index, name) in fields.array("allowedFunctionNames")?.into_iter().enumerate() {
        match name {
            Json::String(name) => names.push(name),
            _ => return Err(path.member("allowedFunctionNames").item(index).error("must be a string")),
        }
    }
    fields.finish(losses);
    let allowed = |names, required| ToolChoice::Allowed { names, required };
    Ok(match mode.as_str() {
        "NONE" => Some(ToolChoice::None),
        "ANY" if names.len() == 1 => names.pop().map(ToolChoice::Tool),
        "ANY" if names.is_empty() => Some(ToolChoice::Required),
        "ANY" => Some(allowed(names, true)),
        "" | "AUTO" | "VALIDATED" | "MODE_UNSPECIFIED" if !names.is_empty() => Some(allowed(names, false)),
        "AUTO" | "VALIDATED" => Some(ToolChoice::Auto),
        "" | "MODE_UNSPECIFIED" => None,
        _ => return Err(path.member("mode").error("must be AUTO, ANY, NONE or VALIDATED")),
    })
}

/// Writes `tools`.
pub(super) fn write_tools<'a>(tools: Vec<Tool<'a>>, losses: &mut Losses) -> Option<Json<'a>> {
    if tools.is_empty() {
        return None;
    }
    let declarations: Json<'a> = tools.into_iter().map(|tool| write_tool(tool, losses)).collect();
    Some(vec![Members::new().with("functionDeclarations", declarations).into()].into())
}

fn write_tool<'a>(tool: Tool<'a>, losses: &mut Losses) -> Json<'a> {
    if tool.cache.is_some() {
        losses.lose_named("cache_control");
    }
    if matches!(tool.input, ToolInput::FreeForm { format: Some(_) }) {
        losses.lose_named("tools[].format");
    }
    let named =
        Members::new().with("name", tool.name.clone()).with_some("description", tool.description.clone());
    let schema = schema::to_subset(tool.into_schema(), "tools[].parameters", losses);
    let schema = (!schema::is_empty_object(&schema)).then_some(schema);
    named.with_some("parametersJsonSchema", schema).into()
}

/// Writes a `toolConfig`.
pub(super) fn write_choice(choice: ToolChoice<'_>) -> Json<'_> {
    let (mode, names) = match choice {
        ToolChoice::Auto => ("AUTO", vec![]),
        ToolChoice::None => ("NONE", vec![]),
        ToolChoice::Required => ("ANY", vec![]),
        ToolChoice::Tool(name) => ("ANY", vec![name]),
        ToolChoice::Allowed { names, required: true } => ("ANY", names),
        // Of the modes in which it need not call, only this one takes names.
        ToolChoice::Allowed { names, required: false } => ("VALIDATED", names),
    };
    let names: Option<Json<'_>> = (!names.is_empty()).then(|| names.into_iter().map(Json::String).collect());
    let config = Members::new().with("mode", mode).with_some("allowedFunctionNames", names);
    Members::new().with("functionCallingConfig", config).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(text: &str) -> Result<Option<ToolChoice<'_>>, Error> {
        let json = Json::parse(text.as_bytes()).unwrap();
        read_choice(json, Path::BODY.member("toolConfig"), &mut Losses::default())
    }

    #[test]
    fn every_choice_is_written_and_read_again() {
        let names = || vec!["f".into(), "g".into()];
        for expected in [
            ToolChoice::Auto,
            ToolChoice::None,
            ToolChoice::Required,
            ToolChoice::Tool("f".into()),
            ToolChoice::Allowed { names: names(), required: true },
            ToolChoice::Allowed { names: names(), required: false },
        ] {
            let text = write_choice(expected.clone()).to_vec();

            assert_eq!(choice(std::str::from_utf8(&text).unwrap()).unwrap(), Some(expected));
        }
    }

    #[test]
    fn a_choice_is_read_in_either_spelling() {
        assert_eq!(
            choice(r#"{"function_calling_config":{"mode":"any"}}"#).unwrap(),
            Some(ToolChoice::Required)
        );
        assert_eq!(choice("{}").unwrap(), None);
        assert_eq!(
            choice(r#"{"functionCallingConfig":{"mode":"MAYBE"}}"#).unwrap_err().to_string(),
            "`toolConfig.functionCallingConfig.mode` must be AUTO, ANY, NONE or VALIDATED"
        );
    }

    #[test]
    fn a_tool_may_have_either_schema_or_none() {
        let text = br#"[{"function_declarations":[
            {"name":"a","parameters":{"type":"OBJECT","properties":{"x":{"type":"STRING"}}}},
            {"name":"b","parameters_json_schema":{"type":"object","properties":{"x":{"type":"string"}}}},
            {"name":"c","description":"d"}]}]"#;
        let Ok(Json::Array(items)) = Json::parse(text) else { panic!() };
        let mut losses = Losses::default();

        let tools = read_tools(items, Path::BODY.member("tools"), &mut losses).unwrap();

        assert_eq!(tools[0].input, tools[1].input);
        assert_eq!(tools[2].input, ToolInput::Schema(None));
        let written = write_tools(tools, &mut losses).unwrap().to_vec();
        let schema = r#"{"type":"object","properties":{"x":{"type":"string"}}}"#;
        assert_eq!(
            String::from_utf8(written).unwrap(),
            format!(
                r#"[{{"functionDeclarations":[{{"name":"a","parametersJsonSchema":{schema}}},{{"name":"b","parametersJsonSchema":{schema}}},{{"name":"c","description":"d"}}]}}]"#
            )
        );
        assert!(losses.is_empty());
    }
}
