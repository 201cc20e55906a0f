//! What an answer took, in Anthropic's sums: the output has the thoughts in it, the input is without the cached.

use crate::{
    json::{Json, Members},
    usage::Usage,
};

/// Takes over what is told. Counts of a stream are totals, and some servers write a zero for what they do not know.
pub(super) fn update(usage: &mut Usage, told: &Members<'_>) {
    let count = |name| told.get(name).and_then(Json::as_u64).filter(|count| *count > 0);
    let replace = |bucket: &mut u64, name| *bucket = count(name).unwrap_or(*bucket);
    replace(&mut usage.input, "input_tokens");
    replace(&mut usage.cached_read, "cache_read_input_tokens");
    replace(&mut usage.cache_write, "cache_creation_input_tokens");
    if let Some(output) = count("output_tokens") {
        let details = told.get("output_tokens_details").and_then(Json::as_object);
        let thought = details.and_then(|details| details.get("thinking_tokens")?.as_u64());
        usage.reasoning = thought.unwrap_or(usage.reasoning).min(output);
        usage.output = output - usage.reasoning;
    }
}

/// The JSON of all that is known.
pub(super) fn write(usage: Usage) -> Members<'static> {
    let thought = Some(usage.reasoning).filter(|thought| *thought > 0);
    Members::new()
        .with("input_tokens", usage.input)
        .with("cache_creation_input_tokens", usage.cache_write)
        .with("cache_read_input_tokens", usage.cached_read)
        .with("output_tokens", usage.output.saturating_add(usage.reasoning))
        .with_some(
            "output_tokens_details",
            thought.map(|thought| Members::new().with("thinking_tokens", thought)),
        )
}
