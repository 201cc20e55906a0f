//! What shape an answer has, and the effort that is told beside it.

use crate::{
    json::{Json, Members},
    neutral::{
        Effort, Error, Losses, Output,
        fields::{Fields, Path},
    },
};

/// What `output_config` tells.
pub(super) struct Config<'a> {
    pub(super) effort: Option<Effort>,
    pub(super) output: Output<'a>,
}

/// Reads `output_config`, and `output_format` as it was called before.
pub(super) fn read<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Config<'a>, Error> {
    let path = fields.path;
    let older = fields.json("output_format").map(|format| (format, path.member("output_format")));
    let at = path.member("output_config");
    let Some(config) = fields.json("output_config") else {
        return Ok(Config { effort: None, output: shape(older, losses)? });
    };
    let mut config = Fields::of(config, at)?;
    let effort = config.text("effort")?.map(|effort| {
        let error = || at.member("effort").error("must be `low`, `medium`, `high`, `xhigh` or `max`");
        Effort::named(&effort).ok_or_else(error)
    });
    let newer = config.json("format").map(|format| (format, at.member("format")));
    config.finish(losses);
    Ok(Config { effort: effort.transpose()?, output: shape(newer.or(older), losses)? })
}

fn shape<'a>(format: Option<(Json<'a>, Path<'_>)>, losses: &mut Losses) -> Result<Output<'a>, Error> {
    let Some((format, path)) = format else { return Ok(Output::Text) };
    let mut format = Fields::of(format, path)?;
    if format.need_text("type")? != "json_schema" {
        return Err(path.member("type").error("must be `json_schema`"));
    }
    let schema = format.json("schema").ok_or_else(|| path.member("schema").error("is missing"))?;
    format.finish(losses);
    Ok(Output::JsonSchema { name: None, description: None, schema, strict: Some(true) })
}

/// Writes `output_config`, if there is something to tell.
pub(super) fn write<'a>(
    output: Output<'a>,
    effort: Option<Effort>,
    losses: &mut Losses,
) -> Option<Members<'a>> {
    let format = match output {
        Output::Text => None,
        Output::JsonObject => {
            losses.lose_named("response_format");
            None
        }
        Output::JsonSchema { description, schema, .. } => {
            if description.is_some() {
                losses.lose_named("response_format.json_schema.description");
            }
            Some(Members::new().with("type", "json_schema").with("schema", closed(schema)))
        }
    };
    let config = Members::new().with_some("effort", effort.map(Effort::as_str)).with_some("format", format);
    (!config.is_empty()).then_some(config)
}

/// A schema of which no object takes members that it does not name: Anthropic refuses others.
fn closed(schema: Json<'_>) -> Json<'_> {
    let Json::Object(members) = schema else { return schema };
    let is_object = match members.get("type") {
        Some(Json::Array(types)) => types.contains(&Json::from("object")),
        Some(kind) => *kind == Json::from("object"),
        None => members.get("properties").is_some(),
    };
    let is_open = is_object && members.get("additionalProperties").is_none();
    let inner = members.into_iter().map(|(name, value)| {
        let value = match (&*name, value) {
            ("properties" | "$defs" | "definitions", Json::Object(schemas)) => {
                let schemas = schemas.into_iter().map(|(name, schema)| (name, closed(schema)));
                schemas.collect::<Members<'_>>().into()
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems" | "items", Json::Array(schemas)) => {
                schemas.into_iter().map(closed).collect()
            }
            ("items", schema) => closed(schema),
            (_, value) => value,
        };
        (name, value)
    });
    let closed: Members<'_> = inner.collect();
    if is_open { closed.with("additionalProperties", false).into() } else { closed.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_of_a_schema_is_closed_and_what_is_told_stays() {
        let schema = br#"{"type":"object","properties":{"properties":{"type":["object","null"]},
            "list":{"type":"array","items":{"anyOf":[{"properties":{}},{"type":"string"}]}},
            "map":{"type":"object","additionalProperties":{"type":"string"}}}}"#;

        let closed = closed(Json::parse(schema).unwrap());

        let expected = br#"{"type":"object","properties":{
            "properties":{"type":["object","null"],"additionalProperties":false},
            "list":{"type":"array","items":{"anyOf":[{"properties":{},"additionalProperties":false},{"type":"string"}]}},
            "map":{"type":"object","additionalProperties":{"type":"string"}}},"additionalProperties":false}"#;
        assert_eq!(closed, Json::parse(expected).unwrap());
    }
}
