//! JSON schema without what Gemini refuses or does not look at.
//!
//! `parametersJsonSchema` and `responseJsonSchema` take a subset, which the reference lists at
//! `GenerationConfig.responseJsonSchema`. Beside a `$ref` only names that begin with `$` may stand. What has a meaning
//! of its own and is left out is told; what can be said otherwise is said otherwise.

use std::{borrow::Cow, collections::HashSet};

use serde_json::Number;

use crate::{
    json::{Json, Members},
    neutral::Losses,
};

/// The formats of the subset.
const FORMATS: [&str; 7] = ["date-time", "date", "time", "int32", "int64", "float", "double"];
/// Where older schemas keep the parts that are referred to.
const OLD_DEFINITIONS: &str = "#/definitions/";

/// A schema that Gemini takes. `place` is where it stands, for the names of what is lost.
pub(in crate::gemini) fn to_subset<'a>(schema: Json<'a>, place: &str, losses: &mut Losses) -> Json<'a> {
    Subset { place, losses }.schema(schema)
}

/// Whether a schema is of an object of which nothing can be said. As the parameters of a function it is left out.
pub(in crate::gemini) fn is_empty_object(schema: &Json<'_>) -> bool {
    let Some(members) = schema.as_object() else { return false };
    members.iter().all(|(name, value)| match name {
        "type" => value.as_str() == Some("object"),
        "properties" => value.as_object().is_some_and(Members::is_empty),
        "additionalProperties" => *value == Json::Bool(false),
        "required" => *value == Json::Array(vec![]),
        name => matches!(name, "title" | "description" | "$schema"),
    })
}

struct Subset<'p, 'l> {
    place: &'p str,
    losses: &'l mut Losses,
}

impl Subset<'_, '_> {
    fn schema<'a>(&mut self, schema: Json<'a>) -> Json<'a> {
        let members = match schema {
            Json::Object(members) => self.merged(members),
            // A schema that is `true` takes everything, as an empty one does.
            Json::Bool(true) => return Members::new().into(),
            Json::Bool(false) => {
                self.lose("not");
                return Members::new().into();
            }
            other => return other,
        };
        let facts = Facts::of(&members);
        let mut subset = Members::new();
        for (name, value) in members {
            self.member(name, value, &facts, &mut subset);
        }
        subset.into()
    }

    fn member<'a>(&mut self, name: Cow<'a, str>, value: Json<'a>, facts: &Facts, subset: &mut Members<'a>) {
        match &*name {
            "$schema" | "$comment" => {}
            "$defs" | "definitions" => subset.push("$defs", self.each_member(value)),
            "$ref" => subset.push(name, reference(value)),
            "$id" | "$anchor" => subset.push(name, value),
            _ if facts.is_reference => self.lose(&name),
            "type" if facts.is_nullable => subset.push(name, or_null(value)),
            "type" | "title" | "description" | "required" | "minItems" | "maxItems" | "minimum"
            | "maximum" | "propertyOrdering" => subset.push(name, value),
            "nullable" => {}
            "format" if value.as_str().is_some_and(|format| FORMATS.contains(&format)) => {
                subset.push(name, value);
            }
            "enum" => self.values(value, facts, subset),
            "const" if !facts.has_enum => self.values(vec![value].into(), facts, subset),
            "exclusiveMinimum" if !facts.has_minimum => self.bound("minimum", &value, 1, facts, subset),
            "exclusiveMaximum" if !facts.has_maximum => self.bound("maximum", &value, -1, facts, subset),
            "properties" => subset.push(name, self.each_member(value)),
            "items" => match value {
                Json::Array(_) => subset.push("prefixItems", self.each_item(value)),
                Json::Bool(true) => {}
                value => subset.push(name, self.schema(value)),
            },
            "prefixItems" | "anyOf" | "oneOf" => subset.push(name, self.each_item(value)),
            "additionalProperties" => match value {
                Json::Bool(_) => subset.push(name, value),
                value => subset.push(name, self.schema(value)),
            },
            _ => self.lose(&name),
        }
    }

    /// The members of an object schema, with those of its `allOf` among them.
    fn merged<'a>(&mut self, mut members: Members<'a>) -> Members<'a> {
        let Some(Json::Array(schemas)) = members.take("allOf") else { return members };
        let mut properties = match members.take("properties") {
            Some(Json::Object(properties)) => properties,
            _ => Members::new(),
        };
        let mut required = match members.take("required") {
            Some(Json::Array(required)) => required,
            _ => Vec::new(),
        };
        let mut names: HashSet<String> = members.iter().map(|(name, _)| name.to_owned()).collect();
        for schema in schemas {
            let Json::Object(schema) = schema else { continue };
            for (name, value) in self.merged(schema) {
                match (&*name, value) {
                    ("properties", Json::Object(more)) => {
                        more.into_iter().for_each(|(name, value)| properties.push(name, value));
                    }
                    ("required", Json::Array(more)) => required.extend(more),
                    (_, value) if names.insert(name.to_string()) => members.push(name, value),
                    ("type", _) => {}
                    _ => self.lose(&name),
                }
            }
        }
        if !properties.is_empty() {
            members.push("properties", properties);
        }
        if !required.is_empty() {
            members.push("required", required);
        }
        members
    }

    /// Only texts and numbers can be listed. `null` need not be where the type allows it.
    fn values<'a>(&mut self, value: Json<'a>, facts: &Facts, subset: &mut Members<'a>) {
        let Json::Array(mut values) = value else { return self.lose("enum") };
        if facts.is_nullable || facts.allows_null {
            values.retain(|value| !value.is_null());
        }
        if values.iter().all(|value| matches!(value, Json::String(_) | Json::Number(_))) {
            subset.push("enum", values);
        } else {
            self.lose("enum");
            if !facts.has_type && values.iter().all(|value| matches!(value, Json::Bool(_))) {
                subset.push("type", "boolean");
            }
        }
    }

    /// A bound that is not reached: for a whole number the next one is reached, else the bound itself is taken.
    fn bound(
        &mut self,
        name: &'static str,
        value: &Json<'_>,
        step: i64,
        facts: &Facts,
        subset: &mut Members<'_>,
    ) {
        let Json::Number(number) = value else { return self.lose(name) };
        let next = number.as_i64().filter(|_| facts.is_integer).and_then(|number| number.checked_add(step));
        if next.is_none() {
            self.lose(name);
        }
        subset.push(name, Json::Number(next.map_or_else(|| number.clone(), Number::from)));
    }

    fn each_item<'a>(&mut self, value: Json<'a>) -> Json<'a> {
        match value {
            Json::Array(items) => items.into_iter().map(|item| self.schema(item)).collect(),
            other => other,
        }
    }

    fn each_member<'a>(&mut self, value: Json<'a>) -> Json<'a> {
        match value {
            Json::Object(members) => {
                let members = members.into_iter().map(|(name, value)| (name, self.schema(value)));
                Json::Object(members.collect())
            }
            other => other,
        }
    }

    fn lose(&mut self, name: &str) {
        self.losses.lose_named(&format!("{}.{name}", self.place));
    }
}

/// What the reading of one member has to know of the others.
#[expect(clippy::struct_excessive_bools, reason = "each answers its own question")]
struct Facts {
    is_reference: bool,
    is_nullable: bool,
    allows_null: bool,
    is_integer: bool,
    has_type: bool,
    has_enum: bool,
    has_minimum: bool,
    has_maximum: bool,
}

impl Facts {
    fn of(members: &Members<'_>) -> Self {
        let kind = members.get("type");
        let is = |wanted: &str| match kind {
            Some(Json::Array(names)) => names.iter().any(|name| name.as_str() == Some(wanted)),
            Some(name) => name.as_str() == Some(wanted),
            None => false,
        };
        Self {
            is_reference: members.get("$ref").is_some(),
            is_nullable: members.get("nullable") == Some(&Json::Bool(true)),
            allows_null: is("null"),
            is_integer: is("integer"),
            has_type: kind.is_some(),
            has_enum: members.get("enum").is_some(),
            has_minimum: members.get("minimum").is_some(),
            has_maximum: members.get("maximum").is_some(),
        }
    }
}

fn reference(value: Json<'_>) -> Json<'_> {
    match value.as_str().and_then(|address| address.strip_prefix(OLD_DEFINITIONS)) {
        Some(name) => format!("#/$defs/{name}").into(),
        None => value,
    }
}

fn or_null(kind: Json<'_>) -> Json<'_> {
    match kind {
        Json::String(_) => vec![kind, "null".into()].into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subset(text: &str) -> (String, Vec<String>) {
        let mut losses = Losses::default();
        let schema = to_subset(Json::parse(text.as_bytes()).unwrap(), "parameters", &mut losses);
        (String::from_utf8(schema.to_vec()).unwrap(), losses.names().to_vec())
    }

    #[test]
    fn what_the_subset_has_is_left_as_it_is() {
        let schema = concat!(
            r##"{"type":"object","title":"T","description":"d","properties":{"a":{"type":["string","null"],"##,
            r##""enum":["x","y"],"format":"date-time"},"b":{"type":"array","items":{"$ref":"#/$defs/B"},"##,
            r##""minItems":1,"maxItems":2},"c":{"anyOf":[{"type":"number","minimum":0,"maximum":1.5}]},"##,
            r##""pattern":{"type":"array","prefixItems":[{"type":"null"}]}},"required":["a"],"##,
            r##""additionalProperties":false,"propertyOrdering":["a"],"$defs":{"B":{"type":"integer"}}}"##
        );

        assert_eq!(subset(schema), (schema.to_owned(), vec![]));
    }

    #[test]
    fn what_can_be_said_otherwise_is_said_otherwise() {
        for (schema, expected) in [
            (r#"{"const":"a"}"#, r#"{"enum":["a"]}"#),
            (r#"{"type":"integer","exclusiveMinimum":0}"#, r#"{"type":"integer","minimum":1}"#),
            (r#"{"type":"integer","exclusiveMaximum":9}"#, r#"{"type":"integer","maximum":8}"#),
            (r#"{"type":["string","null"],"enum":["a",null]}"#, r#"{"type":["string","null"],"enum":["a"]}"#),
            (r#"{"type":"string","nullable":true}"#, r#"{"type":["string","null"]}"#),
            (r#"{"items":[{"type":"string"},true]}"#, r#"{"prefixItems":[{"type":"string"},{}]}"#),
            (r##"{"allOf":[{"$ref":"#/$defs/A"}]}"##, r##"{"$ref":"#/$defs/A"}"##),
            (
                r#"{"allOf":[{"properties":{"a":{}},"required":["a"]},{"type":"object","properties":{"b":{}}}]}"#,
                r#"{"type":"object","properties":{"a":{},"b":{}},"required":["a"]}"#,
            ),
            (
                r##"{"definitions":{"A":{}},"properties":{"a":{"$ref":"#/definitions/A"}}}"##,
                r##"{"$defs":{"A":{}},"properties":{"a":{"$ref":"#/$defs/A"}}}"##,
            ),
            (r#"{"$schema":"x","$comment":"y","type":"string"}"#, r#"{"type":"string"}"#),
        ] {
            assert_eq!(subset(schema), (expected.to_owned(), vec![]), "{schema}");
        }
    }

    #[test]
    fn what_gemini_refuses_is_left_out_and_told() {
        for (schema, expected, lost) in [
            (r#"{"type":"string","pattern":"a+"}"#, r#"{"type":"string"}"#, "pattern"),
            (r#"{"type":"string","format":"uri"}"#, r#"{"type":"string"}"#, "format"),
            (r#"{"patternProperties":{"a":{}}}"#, "{}", "patternProperties"),
            (r##"{"$ref":"#/$defs/A","description":"d"}"##, r##"{"$ref":"#/$defs/A"}"##, "description"),
            (r#"{"const":true}"#, r#"{"type":"boolean"}"#, "enum"),
            (r#"{"type":"number","exclusiveMinimum":0}"#, r#"{"type":"number","minimum":0}"#, "minimum"),
            (r#"{"type":"integer","uniqueItems":true}"#, r#"{"type":"integer"}"#, "uniqueItems"),
            (r#"{"not":{}}"#, "{}", "not"),
        ] {
            assert_eq!(subset(schema), (expected.to_owned(), vec![format!("parameters.{lost}")]), "{schema}");
        }
    }

    #[test]
    fn an_object_of_which_nothing_is_said_is_empty() {
        let is_empty = |text: &str| is_empty_object(&Json::parse(text.as_bytes()).unwrap());

        for text in [
            "{}",
            r#"{"type":"object"}"#,
            r#"{"type":"object","properties":{},"required":[],"additionalProperties":false}"#,
        ] {
            assert!(is_empty(text), "{text}");
        }
        for text in [r#"{"type":"string"}"#, r#"{"type":"object","additionalProperties":true}"#, "true"] {
            assert!(!is_empty(text), "{text}");
        }
    }
}
