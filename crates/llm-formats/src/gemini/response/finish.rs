//! Why an answer ends: `finishReason` and `blockReason`.

use std::borrow::Cow;

use crate::neutral::Stop;

/// Reasons for which Google does not show an answer, or cannot.
const NOT_SHOWN: [&str; 18] = [
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "MALFORMED_RESPONSE",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "MODEL_ARMOR",
];
/// Those of them for which Google refuses a prompt.
const PROMPT_REFUSED: [&str; 5] = ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY"];
/// What stands for another provider's reason.
const FILTERED: &str = "SAFETY";

/// What a `finishReason` says. Google has none of its own for calls.
pub(in crate::gemini) fn stop_of(reason: Cow<'_, str>, has_calls: bool) -> Stop<'_> {
    match &*reason {
        "STOP" if has_calls => Stop::ToolCalls,
        "STOP" => Stop::End,
        "MAX_TOKENS" => Stop::MaxTokens,
        _ => Stop::Filtered(reason),
    }
}

/// The `finishReason` for a stop.
pub(in crate::gemini) fn finish_word(stop: &Stop<'_>) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence(_) | Stop::ToolCalls => "STOP",
        Stop::MaxTokens | Stop::ContextWindow => "MAX_TOKENS",
        Stop::Refusal => FILTERED,
        Stop::Filtered(word) => NOT_SHOWN.into_iter().find(|known| known == word).unwrap_or(FILTERED),
        Stop::Paused => "OTHER",
    }
}

/// The `blockReason` for the stop of an answer that says nothing.
pub(in crate::gemini) fn block_word(stop: &Stop<'_>) -> Option<&'static str> {
    let Stop::Filtered(_) = stop else { return None };
    let word = finish_word(stop);
    PROMPT_REFUSED.contains(&word).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_comes_back() {
        for reason in NOT_SHOWN.into_iter().chain(["STOP", "MAX_TOKENS"]) {
            assert_eq!(finish_word(&stop_of(reason.into(), false)), reason);
        }
        assert_eq!(stop_of("STOP".into(), true), Stop::ToolCalls);
        assert_eq!(stop_of("MAX_TOKENS".into(), true), Stop::MaxTokens);
    }

    #[test]
    fn what_others_say_has_a_word() {
        for (stop, word) in [
            (Stop::Filtered("content_filter".into()), "SAFETY"),
            (Stop::Refusal, "SAFETY"),
            (Stop::Sequence(None), "STOP"),
            (Stop::ContextWindow, "MAX_TOKENS"),
            (Stop::Paused, "OTHER"),
        ] {
            assert_eq!(finish_word(&stop), word);
        }
        assert_eq!(block_word(&Stop::Filtered("RECITATION".into())), None);
        assert_eq!(block_word(&Stop::Refusal), None);
    }
}
