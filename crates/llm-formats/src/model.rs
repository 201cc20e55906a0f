//! Which model a request is for.

use std::{borrow::Cow, mem};

use memchr::memchr2;

/// The longest name that is believed to be one.
const MAX_LEN: usize = 200;
/// The longest string that is looked at: a name of which every character is escaped, and its quotation marks.
const MAX_STRING: usize = 6 * MAX_LEN + 2;

/// The model that a request's path names, as Gemini (`/models/{model}:generateContent`) and Azure
/// (`/deployments/{model}/…`) have it.
pub fn model_in_path(path: &str) -> Option<&str> {
    let named = ["/models/", "/deployments/"].into_iter().find_map(|place| {
        let (_, rest) = path.split_once(place)?;
        rest.split(['/', ':', '?']).next().filter(|model| !model.is_empty())
    });
    named.filter(|model| model.len() <= MAX_LEN)
}

/// Finds the model that a request's body names, in its member `model`, while the body passes in pieces. Nothing but a name
/// is kept, so a body may be as long as it likes.
#[derive(Debug, Default)]
pub struct ModelReader {
    level: u32,
    string: Option<Reading>,
    /// What comes next in the outermost object.
    next: Next,
    /// The string that is read, as it is written, if it matters and is not too long.
    text: Vec<u8>,
    model: Option<String>,
    /// Nothing that follows counts.
    is_over: bool,
}

/// Within a string.
#[derive(Debug, Clone, Copy)]
struct Reading {
    /// Whether it is the name or the value of a member of the outermost object, which may be the one we look for.
    matters: bool,
    /// Its next byte stands for itself.
    is_escaped: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Nothing,
    Name,
    /// What has been read as a name is the one we look for.
    Colon,
    Model,
}

impl ModelReader {
    /// Reads on.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while !self.is_over
            && let Some(byte) = bytes.get(at)
        {
            if let Some(string) = self.string {
                at += self.read_string(&bytes[at..], string);
                continue;
            }
            at += 1;
            let is_member = self.level == 1;
            match byte {
                byte if byte.is_ascii_whitespace() => {}
                // A form, a file, or a list.
                byte if self.level == 0 && *byte != b'{' => self.is_over = true,
                b'"' => {
                    let matters = is_member && matches!(self.next, Next::Name | Next::Model);
                    self.string = Some(Reading { matters, is_escaped: false });
                    self.text.clear();
                }
                b'{' | b'[' => {
                    self.level = self.level.saturating_add(1);
                    self.next = if self.level == 1 { Next::Name } else { Next::Nothing };
                }
                b'}' | b']' => {
                    self.level = self.level.saturating_sub(1);
                    (self.next, self.is_over) = (Next::Nothing, self.level == 0);
                }
                b',' if is_member => self.next = Next::Name,
                b':' if is_member && self.next == Next::Colon => self.next = Next::Model,
                _ if is_member => self.next = Next::Nothing,
                _ => {}
            }
        }
    }

    /// The model, as far as the body has been read.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Reads what lies of a string in these bytes; how many that are.
    fn read_string(&mut self, bytes: &[u8], string: Reading) -> usize {
        let Reading { matters, is_escaped } = string;
        let (piece, end) = if is_escaped {
            (&bytes[..1], None)
        } else {
            let end = memchr2(b'"', b'\\', bytes);
            (&bytes[..end.map_or(bytes.len(), |end| end + 1)], end.map(|end| bytes[end]))
        };
        // One byte more tells that it is too long.
        let room = (MAX_STRING + 1).saturating_sub(self.text.len());
        if matters {
            self.text.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        self.string = (end != Some(b'"')).then_some(Reading { matters, is_escaped: end == Some(b'\\') });
        if self.string.is_none() && matters {
            self.end_string();
        }
        piece.len()
    }

    /// A name or a value has ended.
    fn end_string(&mut self) {
        match mem::take(&mut self.next) {
            Next::Name if self.text().as_deref() == Some("model") => self.next = Next::Colon,
            Next::Model => {
                let is_name = |model: &Cow<'_, str>| (1..=MAX_LEN).contains(&model.len());
                let model = self.text().filter(is_name).map(Cow::into_owned);
                // If there are several, it depends on who reads them which one counts.
                self.is_over = self.model.is_some();
                self.model = model.filter(|_| !self.is_over);
            }
            _ => {}
        }
    }

    /// What the string says that has just ended; `None` if it is too long, or none.
    fn text(&self) -> Option<Cow<'_, str>> {
        let raw = self.text.strip_suffix(b"\"")?;
        if !raw.contains(&b'\\') {
            return std::str::from_utf8(raw).ok().map(Cow::Borrowed);
        }
        let quoted = [b"\"", self.text.as_slice()].concat();
        serde_json::from_slice::<String>(&quoted).ok().map(Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::any_json::any_json;

    fn in_body(pieces: &[&[u8]]) -> Option<String> {
        let mut reader = ModelReader::default();
        for piece in pieces {
            reader.feed(piece);
        }
        reader.model().map(ToOwned::to_owned)
    }

    #[test]
    fn a_model_is_named_by_the_path() {
        for (path, model) in [
            ("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", Some("gemini-2.5-pro")),
            ("/openai/deployments/mine/chat/completions", Some("mine")),
            ("/v1/models", None),
            ("/v1/models/", None),
            ("/v1/chat/completions", None),
            (&format!("/models/{}:countTokens", "m".repeat(201)), None),
        ] {
            assert_eq!(model_in_path(path), model, "{path}");
        }
    }

    #[test]
    fn a_model_is_named_by_the_body() {
        for (body, model) in [
            (r#"{"messages":[],"model":"gpt-5"}"#, Some("gpt-5")),
            (
                r#"{"messages":[{"model":"x"},"model"], "n":{"model":"y"} , "model" : "gpt-5" , "z":1}"#,
                Some("gpt-5"),
            ),
            (r#"{"model":"claude-\u0073onnet"}"#, Some("claude-sonnet")),
            (r#"{"mod\u0065l":"a \"b\" \\"}"#, Some(r#"a "b" \"#)),
            (r#"{"text":"model","x":"\",\"model\":\"y\"","model":"gpt-5""#, Some("gpt-5")),
            (r#"{"model":""}"#, None),
            (r#"{"model":7,"x":"y"}"#, None),
            (r#"{"model":["x"],"y":"z"}"#, None),
            (r#"{"model":"cut"#, None),
            (r#"{"model":"a","model":"b"}"#, None),
            (r#"{"model":"\x"}"#, None),
            (r#"["model","x"]"#, None),
            (r#"[{"model":"x"}]"#, None),
            ("--x\r\n{\"model\":\"x\"}\r\n--x--", None),
            (r#" {"model":"a"}{"model":"b"}"#, Some("a")),
            (r#""model":"x""#, None),
            ("", None),
        ] {
            assert_eq!(in_body(&[body.as_bytes()]).as_deref(), model, "{body}");
        }
        let long = |name: &str, text: String| in_body(&[format!(r#"{{"{name}":"{text}"}}"#).as_bytes()]);
        assert_eq!(long("model", "m".repeat(201)), None);
        assert_eq!(long("model", r"\u006d".repeat(200)), Some("m".repeat(200)));
        assert_eq!(long("model", r"\u006d".repeat(300)), None);
        let body = format!(r#"{{"input":"{}","model":"gpt-5"}}"#, "x".repeat(100_000));
        assert_eq!(in_body(&[body.as_bytes()]).as_deref(), Some("gpt-5"));
    }

    proptest! {
        #[test]
        fn wherever_a_body_is_split_its_model_is_the_one_that_a_parser_finds(
            value in any_json("model", "model"),
            pretty: bool,
            at: prop::sample::Index,
        ) {
            let body = if pretty { format!("{value:#}") } else { value.to_string() };
            let model = value.get("model").and_then(Value::as_str).filter(|model| !model.is_empty()).map(String::from);
            let (first, second) = body.as_bytes().split_at(at.index(body.len() + 1));
            let bytes: Vec<_> = body.as_bytes().chunks(1).collect();

            prop_assert_eq!(in_body(&[body.as_bytes()]), model.clone());
            prop_assert_eq!(in_body(&[first, second]), model.clone());
            prop_assert_eq!(in_body(&bytes), model.clone());
        }

        #[test]
        fn arbitrary_bytes_are_read_without_harm(pieces in prop::collection::vec(any::<Vec<u8>>(), 0..8)) {
            in_body(&pieces.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
    }
}
