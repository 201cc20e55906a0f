//! Ids for calls to which the model gave none.

/// More of an answer's id is not taken: some APIs take no ids of more than 40 bytes.
const MAX_ANSWER_BYTES: usize = 24;

/// Makes ids up that no other answer of the conversation has: from the answer's id, and a number.
#[derive(Debug)]
pub(in crate::gemini) struct CallIds {
    answer: String,
    made_up: usize,
}

impl CallIds {
    /// For the calls of an answer. Other APIs take only letters, digits, `-` and `_`.
    pub(in crate::gemini) fn of(answer: &str) -> Self {
        let is_taken = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        Self { answer: answer.chars().filter(is_taken).take(MAX_ANSWER_BYTES).collect(), made_up: 0 }
    }

    /// The next one.
    pub(in crate::gemini) fn next(&mut self) -> String {
        self.made_up += 1;
        if self.answer.is_empty() {
            return format!("call_{}", self.made_up);
        }
        format!("call_{}_{}", self.answer, self.made_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_made_of_what_every_api_takes() {
        let mut ids = CallIds::of("Ab-9_/ü+0123456789012345678901234567890");

        assert_eq!(ids.next(), "call_Ab-9_0123456789012345678_1");
        assert_eq!(ids.next(), "call_Ab-9_0123456789012345678_2");
        assert_eq!(CallIds::of("").next(), "call_1");
    }
}
