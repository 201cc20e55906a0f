//! What stays the same over the turns of one conversation: its instructions and how it was opened.

use std::io;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// The fields of every known request that a conversation can be told by. The rest, however deep, is skipped unread.
#[derive(Deserialize)]
struct Body<'a> {
    /// `OpenAI` Chat Completions, Anthropic.
    #[serde(borrow)]
    messages: Option<Vec<&'a RawValue>>,
    /// Anthropic.
    #[serde(borrow)]
    system: Option<&'a RawValue>,
    /// `OpenAI` Responses: a text, or a list.
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    /// `OpenAI` Responses.
    #[serde(borrow)]
    instructions: Option<&'a RawValue>,
    /// Gemini.
    #[serde(borrow)]
    contents: Option<Vec<&'a RawValue>>,
    /// Gemini, which takes both spellings.
    #[serde(borrow, rename = "systemInstruction", alias = "system_instruction")]
    system_instruction: Option<&'a RawValue>,
    /// `OpenAI`: what requests with a common beginning share.
    #[serde(borrow)]
    prompt_cache_key: Option<&'a RawValue>,
    /// Anthropic.
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Metadata {
    user_id: Option<String>,
}

impl Body<'_> {
    /// What the client itself says that its requests have in common.
    fn name(&self) -> Option<String> {
        let cache_key = self.prompt_cache_key.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let metadata = self.metadata.and_then(|raw| serde_json::from_str::<Metadata>(raw.get()).ok());
        let user = || metadata.and_then(|metadata| metadata.user_id);
        cache_key.or_else(user).filter(|name: &String| !name.is_empty())
    }
}

/// What a conversation is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownBy {
    /// What its client says that its requests have in common.
    Name(String),
    /// A hash of how it was opened.
    Opening(u64),
}

/// What stays the same over a conversation, so that its turns can be sent to the same key, where the provider's prompt
/// cache is warm: the name that its client gives it (`prompt_cache_key`, or else `metadata.user_id`), or else a hash.
///
/// Hashed are the instructions (`system`, `instructions`, `systemInstruction`, and the `system` and `developer`
/// messages at the beginning) and the first message of the user; not the model, nor any sampling parameter, nor
/// `cache_control`, which Anthropic's clients move along with the conversation.
///
/// The hash is FNV-1a over the compact JSON of these values, each followed by a byte 0xff: the same on every instance
/// and for every order of JSON keys. `None` when the body is not JSON, or of none of the known shapes.
pub fn known_by(body: &[u8]) -> Option<KnownBy> {
    let body: Body<'_> = serde_json::from_slice(body).ok()?;
    match body.name() {
        Some(name) => Some(KnownBy::Name(name)),
        None => opening(body).map(KnownBy::Opening),
    }
}

fn opening(body: Body<'_>) -> Option<u64> {
    let mut hash = Fnv1a::new();
    let items = match (body.messages, body.input, body.contents) {
        (Some(messages), None, None) => {
            hash.optional(body.system)?;
            messages
        }
        (None, Some(input), None) => {
            hash.optional(body.instructions)?;
            serde_json::from_str(input.get()).unwrap_or_else(|_| vec![input])
        }
        (None, None, Some(contents)) => {
            hash.optional(body.system_instruction)?;
            contents
        }
        _ => return None,
    };
    hash.opening(&items)?;
    Some(hash.0)
}

/// A text's hash, the same for ever.
pub(crate) fn stable_hash(text: &str) -> u64 {
    let mut hash = Fnv1a::new();
    text.bytes().for_each(|byte| hash.byte(byte));
    hash.0
}

/// FNV-1a, 64 bits.
struct Fnv1a(u64);

impl Fnv1a {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Takes the instructions before the conversation, and the first message of the user, or else the first there is.
    fn opening(&mut self, items: &[&RawValue]) -> Option<()> {
        let mut first = None;
        for item in items {
            let item: Value = serde_json::from_str(item.get()).ok()?;
            match item.get("role").and_then(Value::as_str) {
                Some("system" | "developer") if first.is_none() => self.value(item)?,
                Some("user") => return self.value(item),
                _ => first = first.or(Some(item)),
            }
        }
        self.value(first?)
    }

    fn optional(&mut self, raw: Option<&RawValue>) -> Option<()> {
        raw.map_or(Some(()), |raw| self.value(serde_json::from_str(raw.get()).ok()?))
    }

    fn value(&mut self, mut value: Value) -> Option<()> {
        forget_cache_control(&mut value);
        serde_json::to_writer(&mut *self, &value).ok()?;
        self.byte(0xff);
        Some(())
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
}

impl io::Write for Fnv1a {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for &byte in bytes {
            self.byte(byte);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Recursion is bounded: `serde_json` refuses to read what is nested more than 128 deep.
fn forget_cache_control(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(forget_cache_control),
        Value::Object(fields) => {
            fields.remove("cache_control");
            fields.values_mut().for_each(forget_cache_control);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn hash(body: &Value) -> u64 {
        match known_by(body.to_string().as_bytes()) {
            Some(KnownBy::Opening(hash)) => hash,
            other => panic!("{other:?}"),
        }
    }

    fn message(role: &str, content: &str) -> Value {
        json!({ "role": role, "content": content })
    }

    #[test]
    fn a_name_that_the_client_gives_is_all_that_counts() {
        let of = |body: Value| known_by(body.to_string().as_bytes()).unwrap();
        let name = |name: &str| KnownBy::Name(name.into());
        let messages = [message("user", "hi")];

        assert_eq!(of(json!({ "prompt_cache_key": "a", "input": "hi" })), name("a"));
        assert_eq!(of(json!({ "messages": messages, "metadata": { "user_id": "u", "more": 1 } })), name("u"));
        assert_eq!(of(json!({ "prompt_cache_key": "a", "metadata": { "user_id": "u" } })), name("a"));
        let unnamed = hash(&json!({ "input": "one" }));
        for odd in [json!(""), json!(7), json!(null), json!({})] {
            assert_eq!(hash(&json!({ "prompt_cache_key": odd, "metadata": odd, "input": "one" })), unnamed);
        }
    }

    #[test]
    fn chat_turns_share_a_hash_until_the_opening_differs() {
        let system = message("system", "be brief");
        let turn = |model: &str, first: &str, more: &[Value]| {
            let mut messages = vec![system.clone(), message("user", first)];
            messages.extend_from_slice(more);
            hash(&json!({ "model": model, "messages": messages }))
        };

        let one = turn("a", "hi", &[]);
        assert_eq!(one, turn("b", "hi", &[message("assistant", "hello"), message("user", "more")]));
        assert_ne!(one, turn("a", "ho", &[]));
        assert_ne!(one, hash(&json!({ "messages": [message("system", "be long"), message("user", "hi")] })));
    }

    #[test]
    fn a_greeting_before_the_first_user_message_is_not_the_conversation() {
        let opened = |text: &str| {
            hash(&json!({ "messages": [message("assistant", "welcome"), message("user", text)] }))
        };

        assert_ne!(opened("hi"), opened("ho"));
    }

    #[test]
    fn responses_turns_share_a_hash() {
        let text = json!({ "instructions": "be brief", "input": "hi" });
        let items = |more: &[Value]| {
            let mut input = vec![message("developer", "rules"), message("user", "hi")];
            input.extend_from_slice(more);
            hash(&json!({ "instructions": "be brief", "input": input }))
        };

        assert_eq!(items(&[]), items(&[message("assistant", "hello"), message("user", "more")]));
        assert_ne!(hash(&text), hash(&json!({ "instructions": "be brief", "input": "ho" })));
        assert_ne!(hash(&text), hash(&json!({ "instructions": "be long", "input": "hi" })));
    }

    #[test]
    fn anthropic_turns_share_a_hash_though_cache_control_moves() {
        let block = |text: &str| json!([{ "type": "text", "text": text }]);
        let cached =
            |text: &str| json!([{ "type": "text", "text": text, "cache_control": { "type": "ephemeral" } }]);
        let one = json!({ "system": cached("s"), "messages": [{ "role": "user", "content": cached("hi") }] });
        let two = json!({ "system": cached("s"), "messages": [
            { "role": "user", "content": block("hi") }, { "role": "assistant", "content": block("hello") },
            { "role": "user", "content": cached("more") },
        ] });

        assert_eq!(hash(&one), hash(&two));
        assert_ne!(hash(&one), hash(&json!({ "system": block("t"), "messages": one["messages"] })));
    }

    #[test]
    fn gemini_turns_share_a_hash_in_both_spellings() {
        let part = |text: &str| json!({ "parts": [{ "text": text }] });
        let one = json!({ "systemInstruction": part("s"), "contents": [part("hi")] });
        let two =
            json!({ "system_instruction": part("s"), "contents": [part("hi"), part("hello"), part("more")] });

        assert_eq!(hash(&one), hash(&two));
        assert_ne!(hash(&one), hash(&json!({ "systemInstruction": part("s"), "contents": [part("ho")] })));
    }

    #[test]
    fn the_hash_is_the_same_for_ever() {
        let body = br#"{"messages":[{"role":"user","content":"hi"}],"model":"m"}"#;
        let other_order = br#"{ "messages" : [ {"content": "hi", "role": "user"} ] }"#;

        assert_eq!(known_by(body), Some(KnownBy::Opening(0xa253_85ba_b820_2433)));
        assert_eq!(known_by(body), known_by(other_order));
    }

    #[test]
    fn what_is_no_conversation_has_no_hash() {
        let deep = format!(r#"{{"messages":[{}1{}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "{",
            r#"{"messages":[]}"#,
            r#"{"messages":3}"#,
            r#"{"contents":[]}"#,
            &deep,
        ] {
            assert_eq!(known_by(body.as_bytes()), None, "{body:.40}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in any::<Vec<u8>>(), json in r#"\{"(messages|input|contents)":[\[\]{}",:a-z0-9]{0,40}\}"#) {
            let _ = known_by(&bytes);
            let _ = known_by(json.as_bytes());
        }

        #[test]
        fn no_later_turn_and_no_layout_changes_a_hash(
            shape in 0..3_usize,
            [system, first] in [json_text(), json_text()],
            later in prop::collection::vec(("user|assistant|model|tool", json_text()), 0..4),
        ) {
            let turn = |role: &str, text: &Value| match shape {
                2 => json!({ "role": role, "parts": [{ "text": text }] }),
                _ => json!({ "role": role, "content": text }),
            };
            let opening = turn("user", &first);
            let more: Vec<_> =
                [opening.clone()].into_iter().chain(later.iter().map(|(role, text)| turn(role, text))).collect();
            let (instructions, items) =
                [("system", "messages"), ("instructions", "input"), ("systemInstruction", "contents")][shape];
            let one = json!({ instructions: system, items: [opening], "model": "a" });
            let two = json!({ "model": first, items: more, instructions: system });

            prop_assert_eq!(hash(&one), hash(&two));
            prop_assert_eq!(Some(KnownBy::Opening(hash(&two))), known_by(serde_json::to_string_pretty(&two).unwrap().as_bytes()));
        }
    }

    /// A text, or a list or an object with texts in it.
    fn json_text() -> impl Strategy<Value = Value> {
        let text = ".{0,8}".prop_map(Value::String);
        text.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                prop::collection::btree_map("[a-z]{0,2}", inner, 0..3)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }
}
