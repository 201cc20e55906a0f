//! The texts of a request, whatever API it is for.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{count, scaled};

/// About how many tokens a request's prompt is, of whose body of `whole` bytes this is the beginning. Takes milliseconds,
/// and the first time as long as the vocabulary takes to be unpacked.
pub fn prompt_tokens(beginning: &[u8], whole: u64) -> u64 {
    let tokens = count(&texts(beginning));
    scaled(tokens, beginning.len() as u64, whole)
}

/// Where the texts are, each on a line, as far as the JSON goes.
fn texts(body: &[u8]) -> String {
    let mut texts = String::new();
    // What had been read before a fault, or before the end of a beginning, counts.
    let _ = Texts { of: Part::Body, into: &mut texts }
        .deserialize(&mut serde_json::Deserializer::from_slice(body));
    texts
}

/// A value that texts are taken from.
struct Texts<'a> {
    of: Part,
    into: &'a mut String,
}

/// What a value is a part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The body itself: of its members only some are for the model.
    Body,
    /// What is said to the model.
    Prompt,
    /// What it may call, and how it has to answer: names are read by the model as well.
    Schema,
}

impl Part {
    /// What a member of it is; `None` where the model does not read that.
    fn member(self, name: &str) -> Option<Self> {
        match (self, name) {
            (
                Self::Body,
                "messages" | "input" | "contents" | "system" | "systemInstruction" | "system_instruction"
                | "instructions" | "prompt" | "suffix" | "query" | "documents",
            ) => Some(Self::Prompt),
            (
                Self::Body,
                "tools" | "functions" | "response_format" | "generationConfig" | "output_config",
            ) => Some(Self::Schema),
            // Of the prompt: whose bytes are no text, or which only say how another member is to be read.
            (Self::Body, _)
            | (
                Self::Prompt,
                "data" | "url" | "image_url" | "file_data" | "fileData" | "file_uri" | "fileUri"
                | "signature" | "thoughtSignature" | "thought_signature" | "encrypted_content" | "mime_type"
                | "mimeType" | "media_type" | "cache_control" | "type" | "role" | "id" | "call_id"
                | "tool_call_id" | "tool_use_id",
            ) => None,
            (part, _) => Some(part),
        }
    }
}

impl Texts<'_> {
    fn push(&mut self, text: &str) {
        if self.of != Part::Body && !text.starts_with("data:") {
            self.into.push_str(text);
            self.into.push('\n');
        }
    }
}

impl<'de> DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: serde::de::Error>(mut self, text: &str) -> Result<(), E> {
        self.push(text);
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.of == Part::Body {
            return Err(A::Error::custom("a request is an object"));
        }
        while items.next_element_seed(Texts { of: self.of, into: self.into })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            match self.of.member(&name) {
                None => drop(members.next_value::<IgnoredAny>()?),
                Some(of) => {
                    if self.of == Part::Schema {
                        self.push(&name);
                    }
                    members.next_value_seed(Texts { of, into: self.into })?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_apis_texts_are_found() {
        for (body, expected) in [
            (
                r#"{"model":"m","messages":[{"role":"system","content":"A"},{"role":"user","content":[{"type":"text","text":"B"},
                   {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},
                   {"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}],"user":"u"}"#,
                "A\nB\nf\n{}\n",
            ),
            (
                r#"{"model":"m","system":"S","messages":[{"role":"user","content":[{"type":"image","source":{"data":"AAAA"}}]}],"max_tokens":9}"#,
                "S\n",
            ),
            (
                r#"{"contents":[{"parts":[{"text":"G"},{"inlineData":{"mimeType":"a/b","data":"AAAA"}}]}],"systemInstruction":{"parts":[{"text":"S"}]}}"#,
                "G\nS\n",
            ),
            (r#"{"instructions":"I","input":"hello"}"#, "I\nhello\n"),
            (r#"{"input":["a","b"],"dimensions":3}"#, "a\nb\n"),
            (r#"{"prompt":"p","messages":null,"input":[[1,2]]}"#, "p\n"),
            (
                r#"{"tools":[{"name":"f","parameters":{"properties":{"city":{"type":"string"}}}}]}"#,
                "name\nf\nparameters\nproperties\ncity\ntype\nstring\n",
            ),
            ("[]", ""),
            ("", ""),
            ("no JSON", ""),
        ] {
            assert_eq!(texts(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn of_a_beginning_as_much_is_read_as_there_is_and_the_rest_is_assumed_to_be_alike() {
        let message = r#"{"role":"user","content":"hello world"},"#;
        let body = format!(r#"{{"messages":[{}{}]}}"#, message.repeat(999), message.trim_end_matches(','));

        let [whole, half] = [body.len(), body.len() / 2]
            .map(|part| prompt_tokens(&body.as_bytes()[..part], body.len() as u64));

        assert!(whole >= 2_000 && whole.abs_diff(half) < whole / 100, "{whole} {half}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_without_harm(bytes: Vec<u8>, deep in 0_usize..300) {
            texts(&bytes);
            texts(format!("{{\"input\":{}", "[".repeat(deep)).as_bytes());
        }
    }
}
