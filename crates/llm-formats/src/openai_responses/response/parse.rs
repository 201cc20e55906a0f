//! What an upstream of this format answers.

use std::borrow::Cow;

use crate::{
    json::{Json, Members},
    neutral::{
        Asked, Choice, Content, Error, Head, Part, Reasoning, Response, Seal, SealMaker, Stop, TokenLogprob,
        ToolCall,
    },
    openai_responses::error::told_by,
    usage::Usage,
};

/// What an answer has that tells why it ends.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::openai_responses) struct Has {
    /// A call of a tool.
    pub(in crate::openai_responses) call: bool,
    /// Words for why the model will not answer.
    pub(in crate::openai_responses) refusal: bool,
}

/// Reads an answer. An answer that failed is none.
pub(crate) fn parse_response<'a>(body: Json<'a>, _asked: &Asked) -> Result<Response<'a>, Error> {
    let Json::Object(mut body) = body else {
        return Err(Error::Invalid { path: String::new(), why: "must be an object".into() });
    };
    if let Some(error) = body.take("error").and_then(told_by) {
        let why = format!("tells a failure: {}", error.message);
        return Err(Error::Invalid { path: "error".into(), why: why.into() });
    }
    let mut logprobs = Vec::new();
    let mut parts = Vec::new();
    for item in array(&mut body, "output") {
        parts.extend(parts_and_logprobs(item, &mut logprobs));
    }
    parts.retain(|part| !says_nothing(&part.content));
    let head = head_of(&mut body);
    let usage = usage_of(&mut body);
    let mut has = Has::default();
    for part in &parts {
        has.call |= matches!(part.content, Content::ToolCall(_));
        has.refusal |= matches!(part.content, Content::Refusal(_));
    }
    let stop = stop_of(&mut body, has);
    Ok(Response { head, choices: vec![Choice { parts, stop, logprobs }], usage })
}

/// What tells an answer from others.
pub(in crate::openai_responses) fn head_of<'a>(response: &mut Members<'a>) -> Head<'a> {
    Head {
        id: text_of(response, "id").unwrap_or_default(),
        model: text_of(response, "model").unwrap_or_default(),
        created: response.take("created_at").and_then(|created| created.as_f64()).map(whole),
    }
}

/// Some servers tell fractions of a second.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast keeps to the range")]
fn whole(seconds: f64) -> u64 {
    seconds as u64
}

/// What an answer took, if it tells.
pub(in crate::openai_responses) fn usage_of(response: &mut Members<'_>) -> Option<Usage> {
    let usage = response.take("usage")?;
    let usage = usage.as_object()?;
    let count = |of: &Members<'_>, name| of.get(name).and_then(Json::as_u64).unwrap_or_default();
    let detail = |details, name| {
        usage.get(details).and_then(Json::as_object).map(|details| count(details, name)).unwrap_or_default()
    };
    let cached_read = detail("input_tokens_details", "cached_tokens");
    let cache_write = detail("input_tokens_details", "cache_write_tokens");
    let reasoning = detail("output_tokens_details", "reasoning_tokens");
    let input = count(usage, "input_tokens").saturating_sub(cached_read).saturating_sub(cache_write);
    let output = count(usage, "output_tokens").saturating_sub(reasoning);
    Some(Usage { input, cached_read, cache_write, output, reasoning })
}

/// Why an answer ends.
pub(in crate::openai_responses) fn stop_of<'a>(response: &mut Members<'a>, has: Has) -> Stop<'a> {
    let reason = match response.take("incomplete_details") {
        Some(Json::Object(mut details)) => text_of(&mut details, "reason"),
        _ => None,
    };
    match (text_of(response, "status").as_deref(), reason) {
        (Some("incomplete"), Some(reason)) if reason == "content_filter" => Stop::Filtered(reason),
        (Some("incomplete"), _) => Stop::MaxTokens,
        _ if has.call => Stop::ToolCalls,
        _ if has.refusal => Stop::Refusal,
        _ => Stop::End,
    }
}

/// The parts that an item has. An item of a tool that the provider runs has none.
pub(in crate::openai_responses) fn item_parts(item: Json<'_>) -> Vec<Part<'_>> {
    parts_and_logprobs(item, &mut Vec::new())
}

fn parts_and_logprobs<'a>(item: Json<'a>, logprobs: &mut Vec<TokenLogprob<'a>>) -> Vec<Part<'a>> {
    let Json::Object(mut item) = item else { return Vec::new() };
    match text_of(&mut item, "type").as_deref() {
        Some("message") => {
            let content = array(&mut item, "content").into_iter();
            content.filter_map(|part| content_part(part, logprobs)).collect()
        }
        Some("reasoning") => vec![Content::Reasoning(reasoning(item)).into()],
        Some("function_call") => vec![call(item, "arguments")],
        Some("custom_tool_call") => vec![call(item, "input")],
        _ => Vec::new(),
    }
}

/// Thoughts of which there is nothing to show and nothing to send back are none.
pub(in crate::openai_responses) fn says_nothing(content: &Content<'_>) -> bool {
    let Content::Reasoning(Reasoning { texts, seal, .. }) = content else { return false };
    texts.is_empty() && seal.is_none()
}

fn content_part<'a>(part: Json<'a>, logprobs: &mut Vec<TokenLogprob<'a>>) -> Option<Part<'a>> {
    let Json::Object(mut part) = part else { return None };
    match &*text_of(&mut part, "type")? {
        "output_text" => {
            logprobs.extend(logprobs_of(&mut part));
            Some(Part::text(text_of(&mut part, "text").unwrap_or_default()))
        }
        "refusal" => Some(Content::Refusal(text_of(&mut part, "refusal").unwrap_or_default()).into()),
        _ => None,
    }
}

fn reasoning(mut item: Members<'_>) -> Reasoning<'_> {
    let mut texts = Vec::new();
    for name in ["summary", "content"] {
        if texts.is_empty() {
            texts = array(&mut item, name)
                .into_iter()
                .filter_map(|part| match part {
                    Json::Object(mut part) => text_of(&mut part, "text"),
                    _ => None,
                })
                .collect();
        }
    }
    let seal = text_of(&mut item, "encrypted_content").map(|text| Seal::read(SealMaker::OpenAi, text));
    let id = text_of(&mut item, "id");
    Reasoning { texts, seal, id }
}

fn call<'a>(mut item: Members<'a>, input: &str) -> Part<'a> {
    let item_id = text_of(&mut item, "id");
    let id = text_of(&mut item, "call_id").or(item_id).unwrap_or_default();
    let name = text_of(&mut item, "name").unwrap_or_default();
    let arguments = text_of(&mut item, input).unwrap_or_default();
    let is_free_form = input == "input";
    Content::ToolCall(ToolCall { id, name, arguments, is_free_form, seal: None }).into()
}

/// The chances of words, where there are any.
pub(in crate::openai_responses) fn logprobs_of<'a>(part: &mut Members<'a>) -> Vec<TokenLogprob<'a>> {
    let chances = array(part, "logprobs").into_iter();
    chances
        .filter_map(|chance| {
            let Json::Object(mut chance) = chance else { return None };
            let top = array(&mut chance, "top_logprobs").into_iter().filter_map(|other| match other {
                Json::Object(mut other) => token_of(&mut other),
                _ => None,
            });
            let top = top.collect();
            let (token, logprob) = token_of(&mut chance)?;
            Some(TokenLogprob { token, logprob, top })
        })
        .collect()
}

fn token_of<'a>(chance: &mut Members<'a>) -> Option<(Cow<'a, str>, f64)> {
    Some((text_of(chance, "token")?, chance.take("logprob")?.as_f64()?))
}

/// A member that is a text.
pub(in crate::openai_responses) fn text_of<'a>(
    members: &mut Members<'a>,
    name: &str,
) -> Option<Cow<'a, str>> {
    match members.take(name) {
        Some(Json::String(text)) => Some(text),
        _ => None,
    }
}

fn array<'a>(members: &mut Members<'a>, name: &str) -> Vec<Json<'a>> {
    match members.take(name) {
        Some(Json::Array(items)) => items,
        _ => Vec::new(),
    }
}
