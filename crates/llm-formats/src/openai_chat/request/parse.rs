//! Reading a request.

use std::borrow::Cow;

use super::{parse_messages::parse_messages, parse_tools};
use crate::{
    json::Json,
    neutral::{
        Cache, Effort, Error, Logprobs, Losses, Output, Repeated, Request, Sampling, Thinking,
        ThinkingAmount,
        fields::{Fields, Path},
    },
    openai_service_tier,
};

/// Reads a request.
pub(crate) fn parse_request<'a>(body: Json<'a>, losses: &mut Losses) -> Result<Request<'a>, Error> {
    let mut fields = Fields::of(body, Path::BODY)?;
    let new_limit = fields.count("max_completion_tokens")?;
    let old_limit = fields.count("max_tokens")?;
    let new_user = fields.text("safety_identifier")?;
    let old_user = fields.text("user")?;
    let (tools, has_functions) = parse_tools::tools(&mut fields, losses)?;
    let request = Request {
        model: fields.need_text("model")?,
        messages: parse_messages(&mut fields, losses)?,
        tools,
        has_functions,
        tool_choice: parse_tools::choice(&mut fields, losses)?,
        parallel_tool_calls: fields.flag("parallel_tool_calls")?,
        max_tokens: new_limit.or(old_limit),
        sampling: sampling(&mut fields)?,
        stop: stop(&mut fields)?,
        choices: fields.count("n")?.filter(|choices| *choices != 1),
        logprobs: logprobs(&mut fields)?,
        thinking: thinking(&mut fields, losses)?,
        output: output(&mut fields, losses)?,
        verbosity: fields.text("verbosity")?,
        stream: fields.flag("stream")?.unwrap_or(false),
        include_usage: include_usage(&mut fields, losses)?,
        user: new_user.or(old_user),
        metadata: fields.object("metadata")?.map(Json::Object),
        service_tier: openai_service_tier::read(&mut fields, losses)?,
        prompt_cache_key: fields.text("prompt_cache_key")?,
        cache: cache(&mut fields, losses)?,
        repeated: Repeated::default(),
    };
    modalities(&mut fields, losses)?;
    if fields.flag("store")? == Some(true) {
        losses.lose_named("store");
    }
    fields.finish(losses);
    Ok(request)
}

fn sampling(fields: &mut Fields<'_, '_>) -> Result<Sampling, Error> {
    let seed = fields.json("seed").map(|seed| match seed {
        Json::Number(seed) => seed.as_i64().ok_or(()),
        _ => Err(()),
    });
    Ok(Sampling {
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        top_k: fields.count("top_k")?,
        presence_penalty: fields.number("presence_penalty")?,
        frequency_penalty: fields.number("frequency_penalty")?,
        seed: seed.transpose().map_err(|()| fields.path.member("seed").error("must be a whole number"))?,
    })
}

fn stop<'a>(fields: &mut Fields<'a, '_>) -> Result<Vec<Cow<'a, str>>, Error> {
    let here = fields.path;
    let texts = match fields.json("stop") {
        None => Vec::new(),
        Some(Json::Array(texts)) => texts,
        Some(text) => vec![text],
    };
    let texts = texts.into_iter().map(|text| match text {
        Json::String(text) => Ok(text),
        _ => Err(here.member("stop").error("must be a string, or an array of strings")),
    });
    texts.collect()
}

fn logprobs(fields: &mut Fields<'_, '_>) -> Result<Option<Logprobs>, Error> {
    let top = fields.count("top_logprobs")?;
    let is_wanted = fields.flag("logprobs")? == Some(true);
    Ok(is_wanted.then_some(Logprobs { top }))
}

/// `reasoning_effort`, and what OpenRouter has for it.
fn thinking(fields: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<Option<Thinking>, Error> {
    let here = fields.path;
    let mut amount = effort(fields, "reasoning_effort")?;
    let mut is_shown = fields.flag("include_reasoning")?;
    if let Some(reasoning) = fields.json("reasoning") {
        let mut reasoning = Fields::of(reasoning, here.member("reasoning"))?;
        let asked = effort(&mut reasoning, "effort")?;
        let budget = reasoning.count("max_tokens")?.map(ThinkingAmount::Budget);
        let none = ThinkingAmount::Effort(Effort::None);
        let by_flag = reasoning.flag("enabled")?;
        let by_flag = by_flag.map(|is_enabled| if is_enabled { ThinkingAmount::Adaptive } else { none });
        amount = amount.or(asked).or(budget).or(by_flag);
        is_shown = reasoning.flag("exclude")?.map(|is_hidden| !is_hidden).or(is_shown);
        reasoning.finish(losses);
    }
    let amount = amount.or((is_shown == Some(true)).then_some(ThinkingAmount::Adaptive));
    Ok(amount.map(|amount| Thinking { amount, is_shown }))
}

fn effort(fields: &mut Fields<'_, '_>, name: &'static str) -> Result<Option<ThinkingAmount>, Error> {
    let Some(effort) = fields.text(name)? else { return Ok(None) };
    let unknown = || {
        let names = Effort::ALL.map(Effort::as_str).join(", ");
        fields.path.member(name).error(format!("must be one of {names}"))
    };
    let effort = Effort::named(&effort).ok_or_else(unknown)?;
    Ok(Some(ThinkingAmount::Effort(effort)))
}

fn output<'a>(fields: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<Output<'a>, Error> {
    let here = fields.path;
    let Some(format) = fields.json("response_format") else { return Ok(Output::Text) };
    let path = here.member("response_format");
    let mut format = Fields::of(format, path)?;
    let output = match &*format.need_text("type")? {
        "text" => Output::Text,
        "json_object" => Output::JsonObject,
        "json_schema" => {
            let inner = path.member("json_schema");
            let missing = || inner.error("is missing");
            let mut inner = Fields::of(format.json("json_schema").ok_or_else(missing)?, inner)?;
            let output = Output::JsonSchema {
                name: inner.text("name")?,
                description: inner.text("description")?,
                schema: Json::Object(inner.object("schema")?.unwrap_or_default()),
                strict: inner.flag("strict")?,
            };
            inner.finish(losses);
            output
        }
        _ => return Err(path.member("type").error("must be one of text, json_object, json_schema")),
    };
    format.finish(losses);
    Ok(output)
}

fn include_usage(fields: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<bool, Error> {
    let here = fields.path;
    let Some(options) = fields.json("stream_options") else { return Ok(false) };
    let mut options = Fields::of(options, here.member("stream_options"))?;
    let include_usage = options.flag("include_usage")?.unwrap_or(false);
    // It pads chunks against whoever can see their lengths; what it says is nothing.
    options.ignore(&["include_obfuscation"]);
    options.finish(losses);
    Ok(include_usage)
}

/// A prompt-cache marker: OpenRouter's, which is Anthropic's, or `OpenAI`'s own.
pub(super) fn cache<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Option<Cache<'a>>, Error> {
    let here = fields.path;
    let mut cache = None;
    for name in ["cache_control", "prompt_cache_breakpoint"] {
        if let Some(marker) = fields.json(name) {
            let mut marker = Fields::of(marker, here.member(name))?;
            cache = Some(Cache { ttl: marker.text("ttl")? });
            marker.ignore(&["type", "mode"]);
            marker.finish(losses);
        }
    }
    Ok(cache)
}

/// A text is what there is; an answer that can be heard has no counterpart.
fn modalities(fields: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<(), Error> {
    for modality in fields.array("modalities")? {
        match modality.as_str() {
            Some("text") => {}
            Some("audio") => return Err(Error::NoCounterpart { what: "the modality `audio`".into() }),
            _ => losses.lose_named("modalities"),
        }
    }
    Ok(())
}
