//! Reads the JSON that there mostly is, at more than twice the speed of `serde_json`, which reads the rest: numbers,
//! strings with rare escapes, and whatever is refused here, so that it also words every error.

use std::borrow::Cow;

use super::{
    Json, Members,
    words::{first_special, is_special},
};

/// The nesting that `serde_json` takes, too.
const MAX_DEPTH: u8 = 127;

/// The tree of a text, or `None` where `serde_json` is to read it.
pub(super) fn tree(text: &str) -> Option<Json<'_>> {
    let mut reader = Reader { text, at: 0, unescaped: Vec::new() };
    let json = reader.value(MAX_DEPTH)?;
    reader.skip_space();
    (reader.at == text.len()).then_some(json)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Where a string with escapes is put together.
    unescaped: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: u8) -> Option<Json<'a>> {
        self.skip_space();
        match self.peek()? {
            b'"' => Some(Json::String(self.string()?)),
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.array(depth.checked_sub(1)?),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: u8) -> Option<Json<'a>> {
        let mut members = Vec::new();
        self.at += 1;
        if self.next_is(b'}') {
            return Some(Json::Object(Members(members)));
        }
        loop {
            self.skip_space();
            let name = self.string()?;
            if !self.next_is(b':') {
                return None;
            }
            members.push((name, self.value(depth)?));
            if !self.next_is(b',') {
                return self.next_is(b'}').then_some(Json::Object(Members(members)));
            }
        }
    }

    fn array(&mut self, depth: u8) -> Option<Json<'a>> {
        let mut items = Vec::new();
        self.at += 1;
        if self.next_is(b']') {
            return Some(Json::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            if !self.next_is(b',') {
                return self.next_is(b']').then_some(Json::Array(items));
            }
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Option<Json<'a>> {
        let is_it = self.rest().starts_with(word.as_bytes());
        self.at += word.len();
        is_it.then_some(value)
    }

    fn number(&mut self) -> Option<Json<'a>> {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = self.rest().iter().take_while(|byte| is_part(byte)).count();
        let number = self.text.get(self.at..self.at + length)?;
        self.at += length;
        serde_json::from_str(number).ok().map(Json::Number)
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at + 1;
        self.at = start + plain(self.text.as_bytes().get(start..)?);
        let begun = self.text.get(start..self.at)?;
        match self.peek()? {
            b'"' => {
                self.at += 1;
                Some(Cow::Borrowed(begun))
            }
            b'\\' => self.unescape(start, begun),
            _ => None,
        }
    }

    fn unescape(&mut self, start: usize, begun: &str) -> Option<Cow<'a, str>> {
        let mut rest = self.rest();
        let mut has_rare_escape = false;
        self.unescaped.clear();
        self.unescaped.extend_from_slice(begun.as_bytes());
        loop {
            match rest {
                [b'"', ..] => break,
                [b'\\', escape, behind @ ..] => {
                    match short(*escape) {
                        Some(byte) => self.unescaped.push(byte),
                        None => has_rare_escape = true,
                    }
                    rest = copy_plain(behind, &mut self.unescaped);
                }
                _ => return None,
            }
        }
        self.at = self.text.len() - rest.len() + 1;
        if has_rare_escape {
            return serde_json::from_str(self.text.get(start - 1..self.at)?).ok().map(Cow::Owned);
        }
        Some(Cow::Owned(std::str::from_utf8(&self.unescaped).ok()?.to_owned()))
    }

    /// Whether this byte comes next, which is read then.
    fn next_is(&mut self, byte: u8) -> bool {
        self.skip_space();
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }
}

/// How many bytes stand for themselves.
fn plain(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        if let Some(at) = first_special(*word) {
            return word.len() * index + at;
        }
    }
    let at = rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len());
    bytes.len() - rest.len() + at
}

/// Copies up to the next byte that stands for something, and gives what comes from there on.
fn copy_plain<'t>(mut rest: &'t [u8], out: &mut Vec<u8>) -> &'t [u8] {
    while let Some((word, behind)) = rest.split_first_chunk() {
        // To copy eight bytes and forget some of them is cheaper than to copy some.
        out.extend_from_slice(word);
        if let Some(at) = first_special(*word) {
            out.truncate(out.len() - word.len() + at);
            return &rest[at..];
        }
        rest = behind;
    }
    let (plain, rest) = rest.split_at(plain(rest));
    out.extend_from_slice(plain);
    rest
}

/// What an escape of one letter stands for: RFC 8259 section 7.
fn short(escape: u8) -> Option<u8> {
    Some(match escape {
        b'"' | b'\\' | b'/' => escape,
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 0x08,
        b'f' => 0x0c,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn by_serde(text: &str) -> Option<Json<'_>> {
        serde_json::from_str(text).ok()
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[\0-\u{20}\"\\\\/a-z\u{7f}é\u{2028}😀]{0,40}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a\"\\\\\n]{0,12}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn it_nests_as_deep_as_serde_json() {
        for depth in [126, 127, 128, 129] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));

                assert_eq!(tree(&text), by_serde(&text), "{depth} {open}");
            }
        }
    }

    #[test]
    fn rare_escapes_are_read() {
        for text in [r#""\u00e9 and \ud83d\ude00""#, r#""\/\b\f\r\t""#] {
            assert_eq!(tree(text), Some(by_serde(text).unwrap()), "{text}");
        }
        for text in [r#""\ud83d""#, r#""\u12""#, r#""\x""#, r#""\"#, "\"\\\n\""] {
            assert_eq!(tree(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_a_writer_wrote_is_read_as_serde_json_reads_it(json in any_json(), is_pretty: bool) {
            let text = if is_pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
            let text = text.unwrap();

            prop_assert_eq!(tree(&text), Some(by_serde(&text).unwrap()));
        }

        #[test]
        fn nothing_is_read_that_serde_json_refuses(json in any_json(), at: prop::sample::Index, with in "[\0-~]{0,2}") {
            let mut text = serde_json::to_string(&json).unwrap();
            let at = (0..=at.index(text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            text.insert_str(at, &with);
            text.truncate(text.len() - text.chars().next_back().map_or(0, char::len_utf8) * (with.len() % 2));

            if let Some(json) = tree(&text) {
                prop_assert_eq!(Some(json), by_serde(&text));
            }
        }
    }
}
