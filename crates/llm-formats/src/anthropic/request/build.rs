//! Writing a request.

use std::borrow::Cow;

use super::{output, sampling, thinking::Plan, tools::Tools, turns};
use crate::{
    anthropic::{cache, model::Generation},
    json::{Json, Members},
    neutral::{Cache, Error, Losses, Request, ServiceTier},
};

/// Longer names of a user are refused.
const MAX_USER_BYTES: usize = 256;
/// A number of as many digits looks like a telephone's, which is refused.
const MIN_PHONE_DIGITS: usize = 10;

/// Writes a request, as it is sent with `anthropic-version: 2023-06-01`.
pub(crate) fn build_request<'a>(request: Request<'a>, losses: &mut Losses) -> Result<Json<'a>, Error> {
    name_losses(&request, losses);
    let generation = Generation::of(&request.model);
    let (mut instructions, mut turns) = turns::arrange(request.messages, losses);
    let mut tools =
        Tools { all: request.tools, choice: request.tool_choice, parallel: request.parallel_tool_calls };
    tools.narrow();
    let wanted = request.cache.or(request.prompt_cache_key.map(|_| Cache::default()));
    if let Some(wanted) = wanted {
        cache::mark_ends(&wanted, &mut tools.all, &mut instructions, &mut turns);
    }
    cache::limit(&mut tools.all, &mut instructions, &mut turns);
    let mut plan = Plan::of(request.thinking, generation, losses);
    if tools.is_forced() || !turns::allow_budget(&turns) {
        plan.forbid_budget(losses);
    }

    let mut body =
        Members::new().with("model", request.model).with("max_tokens", plan.max_tokens(request.max_tokens));
    if !instructions.is_empty() {
        body.push("system", turns::content(instructions, losses)?);
    }
    body.push("messages", turns::write(turns, losses)?);
    tools.write(&mut body, losses);
    let is_fixed = generation.refuses_sampling() || plan.is_on();
    sampling::write(request.sampling, is_fixed, &mut body, losses);
    let stop = stop_sequences(request.stop, losses);
    let user = request.user.filter(|user| is_opaque(user, losses));
    let body = body
        .with_some("thinking", plan.write())
        .with_some("output_config", output::write(request.output, plan.effort, losses))
        .with_some("stop_sequences", stop)
        .with_some("metadata", user.map(|user| Members::new().with("user_id", user)))
        .with_some("service_tier", request.service_tier.and_then(|tier| service_tier(tier, losses)))
        .with_some("stream", request.stream.then_some(true));
    Ok(body.into())
}

/// Names what Anthropic has nothing for.
fn name_losses(request: &Request<'_>, losses: &mut Losses) {
    for (name, is_lost) in [
        ("n", request.choices.is_some_and(|choices| choices > 1)),
        ("logprobs", request.logprobs.is_some()),
        ("verbosity", request.verbosity.as_deref().is_some_and(|verbosity| verbosity != "medium")),
        ("metadata", request.metadata.is_some()),
    ] {
        if is_lost {
            losses.lose_named(name);
        }
    }
}

/// Texts of nothing but white space are refused.
fn stop_sequences<'a>(stop: Vec<Cow<'a, str>>, losses: &mut Losses) -> Option<Json<'a>> {
    let told = stop.len();
    let stop: Vec<_> = stop.into_iter().filter(|text| !text.trim().is_empty()).map(Json::from).collect();
    if stop.len() < told {
        losses.lose_named("stop");
    }
    (!stop.is_empty()).then_some(Json::Array(stop))
}

/// Whether a user's name does not look like who it is: addresses and telephone numbers are refused.
fn is_opaque(user: &str, losses: &mut Losses) -> bool {
    let digits = user.bytes().filter(u8::is_ascii_digit).count();
    let is_phone =
        digits >= MIN_PHONE_DIGITS && user.chars().all(|c| c.is_ascii_digit() || "+-() ".contains(c));
    let is_opaque = user.len() <= MAX_USER_BYTES && !user.contains('@') && !is_phone;
    if !is_opaque {
        losses.lose_named("user");
    }
    is_opaque
}

fn service_tier(tier: ServiceTier, losses: &mut Losses) -> Option<&'static str> {
    match tier {
        // Priority capacity is what `auto` uses where there is any.
        ServiceTier::Auto | ServiceTier::Priority => Some("auto"),
        ServiceTier::Standard => Some("standard_only"),
        ServiceTier::Flex => {
            losses.lose_named("service_tier");
            None
        }
    }
}
