//! What an answer took. Here sums contain their parts: the prompt what was cached, the completion what was thought.

use crate::{
    json::{Json, Members},
    usage::Usage,
};

/// What an answer took; none if it is not told.
pub(super) fn read(usage: &Json<'_>) -> Option<Usage> {
    let usage = usage.as_object()?;
    let count = |name| usage.get(name).and_then(Json::as_u64);
    let detail = |of, name| usage.get(of)?.as_object()?.get(name)?.as_u64();
    let prompt = count("prompt_tokens").unwrap_or(0);
    let completion = count("completion_tokens").unwrap_or(0);
    // DeepSeek tells the cache in its own way too.
    let cached_read = detail("prompt_tokens_details", "cached_tokens")
        .or_else(|| count("prompt_cache_hit_tokens"))
        .unwrap_or(0)
        .min(prompt);
    let cache_write =
        detail("prompt_tokens_details", "cache_write_tokens").unwrap_or(0).min(prompt - cached_read);
    let told = detail("completion_tokens_details", "reasoning_tokens").unwrap_or(0);
    // xAI and Gemini count thoughts beside the completion; only the total shows it.
    let beside = count("total_tokens").unwrap_or(0).saturating_sub(prompt.saturating_add(completion));
    let (output, reasoning) = if beside > 0 {
        (completion, beside)
    } else {
        (completion.saturating_sub(told), told.min(completion))
    };
    Some(Usage { input: prompt - cached_read - cache_write, cached_read, cache_write, output, reasoning })
}

/// What an answer took, in the words of this API.
pub(super) fn write(usage: Usage) -> Members<'static> {
    let prompt = usage.input.saturating_add(usage.cached_read).saturating_add(usage.cache_write);
    let completion = usage.output.saturating_add(usage.reasoning);
    let prompt_details =
        Members::new().with("cached_tokens", usage.cached_read).with("cache_write_tokens", usage.cache_write);
    Members::new()
        .with("prompt_tokens", prompt)
        .with("completion_tokens", completion)
        .with("total_tokens", prompt.saturating_add(completion))
        .with("prompt_tokens_details", prompt_details)
        .with("completion_tokens_details", Members::new().with("reasoning_tokens", usage.reasoning))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(usage: &str) -> Usage {
        read(&Json::parse(usage.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn no_token_is_counted_twice() {
        let usage = told(
            r#"{"prompt_tokens":100,"completion_tokens":30,"total_tokens":130,
                "prompt_tokens_details":{"cached_tokens":40,"cache_write_tokens":20},
                "completion_tokens_details":{"reasoning_tokens":10}}"#,
        );

        assert_eq!(usage, Usage { input: 40, cached_read: 40, cache_write: 20, output: 20, reasoning: 10 });
    }

    #[test]
    fn what_compatible_apis_tell_otherwise_is_understood() {
        let deepseek = told(r#"{"prompt_tokens":9,"completion_tokens":3,"prompt_cache_hit_tokens":4}"#);
        assert_eq!(deepseek, Usage { input: 5, cached_read: 4, output: 3, ..Usage::default() });

        let xai = told(
            r#"{"prompt_tokens":9,"completion_tokens":3,"total_tokens":19,
                "completion_tokens_details":{"reasoning_tokens":7}}"#,
        );
        assert_eq!(xai, Usage { input: 9, output: 3, reasoning: 7, ..Usage::default() });

        let gemini = told(r#"{"prompt_tokens":9,"completion_tokens":3,"total_tokens":19}"#);
        assert_eq!(gemini, xai);
    }

    #[test]
    fn nonsense_counts_as_nothing() {
        assert_eq!(read(&Json::Null), None);
        assert_eq!(told(r#"{"prompt_tokens":"many","completion_tokens":-1}"#), Usage::default());
        let more_than_all = told(r#"{"prompt_tokens":3,"prompt_tokens_details":{"cached_tokens":9}}"#);
        assert_eq!(more_than_all, Usage { cached_read: 3, ..Usage::default() });
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            [input, cached_read, cache_write, output, reasoning] in prop::array::uniform5(0..1_u64 << 40),
        ) {
            let usage = Usage { input, cached_read, cache_write, output, reasoning };
            prop_assert_eq!(read(&write(usage).into()), Some(usage));
        }
    }
}
