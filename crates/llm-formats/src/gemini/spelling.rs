//! The two spellings of Gemini's names.

use std::borrow::Cow;

use crate::{
    json::{Json, Members},
    neutral::{
        Error,
        fields::{Fields, Path},
    },
};

/// Takes an object apart; its own names are in `camelCase` then, those further in as they were.
pub(crate) fn fields<'a, 'p>(json: Json<'a>, path: Path<'p>) -> Result<Fields<'a, 'p>, Error> {
    match json {
        Json::Object(members) => Fields::of(camel_members(members).into(), path),
        other => Fields::of(other, path),
    }
}

/// The same members with their names in `camelCase`.
pub(super) fn camel_members(members: Members<'_>) -> Members<'_> {
    if members.iter().all(|(name, _)| !name.contains('_')) {
        return members;
    }
    members.into_iter().map(|(name, value)| (camel(name), value)).collect()
}

/// Underscores at the beginning say that a member is new, and go too.
fn camel(name: Cow<'_, str>) -> Cow<'_, str> {
    if !name.contains('_') {
        return name;
    }
    let mut words = name.split('_').filter(|word| !word.is_empty());
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_both_spellings() {
        for (name, expected) in [
            ("maxOutputTokens", "maxOutputTokens"),
            ("max_output_tokens", "maxOutputTokens"),
            ("_responseJsonSchema", "responseJsonSchema"),
            ("_response_json_schema", "responseJsonSchema"),
            ("top_p", "topP"),
            ("___", ""),
            ("ü_ü", "üü"),
        ] {
            assert_eq!(camel(name.into()), expected);
        }
    }

    #[test]
    fn only_the_objects_own_names_change() {
        let json = Json::parse(br#"{"function_call":{"args":{"a_b":1}}}"#).unwrap();

        let mut fields = fields(json, Path::BODY).unwrap();

        let call = fields.json("functionCall").unwrap();
        assert_eq!(call.to_vec(), br#"{"args":{"a_b":1}}"#);
    }
}
