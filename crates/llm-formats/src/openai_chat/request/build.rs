//! Writing a request, as an upstream wants it.

use std::borrow::Cow;

use super::{build_messages::messages, build_tools};
use crate::{
    json::{Json, Members},
    neutral::{Effort, Error, Losses, Output, Request, Sampling, ServiceTier, Thinking, ThinkingAmount},
    openai_chat::family::Family,
    openai_service_tier,
};

/// The name of a schema that has none; the API wants one.
const SCHEMA_NAME: &str = "response";
/// Longer names of end users and prompts are refused.
const MAX_IDENTIFIER_CHARS: usize = 64;

/// Writes a request. A stream is always asked for its usage, which we count whether the client wants it or not.
///
/// Notes (`metadata`) are lost: the API takes them only beside an answer that it is to store.
pub(crate) fn build_request<'a>(request: Request<'a>, losses: &mut Losses) -> Result<Json<'a>, Error> {
    let family = Family::of(&request.model);
    let lost = [
        ("metadata", request.metadata.is_some()),
        ("cache_control", request.cache.is_some()),
        ("top_k", request.sampling.top_k.is_some()),
    ];
    lost.into_iter().filter(|(_, is_there)| *is_there).for_each(|(name, _)| losses.lose_named(name));

    let mut body = Members::new()
        .with("model", request.model)
        .with("messages", messages(request.messages, family, losses)?);
    let is_parallel = request.parallel_tool_calls;
    build_tools::write(request.tools, request.tool_choice, is_parallel, family, &mut body, losses);
    body = body.with_some(family.max_tokens(), request.max_tokens);
    body = sampling(request.sampling, body);
    if !request.stop.is_empty() {
        body.push("stop", request.stop.into_iter().map(Json::from).collect::<Json<'_>>());
    }
    body = body.with_some("n", request.choices);
    if let Some(logprobs) = request.logprobs {
        body = body.with("logprobs", true).with_some("top_logprobs", logprobs.top);
    }
    body =
        body.with_some("reasoning_effort", request.thinking.and_then(|asked| effort(asked, family, losses)));
    body = body.with_some("response_format", response_format(request.output));
    let has_verbosity = family == Family::Gpt5;
    body = body.with_some("verbosity", keep("verbosity", request.verbosity, has_verbosity, losses));
    body = body.with_some("user", identifier("user", request.user, true, losses));
    body = body.with_some("service_tier", service_tier(request.service_tier, family, losses));
    let key = identifier("prompt_cache_key", request.prompt_cache_key, family.is_openai(), losses);
    body = body.with_some("prompt_cache_key", key);
    if request.stream {
        let options = Members::new().with("include_usage", true);
        body = body.with("stream", true).with("stream_options", options);
    }
    Ok(body.into())
}

fn sampling(sampling: Sampling, body: Members<'_>) -> Members<'_> {
    body.with_some("temperature", sampling.temperature)
        .with_some("top_p", sampling.top_p)
        .with_some("presence_penalty", sampling.presence_penalty)
        .with_some("frequency_penalty", sampling.frequency_penalty)
        .with_some("seed", sampling.seed)
}

/// The effort of so much thinking. A number of tokens becomes one of the three efforts that all thinking models know.
fn effort(asked: Thinking, family: Family, losses: &mut Losses) -> Option<&'static str> {
    // `OpenAI` never shows thoughts here, the others always do.
    if asked.is_shown.is_some_and(|is_shown| is_shown == family.is_openai()) {
        losses.lose_named("reasoning.summary");
    }
    let effort = match asked.amount {
        ThinkingAmount::Adaptive => return None,
        ThinkingAmount::Effort(effort) => effort,
        ThinkingAmount::Budget(0) => Effort::None,
        ThinkingAmount::Budget(tokens) => Effort::of_budget(tokens).clamp(Effort::Low, Effort::High),
    };
    if !family.has_efforts() {
        // A model that does not think has what was asked for if that is nothing.
        if effort != Effort::None {
            losses.lose_named("reasoning_effort");
        }
        return None;
    }
    Some(effort.as_str())
}

fn response_format(output: Output<'_>) -> Option<Members<'_>> {
    match output {
        Output::Text => None,
        Output::JsonObject => Some(Members::new().with("type", "json_object")),
        Output::JsonSchema { name, description, schema, strict } => {
            let schema = Members::new()
                .with("name", name.unwrap_or(SCHEMA_NAME.into()))
                .with_some("description", description)
                .with("schema", schema)
                .with_some("strict", strict);
            Some(Members::new().with("type", "json_schema").with("json_schema", schema))
        }
    }
}

fn service_tier(tier: Option<ServiceTier>, family: Family, losses: &mut Losses) -> Option<&'static str> {
    match tier? {
        // Nobody has to be told to do as always.
        ServiceTier::Auto if !family.is_openai() => None,
        tier => keep("service_tier", Some(openai_service_tier::name(tier)), family.is_openai(), losses),
    }
}

fn identifier<'a>(
    name: &str,
    text: Option<Cow<'a, str>>,
    is_known: bool,
    losses: &mut Losses,
) -> Option<Cow<'a, str>> {
    let is_short = text.as_ref().is_some_and(|text| text.chars().count() <= MAX_IDENTIFIER_CHARS);
    keep(name, text, is_known && is_short, losses)
}

/// A value that can be sent, or else its name among the losses.
fn keep<T>(name: &str, value: Option<T>, is_known: bool, losses: &mut Losses) -> Option<T> {
    if value.is_some() && !is_known {
        losses.lose_named(name);
    }
    value.filter(|_| is_known)
}
