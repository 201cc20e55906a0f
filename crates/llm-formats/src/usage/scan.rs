//! Finds the objects that say what was used, and what the model said, in a JSON text that comes in pieces. Nothing but
//! such an object is kept, so a text may be as long as it likes.

use memchr::memchr2;

/// The longest object that is looked at.
const MAX_OBJECT: usize = 16 << 10;
/// Members that say what was used.
const USAGE: [&[u8]; 2] = [b"usage", b"usageMetadata"];
/// Members in which such a member may stand: of Anthropic's `message_start`, and of the events of `OpenAI`'s Responses.
const AROUND_USAGE: [&[u8]; 2] = [OPENING, b"response"];
const OPENING: &[u8] = b"message";
const LONGEST_NAME: usize = 17;

/// What is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// An object that says what was used.
    Usage {
        object: &'a [u8],
        /// It opens a stream of Anthropic's, and tells nothing of the answer yet.
        is_opening: bool,
    },
    /// A piece of what the model said, escaped as JSON has it.
    Said(Voice, &'a [u8]),
}

/// Where a model speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// In a text, which may be a part of it or all.
    Text,
    /// In the `delta` of an event of `OpenAI`'s Responses. Other events of that stream say the same again.
    Delta,
}

impl Voice {
    /// Whether a member's string is what the model said.
    pub(super) fn of(member: &[u8]) -> Option<Self> {
        match member {
            b"content" | b"text" | b"reasoning_content" | b"reasoning" | b"refusal" | b"arguments"
            | b"thinking" | b"partial_json" => Some(Self::Text),
            b"delta" => Some(Self::Delta),
            _ => None,
        }
    }
}

/// Where in a text it stands. Strings are told from structure, and levels are counted, so that nothing a model says or
/// calls a tool with is taken for usage.
#[derive(Debug, Default)]
pub(super) struct Scan {
    level: u32,
    /// 1 in a text that is a list of answers: its objects lie a level deeper.
    outermost: u32,
    string: Option<Escape>,
    /// The latest string.
    word: Word,
    /// The member that may have the usage in its value.
    around: Option<&'static [u8]>,
    /// The string that is read, or comes next, is what the model said.
    voice: Option<Voice>,
    /// The value that comes next says what was used.
    is_due: bool,
    object: Option<Object>,
}

/// Whether a string's next byte stands for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    No,
    Yes,
}

/// A string, if it is no longer than a name we know.
#[derive(Debug, Default)]
struct Word {
    bytes: [u8; LONGEST_NAME],
    len: usize,
}

/// An object that is read.
#[derive(Debug)]
struct Object {
    /// The level that it stands on.
    level: u32,
    is_opening: bool,
    /// What of it came in earlier pieces.
    kept: Vec<u8>,
}

impl Scan {
    /// Reads on, and tells of each object that ends in these bytes and of each piece that was said in them.
    pub(super) fn feed(&mut self, bytes: &[u8], mut on_found: impl FnMut(Found<'_>)) {
        let (mut at, mut object_start) = (0, 0);
        while let Some(byte) = bytes.get(at) {
            if let Some(escape) = self.string {
                at += self.read_string(&bytes[at..], escape, &mut on_found);
                continue;
            }
            match byte {
                b'"' => (self.string, self.word.len) = (Some(Escape::No), 0),
                b'{' | b'[' => {
                    if *byte == b'{' && self.is_due {
                        let is_opening = self.around == Some(OPENING) && self.level > self.outermost + 1;
                        self.object = Some(Object { level: self.level, is_opening, kept: Vec::new() });
                        object_start = at;
                    }
                    if self.level == 0 {
                        self.outermost = u32::from(*byte == b'[');
                    }
                    self.level = self.level.saturating_add(1);
                }
                b'}' | b']' => {
                    self.level = self.level.saturating_sub(1);
                    if let Some(object) = self.object.take_if(|object| object.level == self.level) {
                        object.end(&bytes[object_start..=at], &mut on_found);
                    }
                }
                _ => {}
            }
            if *byte == b':' {
                self.voice = Voice::of(self.word.text());
            } else if *byte != b'"' && !byte.is_ascii_whitespace() {
                self.voice = None;
            }
            self.is_due = match byte {
                b':' => self.is_usage(),
                byte => self.is_due && byte.is_ascii_whitespace(),
            };
            at += 1;
        }
        self.object.take_if(|object| !object.keep(&bytes[object_start..]));
    }

    /// What follows is another text.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Reads what lies of a string in these bytes; how many that are.
    fn read_string(&mut self, bytes: &[u8], escape: Escape, on_found: &mut impl FnMut(Found<'_>)) -> usize {
        let mut say = |voice: Option<Voice>, piece| {
            if let Some(voice) = voice {
                on_found(Found::Said(voice, piece));
            }
        };
        if escape == Escape::Yes {
            self.string = Some(Escape::No);
            say(self.voice, &bytes[..1]);
            return 1;
        }
        let end = memchr2(b'"', b'\\', bytes);
        self.word.push(&bytes[..end.unwrap_or(bytes.len())]);
        let Some(end) = end else {
            say(self.voice, bytes);
            return bytes.len();
        };
        self.string = (bytes[end] == b'\\').then_some(Escape::Yes);
        say(self.voice, &bytes[..end + usize::from(self.string.is_some())]);
        if self.string.is_none() {
            self.voice = None;
        } else {
            // No name that we know has an escape in it.
            self.word.len = usize::MAX;
        }
        end + 1
    }

    /// Whether the member whose name has just been read says what was used.
    fn is_usage(&mut self) -> bool {
        let name = self.word.text();
        match self.level.saturating_sub(self.outermost) {
            1 => {
                self.around = AROUND_USAGE.into_iter().find(|around| *around == name);
                USAGE.contains(&name)
            }
            2 => self.around.is_some() && USAGE.contains(&name),
            _ => false,
        }
    }
}

impl Word {
    fn push(&mut self, piece: &[u8]) {
        if let Some(place) = self.bytes.get_mut(self.len..self.len.saturating_add(piece.len())) {
            place.copy_from_slice(piece);
        }
        self.len = self.len.saturating_add(piece.len());
    }

    /// Empty for one that is too long.
    fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Object {
    /// Keeps a piece of it; `false` if it gets too long.
    fn keep(&mut self, piece: &[u8]) -> bool {
        let fits = self.kept.len() + piece.len() <= MAX_OBJECT;
        if fits {
            self.kept.extend_from_slice(piece);
        }
        fits
    }

    fn end(mut self, piece: &[u8], on_found: &mut impl FnMut(Found<'_>)) {
        let is_opening = self.is_opening;
        if self.kept.is_empty() {
            on_found(Found::Usage { object: piece, is_opening });
        } else if self.keep(piece) {
            on_found(Found::Usage { object: &self.kept, is_opening });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(pieces: &[&[u8]]) -> Vec<String> {
        let (mut scan, mut found) = (Scan::default(), Vec::new());
        for piece in pieces {
            scan.feed(piece, |this| {
                if let Found::Usage { object, .. } = this {
                    found.push(String::from_utf8_lossy(object).into_owned());
                }
            });
        }
        found
    }

    #[test]
    fn usage_is_found_where_apis_put_it() {
        for (text, expected) in [
            (r#"{"a":[1,{"b":"}"}],"usage":{"n":1}}"#, &[r#"{"n":1}"#][..]),
            (
                "{ \"usage\"\r\n : \t{ \"d\": {\"n\": [1]}, \"s\": \"}\" } , \"z\": 0 }",
                &[r#"{ "d": {"n": [1]}, "s": "}" }"#],
            ),
            (r#"{"usageMetadata":{}}"#, &["{}"]),
            (r#"{"type":"message_start","message":{"content":[],"usage":{"n":1}}}"#, &[r#"{"n":1}"#]),
            (r#"{"response":{"id":"r","usage":{"n":1}}}"#, &[r#"{"n":1}"#]),
            (r#"[{"usageMetadata":{"n":1}} , {"usageMetadata":{"n":2}}]"#, &[r#"{"n":1}"#, r#"{"n":2}"#]),
            (r#"{"usage":{"usage":{"n":1}}}"#, &[r#"{"usage":{"n":1}}"#]),
        ] {
            assert_eq!(found(&[text.as_bytes()]), expected, "{text}");
        }
    }

    #[test]
    fn nothing_else_is_taken_for_usage() {
        for text in [
            r#"{"usage":null}"#,
            r#"{"usage":"{}"}"#,
            r#"{"usage":[{"n":1}]}"#,
            r#"{"usage":1,"x":{"n":1}}"#,
            r#"{"content":[{"input":{"usage":{"n":1}}}]}"#,
            r#"{"delta":{"usage":{"n":1}}}"#,
            r#"{"message":{},"x":{"usage":{"n":1}}}"#,
            r#"{"message":{"input":{"usage":{"n":1}}}}"#,
            r#"{"text":"{\"usage\":{\"n\":1}}"}"#,
            r#"{"text":"\\\"","x":"\"usage\":{}"}"#,
            r#"{"usage\\":{"n":1}}"#,
            r#"{"a very long name usage":{"n":1}}"#,
            r#"{"a":"usage","b":{"n":1}}"#,
            r#"["usage",{"n":1}]"#,
            r#"[[{"usage":{"n":1}}]]"#,
            r#"{"usage":{"n":1"#,
        ] {
            assert_eq!(found(&[text.as_bytes()]), [""; 0], "{text}");
        }
    }

    #[test]
    fn an_object_that_is_too_long_is_left_out_wherever_it_is_split() {
        let long = format!(r#"{{"usage":{{"n":"{}"}},"usageMetadata":{{}}}}"#, "x".repeat(MAX_OBJECT));

        let in_pieces: Vec<_> = long.as_bytes().chunks(1_000).collect();
        assert_eq!(found(&in_pieces), ["{}"]);
    }

    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        " ",
        "1",
        "null",
        "\"usage\"",
        "\"usageMetadata\":",
        "\"message\":{",
        "{\"usage\":{",
        "\"n\":1",
        "\\\"",
    ];

    proptest! {
        #[test]
        fn wherever_a_text_is_split_the_same_is_found(
            pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40),
            at: prop::sample::Index,
        ) {
            let text = pieces.concat();
            let (first, second) = text.as_bytes().split_at(at.index(text.len() + 1));
            let bytes: Vec<_> = text.as_bytes().chunks(1).collect();

            prop_assert_eq!(found(&[first, second]), found(&[text.as_bytes()]));
            prop_assert_eq!(found(&bytes), found(&[text.as_bytes()]));
        }

        #[test]
        fn arbitrary_bytes_are_scanned_without_harm(pieces in prop::collection::vec(any::<Vec<u8>>(), 0..8)) {
            found(&pieces.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
    }
}
