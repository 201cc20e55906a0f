//! The stories of `tests/fixtures`, which every format tells in its own words.

use std::{fs, path::PathBuf};

use crate::format::Format;

/// All of them, without the one of the error.
pub(crate) const STORIES: [&str; 13] = [
    "text",
    "multi_turn",
    "system",
    "image",
    "one_tool",
    "parallel_tools",
    "tool_result",
    "reasoning",
    "structured_output",
    "stop_sequence",
    "max_tokens",
    "refusal",
    "usage",
];

/// What a format is called there.
pub(crate) fn name(format: Format) -> &'static str {
    match format {
        Format::OpenAiChat => "openai_chat",
        Format::OpenAiResponses => "openai_responses",
        Format::Anthropic => "anthropic",
        Format::Gemini => "gemini",
    }
}

/// Where a file of a story lies, as a format or a pair of formats tells it.
pub(crate) fn path(story: &str, teller: &str, file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/fixtures", story, teller, file].iter().collect()
}

/// A file of a story, as a format tells it.
pub(crate) fn read(story: &str, format: Format, file: &str) -> String {
    let path = path(story, name(format), file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
