//! How many tokens a request used whose answer does not tell, as far as its texts show.
//!
//! The texts are counted with one vocabulary, `OpenAI`'s `o200k_base`: other models have others, and an image or a tool's
//! schema costs what only its provider knows. An estimate is no bill.

mod prompt;

use std::fmt;

use crate::usage::Voice;

pub use self::prompt::prompt_tokens;

/// Most text of an answer that is kept, in bytes; for what comes after it the same is assumed.
const MAX_SAID: usize = 256 << 10;

/// What a model said, as far as it was kept.
#[derive(Default)]
pub struct Said {
    /// As JSON has it: escaped.
    kept: Vec<u8>,
    /// Of the answer, in bytes.
    passed: u64,
    /// How much of it had passed when no more was kept.
    full_at: Option<u64>,
    is_of_deltas: bool,
    /// Nobody will ask.
    is_over: bool,
}

impl Said {
    pub(crate) fn note_passed(&mut self, bytes: usize) {
        self.passed = self.passed.saturating_add(bytes as u64);
    }

    pub(crate) fn wants_more(&self) -> bool {
        self.full_at.is_none() && !self.is_over
    }

    pub(crate) fn push(&mut self, voice: Voice, piece: &[u8]) {
        if voice == Voice::Delta && !self.is_of_deltas {
            self.is_of_deltas = true;
            self.kept.clear();
        }
        if !self.wants_more() || self.is_of_deltas != (voice == Voice::Delta) {
            return;
        }
        let (kept, rest) = piece.split_at(piece.len().min(MAX_SAID - self.kept.len()));
        self.kept.extend_from_slice(kept);
        if self.kept.len() == MAX_SAID {
            self.full_at = Some(self.passed.saturating_sub(rest.len() as u64));
        }
    }

    /// It is known what was used.
    pub(crate) fn forget(&mut self) {
        *self = Self { is_over: true, ..Self::default() };
    }

    /// Whether it is known what was used, and nothing is kept any more.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether nothing has been said.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether nothing has come at all.
    pub fn has_not_begun(&self) -> bool {
        self.passed == 0
    }

    /// The same by the rule of thumb, of what was kept alone: at once, for where the time for more is not.
    pub fn rough_tokens(&self) -> u64 {
        rough_tokens(&self.kept)
    }

    /// About how many tokens it is. Takes milliseconds, and the first time as long as the vocabulary takes to be unpacked.
    pub fn tokens(&self) -> u64 {
        let escaped = String::from_utf8_lossy(&self.kept);
        // One that was cut in the middle of an escape is counted as it stands.
        let text = serde_json::from_str::<String>(&format!("\"{escaped}\""));
        let tokens = count(text.as_deref().unwrap_or(&escaped));
        scaled(tokens, self.full_at.unwrap_or(self.passed), self.passed)
    }
}

impl fmt::Debug for Said {
    /// Without what was said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Said").field("bytes", &self.kept.len()).finish_non_exhaustive()
    }
}

/// How many tokens a text is by the rule of thumb.
pub fn rough_tokens(text: &[u8]) -> u64 {
    text.len() as u64 / 4
}

/// How many tokens a text is.
fn count(text: &str) -> u64 {
    let vocabulary = tiktoken::get_encoding("o200k_base");
    // It is compiled in.
    vocabulary.map_or_else(|| rough_tokens(text.as_bytes()), |vocabulary| vocabulary.count(text) as u64)
}

/// What a part has, for the whole.
fn scaled(tokens: u64, part: u64, whole: u64) -> u64 {
    let scaled = u128::from(tokens) * u128::from(whole) / u128::from(part.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX).max(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UsageReader;

    fn chunk(content: &str) -> String {
        format!("data: {{\"id\":\"c\",\"choices\":[{{\"delta\":{{\"content\":{content:?}}}}}]}}\n\n")
    }

    fn said(events: &[&str]) -> Said {
        let mut reader = UsageReader::of_events();
        for event in events {
            reader.feed(event.as_bytes());
        }
        reader.take_said()
    }

    #[test]
    fn what_was_said_in_pieces_is_counted_as_one_text() {
        let [a, b, c] = ["The quick", " brown f", "ox \"jumps\"\n"].map(chunk);

        let tokens = said(&[&a, &b, &c]).tokens();

        assert_eq!(tokens, count("The quick brown fox \"jumps\"\n"));
        // Known of the vocabulary.
        assert_eq!(count("hello world"), 2);
    }

    #[test]
    fn wherever_a_stream_is_split_the_same_was_said() {
        let stream = ["Hello", ", \"wörld\"", "!\\"].map(chunk).concat();
        let whole = said(&[&stream]);
        let pieces: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        let mut reader = UsageReader::of_events();
        for piece in pieces {
            reader.feed(piece);
        }

        assert_eq!(whole.kept, reader.take_said().kept);
        assert!(!whole.is_empty());
    }

    #[test]
    fn what_the_events_of_a_part_say_again_is_counted_once() {
        let tokens = said(&[
            "data: {\"type\":\"response.created\",\"response\":{\"instructions\":null,\"content\":\"x y z\"}}\n\n",
            "data: {\"type\":\"response.output_text.delta\",\"delta\":\"hello\"}\n\n",
            "data: {\"type\":\"response.output_text.delta\",\"delta\":\" world\"}\n\n",
            "data: {\"type\":\"response.output_text.done\",\"text\":\"hello world\"}\n\n",
        ])
        .tokens();

        assert_eq!(tokens, count("hello world"));
    }

    #[test]
    fn nothing_is_kept_once_an_answer_has_told() {
        let told = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n";
        assert!(said(&[&chunk("hello"), told, &chunk("x")]).is_empty());
        let opening = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n";
        assert!(!said(&[opening, &chunk("hello")]).is_empty());
    }

    #[test]
    fn an_answer_that_is_too_long_is_kept_in_part_and_counted_whole() {
        let words = chunk(&"hello ".repeat(10_000));
        let mut reader = UsageReader::of_events();
        for _ in 0..20 {
            reader.feed(words.as_bytes());
        }
        let said = reader.take_said();

        assert_eq!(said.kept.len(), MAX_SAID);
        let tokens = said.tokens();
        assert!((195_000..206_000).contains(&tokens), "{tokens}");
    }

    #[test]
    fn an_answer_that_was_cut_in_an_escape_is_counted_as_it_stands() {
        let said = Said { kept: b"hello world\\u00".to_vec(), passed: 1, ..Said::default() };

        assert!(said.tokens() >= 2);
        assert_eq!(Said::default().tokens(), 0);
    }
}
