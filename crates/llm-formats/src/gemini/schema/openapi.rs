//! Gemini's older schemas, a subset of OpenAPI 3.0 with types in upper case, as JSON schema.

use std::collections::HashMap;

use crate::{
    gemini::spelling::camel_members,
    json::{Json, Members},
};

/// The JSON schema that means the same.
pub(in crate::gemini) fn from_openapi(schema: Json<'_>) -> Json<'_> {
    let Json::Object(members) = schema else { return schema };
    let mut members = camel_members(members);
    let is_nullable = members.take("nullable") == Some(Json::Bool(true));
    let order = members.take("propertyOrdering");
    let mut schema = Members::new();
    for (name, value) in members {
        let value = match &*name {
            "type" => match lower_case(value) {
                Some(value) => value,
                None => continue,
            },
            "format" if value.as_str() == Some("enum") => continue,
            "items" | "additionalProperties" | "not" => from_openapi(value),
            "anyOf" | "oneOf" | "allOf" | "prefixItems" => each_item(value),
            "properties" => in_order(each_member(value), order.as_ref()),
            "$defs" => each_member(value),
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties" => {
                number(value)
            }
            "example" => {
                schema.push("examples", vec![value]);
                continue;
            }
            _ => value,
        };
        schema.push(name, value);
    }
    if is_nullable { nullable(schema) } else { schema }.into()
}

fn each_item(value: Json<'_>) -> Json<'_> {
    match value {
        Json::Array(items) => items.into_iter().map(from_openapi).collect(),
        other => other,
    }
}

fn each_member(value: Json<'_>) -> Json<'_> {
    match value {
        Json::Object(members) => {
            let members = members.into_iter().map(|(name, value)| (name, from_openapi(value)));
            Json::Object(members.collect())
        }
        other => other,
    }
}

/// JSON schema knows no order but that of the text.
fn in_order<'a>(properties: Json<'a>, order: Option<&Json<'_>>) -> Json<'a> {
    let Json::Object(properties) = properties else { return properties };
    let Some(Json::Array(order)) = order else { return properties.into() };
    let names = order.iter().filter_map(Json::as_str).enumerate();
    let places: HashMap<_, _> = names.map(|(place, name)| (name, place)).collect();
    let mut properties: Vec<_> = properties.into_iter().collect();
    properties.sort_by_key(|(name, _)| places.get(&**name).copied().unwrap_or(usize::MAX));
    properties.into_iter().collect::<Members<'a>>().into()
}

fn lower_case(value: Json<'_>) -> Option<Json<'_>> {
    match value {
        Json::String(name) if name == "TYPE_UNSPECIFIED" => None,
        Json::String(name) => Some(name.to_ascii_lowercase().into()),
        Json::Array(names) => Some(names.into_iter().filter_map(lower_case).collect()),
        other => Some(other),
    }
}

/// Protocol buffers write large integers as texts.
fn number(value: Json<'_>) -> Json<'_> {
    match value.as_str().and_then(|text| text.parse::<u64>().ok()) {
        Some(number) => number.into(),
        None => value,
    }
}

fn nullable(mut schema: Members<'_>) -> Members<'_> {
    if let Some(name) = schema.take("type") {
        schema.push("type", vec![name, "null".into()]);
        if let Some(Json::Array(mut values)) = schema.take("enum") {
            values.push(Json::Null);
            schema.push("enum", values);
        }
    } else if let Some(Json::Array(mut schemas)) = schema.take("anyOf") {
        schemas.push(Members::new().with("type", "null").into());
        schema.push("anyOf", schemas);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(text: &str) -> String {
        let schema = from_openapi(Json::parse(text.as_bytes()).unwrap());
        String::from_utf8(schema.to_vec()).unwrap()
    }

    #[test]
    fn types_become_lower_case_however_deep() {
        assert_eq!(
            translated(
                r#"{"type":"OBJECT","properties":{"TYPE":{"type":"ARRAY","items":{"type":"STRING"}},
                    "type":{"any_of":[{"type":"INTEGER"},{"type":"TYPE_UNSPECIFIED"}]}},"required":["TYPE"]}"#
            ),
            concat!(
                r#"{"type":"object","properties":{"TYPE":{"type":"array","items":{"type":"string"}},"#,
                r#""type":{"anyOf":[{"type":"integer"},{}]}},"required":["TYPE"]}"#
            )
        );
    }

    #[test]
    fn what_only_openapi_says_is_said_as_json_schema_says_it() {
        for (openapi, json_schema) in [
            (
                r#"{"type":"STRING","nullable":true,"enum":["a"],"format":"enum"}"#,
                r#"{"type":["string","null"],"enum":["a",null]}"#,
            ),
            (
                r#"{"nullable":true,"anyOf":[{"type":"STRING"}]}"#,
                r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#,
            ),
            (r#"{"type":"ARRAY","min_items":"1"}"#, r#"{"type":"array","minItems":1}"#),
            (r#"{"type":"STRING","example":"x"}"#, r#"{"type":"string","examples":["x"]}"#),
            (
                r#"{"properties":{"a":{},"b":{},"c":{}},"propertyOrdering":["c","nobody","a"]}"#,
                r#"{"properties":{"c":{},"a":{},"b":{}}}"#,
            ),
            ("true", "true"),
        ] {
            assert_eq!(translated(openapi), json_schema);
        }
    }
}
