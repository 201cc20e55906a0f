//! `usageMetadata`: what an answer took.

use crate::{
    gemini::spelling,
    json::{Json, Members},
    neutral::fields::Path,
    usage::Usage,
};

/// Reads it. What was read from a cache is part of the prompt; thoughts are no part of what was said.
pub(super) fn read(json: Json<'_>) -> Option<Usage> {
    let mut fields = spelling::fields(json, Path::BODY).ok()?;
    let mut count = |name| fields.count(name).ok().flatten().unwrap_or_default();
    let prompt = count("promptTokenCount").saturating_add(count("toolUsePromptTokenCount"));
    let cached = count("cachedContentTokenCount");
    Some(Usage {
        input: prompt.saturating_sub(cached),
        cached_read: cached,
        cache_write: 0,
        output: count("candidatesTokenCount"),
        reasoning: count("thoughtsTokenCount"),
    })
}

/// Writes it. Google leaves out what is nothing.
pub(super) fn write(usage: Usage) -> Members<'static> {
    let Usage { input, cached_read, cache_write, output, reasoning } = usage;
    let prompt = input.saturating_add(cached_read).saturating_add(cache_write);
    Members::new()
        .with("promptTokenCount", prompt)
        .with("candidatesTokenCount", output)
        .with("totalTokenCount", prompt.saturating_add(output).saturating_add(reasoning))
        .with_some("cachedContentTokenCount", Some(cached_read).filter(|count| *count > 0))
        .with_some("thoughtsTokenCount", Some(reasoning).filter(|count| *count > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_part_of_the_prompt_and_thoughts_are_beside_the_answer() {
        let usage = Usage { input: 40, cached_read: 40, cache_write: 20, output: 20, reasoning: 10 };

        let written = Json::from(write(usage)).to_vec();

        assert_eq!(
            String::from_utf8(written.clone()).unwrap(),
            concat!(
                r#"{"promptTokenCount":100,"candidatesTokenCount":20,"totalTokenCount":130,"#,
                r#""cachedContentTokenCount":40,"thoughtsTokenCount":10}"#
            )
        );
        let read = read(Json::parse(&written).unwrap()).unwrap();
        assert_eq!(read, Usage { input: 60, cache_write: 0, ..usage });
    }
}
