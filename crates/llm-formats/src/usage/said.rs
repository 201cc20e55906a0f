//! Finds what the model said in whole events: at each member's name alone, for it is on every event's bill.

use memchr::{memchr2, memmem::Finder, memrchr};

use super::scan::{Found, Voice};

/// Reads whole events.
#[derive(Debug)]
pub(super) struct WholeEvents {
    /// Ends a member's name. Within a string the quotation mark has a backslash before it, which no name that counts has. No
    /// API puts a space between the two.
    name_end: Finder<'static>,
}

impl Default for WholeEvents {
    fn default() -> Self {
        Self { name_end: Finder::new(b"\":") }
    }
}

impl WholeEvents {
    /// Tells of each text that was said in these events.
    pub(super) fn read(&self, bytes: &[u8], mut on_found: impl FnMut(Found<'_>)) {
        let mut rest = bytes;
        while let Some(end) = self.name_end.find(rest) {
            let start = memrchr(b'"', &rest[..end]).map_or(0, |quote| quote + 1);
            let voice = Voice::of(&rest[start..end]);
            rest = &rest[end + 2..];
            let Some(voice) = voice else { continue };
            let Some(text) = rest.trim_ascii_start().strip_prefix(b"\"") else { continue };
            let len = string_len(text);
            on_found(Found::Said(voice, &text[..len]));
            rest = &text[len..];
        }
    }
}

/// How long a string is whose first quotation mark has been read.
fn string_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(end) = memchr2(b'"', b'\\', &bytes[at..]) {
        if bytes[at + end] == b'"' {
            return at + end;
        }
        at = (at + end + 2).min(bytes.len());
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::any_json::any_json;
    use crate::usage::scan::Scan;
    use proptest::prelude::*;

    fn by_names(event: &[u8]) -> Vec<(Voice, Vec<u8>)> {
        let mut found = Vec::new();
        WholeEvents::default().read(event, |this| {
            let Found::Said(voice, piece) = this else { return };
            found.push((voice, piece.to_vec()));
        });
        found
    }

    /// The same, read byte by byte.
    fn by_scan(data: &[u8]) -> Vec<(Voice, Vec<u8>)> {
        let mut found: Vec<(Voice, Vec<u8>)> = Vec::new();
        let mut scan = Scan::default();
        scan.feed(data, |this| {
            let Found::Said(voice, piece) = this else { return };
            // Each string ends before the next one begins; escapes come apart.
            found.push((voice, piece.to_vec()));
        });
        found
    }

    fn text(found: &[(Voice, Vec<u8>)]) -> String {
        found.iter().map(|(_, piece)| String::from_utf8_lossy(piece)).collect()
    }

    #[test]
    fn what_is_said_is_found_where_apis_put_it() {
        for (event, said) in [
            (
                r#"{"id":"c","choices":[{"index":0,"delta":{"content":" \"Hi\\"},"finish_reason":null}]}"#,
                r#" \"Hi\\"#,
            ),
            (r#"{"choices":[{"delta":{"reasoning_content": "why","content":null}}]}"#, "why"),
            (
                r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":"{\"a\":\"b\"}"}}]}}]}"#,
                r#"{\"a\":\"b\"}"#,
            ),
            (r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}"#, "Hi"),
            (r#"{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"Hm"}}"#, "Hm"),
            (r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}"#, "{"),
            (r#"{"type":"response.output_text.delta","item_id":"i","delta":"Hi"}"#, "Hi"),
            (r#"{"candidates":[{"content":{"parts":[{"text":"Hi"},{"text":"!"}]}}]}"#, "Hi!"),
            (r#"{"type":"content_block_delta","delta":{"type":"signature_delta","signature":"Eo"}}"#, ""),
            (r#"{"model":"\"content\":\"x\"","x":"content"}"#, ""),
        ] {
            let whole = format!("data: {event}\n\n");

            assert_eq!(text(&by_names(whole.as_bytes())), said, "{event}");
            assert_eq!(text(&by_scan(event.as_bytes())), said, "{event}");
        }
    }

    proptest! {
        #[test]
        fn both_ways_of_reading_find_the_same(value in any_json("content|delta", "content|delta|text|arguments|id|x")) {
            let event = value.to_string();

            prop_assert_eq!(text(&by_names(event.as_bytes())), text(&by_scan(event.as_bytes())));
        }

        #[test]
        fn arbitrary_bytes_are_read_without_harm(bytes: Vec<u8>, pieces in prop::collection::vec(prop::sample::select(&["\"content\":", "\"", "\\", "\":", " "][..]), 0..20)) {
            by_names(&bytes);
            by_names(pieces.concat().as_bytes());
        }
    }
}
