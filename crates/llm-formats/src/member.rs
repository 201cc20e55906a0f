//! Takes one member out of a JSON object and leaves every other byte as it is.

use std::{borrow::Cow, fmt, ops::Range};

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The text of a top-level string member, and the object without it.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken {
    /// The text.
    pub text: String,
    /// What is left.
    pub rest: Vec<u8>,
}

/// A member that is there twice: which one counts would depend on who reads it.
#[derive(Debug, PartialEq, Eq)]
pub struct Twice;

/// Takes a member; `None` when the text is no JSON object, or has no string of that name at its top level.
pub fn take_member(json: &[u8], name: &str) -> Result<Option<Taken>, Twice> {
    let Some(members) = members(json) else { return Ok(None) };
    let mut named = (0..).zip(&members).filter(|(_, member)| member.name == name);
    let Some((index, member)) = named.next() else { return Ok(None) };
    if named.next().is_some() {
        return Err(Twice);
    }
    let Ok(text) = serde_json::from_slice(&json[member.value.clone()]) else { return Ok(None) };
    let cut = match index {
        0 => start(json)..member.value.end + comma(&json[member.value.end..]),
        _ => members[index - 1].value.end..member.value.end,
    };
    Ok(Some(Taken { text, rest: [&json[..cut.start], &json[cut.end..]].concat() }))
}

struct Member<'a> {
    name: Cow<'a, str>,
    /// Where its value stands.
    value: Range<usize>,
}

/// The members of an object in their order; `None` when the text is none.
fn members(json: &[u8]) -> Option<Vec<Member<'_>>> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let members = reader.deserialize_map(Members { json }).ok()?;
    reader.end().ok()?;
    Some(members)
}

struct Members<'a> {
    json: &'a [u8],
}

impl<'de> Visitor<'de> for Members<'de> {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            let text = value.get();
            // A raw value is a part of the text it was read from.
            let start = text.as_ptr().addr() - self.json.as_ptr().addr();
            members.push(Member { name, value: start..start + text.len() });
        }
        Ok(members)
    }
}

/// Where the first member may begin.
fn start(json: &[u8]) -> usize {
    json.iter().position(|byte| *byte == b'{').map_or(0, |brace| brace + 1)
}

/// How far it is to behind the comma after a value; 0 when there is none.
fn comma(after: &[u8]) -> usize {
    let blank = after.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if after.get(blank) == Some(&b',') { blank + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn taken(json: &str) -> Result<Option<(String, String)>, Twice> {
        let taken = take_member(json.as_bytes(), "api_key")?;
        Ok(taken.map(|taken| (taken.text, String::from_utf8(taken.rest).unwrap())))
    }

    #[test]
    fn a_member_is_taken_and_every_other_byte_stays() {
        for (json, rest) in [
            (r#"{"api_key":"k"}"#, "{}"),
            (r#" { "api_key" : "k" } "#, " { } "),
            (r#"{"api_key":"k" , "b":1}"#, r#"{ "b":1}"#),
            (r#"{"a": 1.0, "api_key":"k", "b":{"api_key":"x"}}"#, r#"{"a": 1.0, "b":{"api_key":"x"}}"#),
            (r#"{"a":"}{",  "api_key":"\u006b"}"#, r#"{"a":"}{"}"#),
            (r#"{"api\u005fkey":"k","a":[1,{}]}"#, r#"{"a":[1,{}]}"#),
        ] {
            assert_eq!(taken(json), Ok(Some(("k".into(), rest.into()))), "{json}");
        }
    }

    #[test]
    fn there_is_nothing_to_take_from_what_is_no_object_with_that_text() {
        for json in ["", "[]", "{", r#"{"api_key":1}"#, r#"{"a":{"api_key":"k"}}"#, r#"{"api_key":"k"}x"#] {
            assert_eq!(taken(json), Ok(None), "{json}");
        }
    }

    #[test]
    fn a_member_that_is_there_twice_is_refused() {
        assert_eq!(taken(r#"{"api_key":"a","api_key":"b"}"#), Err(Twice));
    }

    proptest! {
        #[test]
        fn what_is_left_is_the_object_without_the_member(
            mut before in prop::collection::vec(("[a-z]{0,3}", "\\PC{0,8}"), 0..3),
            key in "\\PC{0,8}",
            after in prop::collection::vec(("[a-z]{0,3}", "\\PC{0,8}"), 0..3),
            spaced: bool,
        ) {
            let at = before.len();
            before.extend(after);
            let write = |members: &[(String, String)]| {
                let members: Vec<String> =
                    members.iter().map(|(n, v)| format!("{}:{}", Value::from(&**n), Value::from(&**v))).collect();
                format!("{{{}}}", members.join(if spaced { " , " } else { "," }))
            };
            let mut whole = before.clone();
            whole.insert(at, ("api_key".into(), key.clone()));

            let (text, rest) = taken(&write(&whole)).unwrap().unwrap();

            prop_assert_eq!(text, key);
            let (rest, expected): (Map<String, Value>, Map<String, Value>) =
                (serde_json::from_str(&rest).unwrap(), serde_json::from_str(&write(&before)).unwrap());
            prop_assert_eq!(rest, expected);
        }

        #[test]
        fn arbitrary_bytes_are_read_without_harm(json: Vec<u8>) {
            let _ = take_member(&json, "api_key");
        }
    }
}
