//! Whether a JSON object that comes in pieces is complete.

/// How far into an object the pieces have come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct JsonEnd {
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
    has_begun: bool,
}

impl JsonEnd {
    /// The next piece.
    pub(super) fn read(&mut self, piece: &str) {
        for byte in piece.bytes() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_in_string => self.is_escaped = true,
                b'"' => self.is_in_string = !self.is_in_string,
                _ if self.is_in_string => {}
                b'{' | b'[' => {
                    self.depth += 1;
                    self.has_begun = true;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// Whether nothing is missing any more.
    pub(super) fn is_complete(self) -> bool {
        self.has_begun && self.depth == 0 && !self.is_in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_complete_with_its_last_brace_and_not_before() {
        for text in ["{}", r#"{"a":"}\"]{","b":[{"c":{}}]}"#, "{\"\\\\\":1}"] {
            let mut end = JsonEnd::default();
            for at in 0..text.len() {
                assert!(!end.is_complete(), "{text} at {at}");
                end.read(&text[at..=at]);
            }
            assert!(end.is_complete(), "{text}");
        }
    }
}
