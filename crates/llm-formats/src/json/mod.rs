//! A JSON text as a tree that borrows from it, made to be taken apart: whoever reads a member takes it out, and what
//! is left at the end is what nobody understood.
//!
//! Members keep their order, which matters to models that read a schema. Strings without escapes are not copied.

mod read;
mod words;
mod write;

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Number;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Json<'a> {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object.
    Object(Members<'a>),
}

/// The members of a JSON object, in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Members<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Json<'a> {
    /// Reads a text.
    ///
    /// # Errors
    /// Says where the text stops to be JSON. Nesting deeper than 128 levels is refused.
    pub fn parse(text: &'a [u8]) -> Result<Self, serde_json::Error> {
        // A text that is not even UTF-8 is refused with the position of its fault.
        let Ok(text) = std::str::from_utf8(text) else { return serde_json::from_slice(text) };
        read::tree(text).map_or_else(|| serde_json::from_str(text), Ok)
    }

    /// Its text.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(256);
        self.write(&mut text);
        text
    }

    /// Appends its text.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::value(self, out);
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
            _ => None,
        }
    }

    /// A number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            _ => None,
        }
    }

    /// The members of an object.
    pub fn as_object(&self) -> Option<&Members<'a>> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The same, borrowing from nothing.
    pub fn to_static(&self) -> Json<'static> {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Number(number) => Json::Number(number.clone()),
            Self::String(text) => Json::String(Cow::Owned(text.to_string())),
            Self::Array(items) => items.iter().map(Json::to_static).collect(),
            Self::Object(members) => {
                let owned =
                    members.iter().map(|(name, value)| (Cow::Owned(name.to_owned()), value.to_static()));
                Json::Object(owned.collect())
            }
        }
    }
}

/// Some writers make every number a floating one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn whole(number: f64) -> Option<u64> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    ((0.0..=LARGEST).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

impl<'a> Members<'a> {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Json<'a>>) -> Self {
        self.push(name, value);
        self
    }

    /// With one more, if there is a value.
    #[must_use]
    pub fn with_some(self, name: impl Into<Cow<'a, str>>, value: Option<impl Into<Json<'a>>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Appends one.
    pub fn push(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Json<'a>>) {
        self.0.push((name.into(), value.into()));
    }

    /// A member's value; of two of the same name the last one counts, as in most parsers.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.0.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// Takes a member out; `null` is as good as none.
    pub fn take(&mut self, name: &str) -> Option<Json<'a>> {
        let at = self.0.iter().rposition(|(found, _)| found == name)?;
        let (_, value) = self.0.remove(at);
        (!value.is_null()).then_some(value)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

impl<'a> IntoIterator for Members<'a> {
    type Item = (Cow<'a, str>, Json<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> FromIterator<(Cow<'a, str>, Json<'a>)> for Members<'a> {
    fn from_iter<I: IntoIterator<Item = (Cow<'a, str>, Json<'a>)>>(members: I) -> Self {
        Self(members.into_iter().collect())
    }
}

impl<'a> From<&'a str> for Json<'a> {
    fn from(text: &'a str) -> Self {
        Self::String(Cow::Borrowed(text))
    }
}

impl From<String> for Json<'_> {
    fn from(text: String) -> Self {
        Self::String(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Json<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Json<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u64> for Json<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for Json<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl From<f64> for Json<'_> {
    /// JSON has no infinities; they become `null`.
    fn from(number: f64) -> Self {
        Number::from_f64(number).map_or(Self::Null, Self::Number)
    }
}

impl<'a> From<Vec<Json<'a>>> for Json<'a> {
    fn from(items: Vec<Json<'a>>) -> Self {
        Self::Array(items)
    }
}

impl<'a> From<Members<'a>> for Json<'a> {
    fn from(members: Members<'a>) -> Self {
        Self::Object(members)
    }
}

impl<'a> FromIterator<Json<'a>> for Json<'a> {
    fn from_iter<I: IntoIterator<Item = Json<'a>>>(items: I) -> Self {
        Self::Array(items.into_iter().collect())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(number.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json<'de>, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json<'de>, E> {
        Ok(number.into())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(text.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(text.to_owned().into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Name(name), value)) = entries.next_entry()? {
            members.push((name, value));
        }
        Ok(Json::Object(Members(members)))
    }
}

/// A member's name. `Cow` itself borrows only where a derive tells it to.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_keep_their_order_and_strings_are_borrowed() {
        let text = br#"{"b":1,"a":{"z":"plain","y":"esc\"aped"},"c":[null,true,-1,1.5]}"#;

        let json = Json::parse(text).unwrap();

        assert_eq!(json.to_vec(), text);
        let object = json.as_object().unwrap().get("a").unwrap().as_object().unwrap();
        assert!(matches!(object.get("z"), Some(Json::String(Cow::Borrowed("plain")))));
        assert!(matches!(object.get("y"), Some(Json::String(Cow::Owned(_)))));
    }

    #[test]
    fn what_is_taken_is_gone_and_null_is_as_good_as_none() {
        let Ok(Json::Object(mut members)) = Json::parse(br#"{"a":1,"b":null,"a":2}"#) else { panic!() };

        assert_eq!(members.take("a"), Some(Json::from(2_u64)));
        assert_eq!(members.take("b"), None);
        assert_eq!(members.iter().collect::<Vec<_>>(), [("a", &Json::from(1_u64))]);
    }

    #[test]
    fn a_whole_number_may_be_written_as_a_floating_one() {
        let number = |text: &'static str| Json::parse(text.as_bytes()).unwrap().as_u64();

        assert_eq!(
            (number("7"), number("7.0"), number("7.5"), number("-1"), number("1e300")),
            (Some(7), Some(7), None, None, None)
        );
    }

    #[test]
    fn a_number_is_the_same_after_it_was_written_and_read_again() {
        for text in
            ["999999999993999999999999999399999999996204", "1.2345678901234567e-7", "9007199254740993"]
        {
            let written = Json::parse(text.as_bytes()).unwrap().to_vec();
            assert_eq!(Json::parse(&written).unwrap().to_vec(), written, "{text}");
            assert_eq!(text.parse::<f64>(), String::from_utf8(written).unwrap().parse(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_tree_reads_what_any_other_parser_reads(text in "[\\[\\]{}:,\"a1.e \\\\u0-]{0,40}") {
            let ours = Json::parse(text.as_bytes()).ok().map(|json| json.to_vec());
            if let Some(ours) = ours {
                let (ours, theirs): (serde_json::Value, serde_json::Value) =
                    (serde_json::from_slice(&ours).unwrap(), serde_json::from_str(&text).unwrap());
                prop_assert_eq!(ours, theirs);
            } else {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_err());
            }
        }
    }
}
